"""Steps that are put around a sequence for a convolution, or taken off behind it, in its own pads.

    Pad -> Conv, Pad -> AveragePool                  zeros before and behind: F.pad, Keras
    Conv(pads = [p, p]) -> Slice(0 .. -p)            a causal convolution written with padding

The Pad may stand before a Transpose or an Unsqueeze. Whatever else reads it keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass

from onnx import NodeProto, helper

from lstm_edge.frontend.graph.bounds import slice_bounds
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of


@dataclass(frozen=True)
class _Put:
    """Zeros put around `x`, as the reader of the result sees its axes. before, behind: per axis of
    that reader. between: the nodes from the Pad to the reader.
    """

    x: str
    before: tuple[int, ...]
    behind: tuple[int, ...]
    between: tuple[NodeProto, ...]


def pads(sketch: Graph) -> None:
    """Replace each Pad before a Conv or AveragePool, and each Slice behind a Conv."""
    _cut_behind(sketch)
    for node in [n for n in sketch.nodes if n.op_type in ("Conv", "AveragePool")]:
        reader: NodeProto | None = node
        while reader is not None:
            reader = _take_in(sketch, reader)


def _take_in(sketch: Graph, reader: NodeProto) -> NodeProto | None:
    """What the reader of a padded sequence became, with these pads its own."""
    own = _own_pads(sketch, reader)
    put = _put_around(sketch, reader.input[0]) if own is not None else None
    if own is None or put is None or len(put.before) != 2 + len(own) // 2:
        return None
    if any((*put.before[:2], *put.behind[:2])):  # rows of the batch, or features
        return None
    if reader.op_type == "AveragePool" and any(own) and not _includes(reader):
        return None
    pads = [a + b for a, b in zip(own, (*put.before[2:], *put.behind[2:]), strict=True)]
    made, name = [], put.x
    for node in put.between:
        copy = NodeProto()
        copy.CopyFrom(node)
        copy.input[0] = name
        name = copy.output[0] = sketch.fresh(node.output[0])
        made.append(copy)
    more = {"count_include_pad": 1} if reader.op_type == "AveragePool" else {}
    made.append(_with_pads(reader, name, reader.output[0], pads, more))
    sketch.replace([reader], made)
    return made[-1]


def _put_around(sketch: Graph, name: str) -> _Put | None:
    """The zeros in a tensor, where a Pad put them there."""
    between: list[NodeProto] = []
    moves = ("Transpose", "Unsqueeze")
    while (node := sketch.producer(name)) is not None and node.op_type in moves:
        between.insert(0, node)
        name = node.input[0]
    found = _zeros(sketch, node) if node is not None and node.op_type == "Pad" else None
    if node is None or found is None:
        return None
    before, behind = found
    for moved in between:
        order = _order(sketch, moved, len(before))
        if order is None:
            return None
        before, behind = ([s[k] if k >= 0 else 0 for k in order] for s in (before, behind))
    return _Put(node.input[0], tuple(before), tuple(behind), tuple(between))


def _order(sketch: Graph, node: NodeProto, rank: int) -> list[int] | None:
    """Which axis of its input each axis of a node's result is; -1 for a new one."""
    given = attributes_of(node)
    if node.op_type == "Transpose":
        order = [int(k) for k in given.get("perm", range(rank)[::-1])]
        return order if sorted(order) == list(range(rank)) else None
    axes = _integers(sketch, node, 1)
    if not axes or any(not -rank - len(axes) <= k < rank + len(axes) for k in axes):
        return None
    new = {k % (rank + len(axes)) for k in axes}
    old = iter(range(rank))
    return [-1 if k in new else next(old) for k in range(rank + len(new))]


def _zeros(sketch: Graph, node: NodeProto) -> tuple[list[int], list[int]] | None:
    """How many zeros a Pad puts before and behind each axis; None where not only zeros."""
    given = attributes_of(node)
    if given.get("mode", "constant") != "constant":
        return None
    both = _integers(sketch, node, 1)
    filled = node.input[2] if len(node.input) > 2 else ""
    array = sketch.constant(filled) if filled else None
    value = 0.0 if not filled else None if array is None or array.size != 1 else array.item()
    if len(node.input) > 3 and node.input[3]:
        return None  # some axes only: how many there are is not known here
    if not both or len(both) % 2 or min(both) < 0 or value != 0.0:
        return None
    half = len(both) // 2
    return [int(k) for k in both[:half]], [int(k) for k in both[half:]]


def _integers(sketch: Graph, node: NodeProto, index: int) -> list[int] | None:
    """The numbers of a constant input."""
    array = sketch.constant(node.input[index]) if len(node.input) > index else None
    return None if array is None else [int(k) for k in array.reshape(-1)]


def _own_pads(sketch: Graph, node: NodeProto) -> list[int] | None:
    """The pads of a Conv or pooling; None where they depend on the length."""
    given = attributes_of(node)
    rank = len(given.get("kernel_shape", ()))
    if not rank and node.op_type == "Conv":
        weights = sketch.constant(node.input[1])
        rank = 0 if weights is None else weights.ndim - 2
    if rank < 1 or given.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return None
    if given.get("auto_pad") == "VALID" or "pads" not in given:
        return [0] * (2 * rank)
    pads = [int(k) for k in given["pads"]]
    return pads if len(pads) == 2 * rank and min(pads) >= 0 else None


def _includes(node: NodeProto) -> bool:
    return bool(attributes_of(node).get("count_include_pad", 0))


def _with_pads(
    node: NodeProto, data: str, result: str, pads: list[int], more: dict[str, int]
) -> NodeProto:
    """The same node of other data, with other pads and attributes."""
    copy = NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    changed = {"auto_pad", "pads", *more}
    copy.attribute.extend(a for a in node.attribute if a.name not in changed)
    copy.attribute.extend(helper.make_attribute(k, v) for k, v in {"pads": pads, **more}.items())
    copy.input[0] = data
    copy.output[0] = result
    return copy


def _cut_behind(sketch: Graph) -> None:
    """Slices that take off what a convolution made of the zeros behind a sequence."""
    cuts = [(n, c) for n in sketch.nodes if (c := _convolution_cut_by(sketch, n)) is not None]
    scope = sketch.snapshot() if cuts else None
    for node, made in cuts:
        own = _own_pads(sketch, made)
        bounds = slice_bounds(scope, node) if scope is not None else None
        moves = list(attributes_of(made).get("strides", [1])) != [1]
        if own is None or len(own) != 2 or moves or not bounds or len(bounds) != 1:
            continue
        axis, start, end, step = bounds[0]
        if (axis, start, step) == (2, 0, 1) and 0 < -end <= own[1]:
            kept = _with_pads(made, made.input[0], node.output[0], [own[0], own[1] + end], {})
            sketch.replace([node], [kept])


def _convolution_cut_by(sketch: Graph, node: NodeProto) -> NodeProto | None:
    made = sketch.producer(node.input[0]) if node.op_type == "Slice" else None
    return made if made is not None and made.op_type == "Conv" else None
