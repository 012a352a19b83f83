"""Numbers repeated along an axis, each several times, as exporters write repeat_interleave.

Unsqueeze -> Expand or Tile -> Reshape     a Gather of the same axis, each place again and again
Expand -> Add, Mul ...                     what the operator does by itself
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.shapes import Shape

BROADCAST = ("Add", "Sub", "Mul", "Div", "Where", "Max", "Min")
"""Operators that repeat what they read, of which exporters yet write an Expand."""


def repeats(graph: Graph) -> None:
    """Replace each Reshape that puts what an Expand made beside its own axis, and each Expand whose
    readers repeat by themselves.
    """
    for node in [n for n in graph.nodes if n.op_type == "Expand"]:
        _left_to_readers(graph, node)
    for node in [n for n in graph.nodes if n.op_type == "Reshape"]:
        made = _gather(graph, node)
        if made is not None:
            graph.replace([node], [made])


def _gather(graph: Graph, node: NodeProto) -> NodeProto | None:
    many = graph.maker(node.input[0], "Expand", "Tile")
    wide = graph.maker(many.input[0], "Unsqueeze") if many is not None else None
    new = graph.axes(wide) if wide is not None else None
    if many is None or wide is None or new is None or len(new) != 1 or new[0] < 1:
        return None
    before, after, axis = graph.shape(wide.input[0]), graph.shape(node.output[0]), new[0] - 1
    if before is None or after is None or len(before) <= axis or len(after) != len(before):
        return None
    size, times = before[axis], _times(graph, many, (*before[: axis + 1], 1, *before[axis + 1 :]))
    alone = times is not None and [n for k, n in enumerate(times) if n != 1] == [times[axis + 1]]
    if not isinstance(size, int) or times is None or not alone or times[axis + 1] < 2:
        return None
    count = times[axis + 1]
    inner = graph.shape(node.input[0]) or ()  # sizes that are open have their names there
    if None in inner or (*after[:axis], *after[axis + 1 :]) != (*inner[:axis], *inner[axis + 2 :]):
        return None  # what is left over for the axis itself is size * count then
    places = graph.add_constant(np.repeat(np.arange(size), count))
    return helper.make_node(
        "Gather", [wide.input[0], places], list(node.output), node.name, axis=axis
    )


def _times(graph: Graph, node: NodeProto, shape: Shape) -> list[int] | None:
    """How often an Expand or a Tile has each axis of `shape`."""
    given = graph.integers(node.input[1])
    if given is None or len(given) != len(shape):
        return None
    if node.op_type == "Tile":
        return given
    pairs = zip(given, shape, strict=True)
    return [n if m == 1 else 1 for n, m in pairs]


def _left_to_readers(graph: Graph, node: NodeProto) -> None:
    """Have all readers of an Expand read what it reads, where another operand has its size."""
    before, wanted = graph.shape(node.input[0]), graph.integers(node.input[1])
    if before is None or wanted is None or len(before) != len(wanted):
        return
    after = tuple(b if n == 1 else n for n, b in zip(wanted, before, strict=True))
    names, readers = {node.output[0]}, list[NodeProto]()
    waiting = graph.users(node.output[0])
    while waiting:
        user = waiting.pop()
        if user.op_type == "Reshape" and user.input[0] in names:  # there and back again
            names.add(user.output[0])
            waiting += graph.users(user.output[0])
        else:
            readers.append(user)
    for user in readers:
        read = [name for name in user.input if name in names]
        others = [graph.shape(name) for name in user.input if name not in names]
        known = [shape for shape in others if shape is not None and len(shape) == len(after)]
        fits = user.op_type in BROADCAST and all(
            _shape(graph, n, node, after) == after for n in read
        )
        if not fits or not any(_covers(shape, before, after) for shape in known):
            return
    if any(map(graph.is_output, names)):
        return
    for user in readers:
        made = NodeProto()
        made.CopyFrom(user)
        made.input[:] = [node.input[0] if name in names else name for name in user.input]
        graph.replace([user], [made])


def _shape(graph: Graph, name: str, node: NodeProto, after: Shape) -> Shape | None:
    """The shape of what an Expand makes, or of a Reshape of it."""
    made = graph.maker(name, "Reshape")
    sizes = None if made is None else graph.integers(made.input[1])
    if name == node.output[0] or sizes is None:
        return after if name == node.output[0] else None
    # one size may be left open, -1: it is what the others leave
    fits = len(sizes) == len(after) and sizes.count(-1) < 2
    return after if fits and all(n in (-1, a) for n, a in zip(sizes, after, strict=True)) else None


def _covers(shape: Shape, before: Shape, after: Shape) -> bool:
    """Whether a shape has the sizes to which an Expand repeats."""
    return all(n == a for n, b, a in zip(shape, before, after, strict=True) if b != a)
