"""Numbers repeated along an axis, each several times, as exporters write repeat_interleave.

Unsqueeze -> Expand or Tile -> Reshape     a Gather of the same axis, each place again and again
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.shapes import Shape


def repeats(graph: Graph) -> None:
    """Replace each Reshape that puts what an Expand made beside its own axis."""
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
    if tuple(after) != (*before[:axis], size * count, *before[axis + 1 :]):
        return None
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
