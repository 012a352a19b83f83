"""Inputs that are joined and at once taken apart again: the states of several layers.

    Concat(h1, h2) -> Slice, Gather or Split along the same axis, one layer's state each

become the inputs themselves, or parts of one: nothing has to be joined then.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from onnx import NodeProto

from lstm_edge.frontend.graph.bounds import axis_of, slice_bounds
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import label_of
from lstm_edge.frontend.graph.patch import Patch

_MOVES = ("Identity", "Unsqueeze", "Squeeze", "Reshape", "Transpose")
"""Operators behind which an input is still an input: torch.stack is Unsqueeze and Concat."""

Part = tuple[str, int, int]
"""An input, and begin and end of the places that are taken of it."""


def joined_inputs(sketch: Graph) -> None:
    """Replace what picks from a Concat of inputs and takes each place from one of them."""
    given = {i.name for i in sketch.inputs}
    for node in sketch.nodes:
        if node.op_type in _MOVES and node.input[0] in given:
            given.add(node.output[0])
    joins = [n for n in sketch.nodes if n.op_type == "Concat" and given.issuperset(n.input)]
    scope = sketch.snapshot() if joins else None
    for join in joins:
        for node in sketch.users(join.output[0]):
            made = _made_of_parts(sketch, scope, join, node) if scope is not None else None
            if made is not None:
                sketch.replace([node], made)


def _made_of_parts(
    sketch: Graph, scope: Graph, join: NodeProto, node: NodeProto
) -> list[NodeProto] | None:
    """The node's outputs, each from one of the inputs; None where that cannot be."""
    shapes = [scope.shape(name) for name in join.input]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes) or len({len(shape) for shape in known}) != 1:
        return None
    axis = axis_of(join, known[0])
    sizes = [shape[axis] for shape in known if axis is not None]
    counts = [size for size in sizes if isinstance(size, int)]
    taken = _places(scope, node, axis, sum(counts)) if axis is not None else None
    if taken is None or axis is None or len(counts) < len(shapes):
        return None
    patch = Patch(sketch, label_of(node))
    for output, (begin, end) in zip(node.output, taken, strict=True):
        part = _part(list(join.input), counts, begin, end)
        if part is None:
            return None
        _take(patch, node, part, counts[list(join.input).index(part[0])], axis, output)
    return patch.nodes


def _places(scope: Graph, node: NodeProto, axis: int, size: int) -> list[tuple[int, int]] | None:
    """Begin and end of the places that each output of a node takes along `axis`."""
    shape = scope.shape(node.input[0])
    if shape is None or len(node.output) < 1:
        return None
    if node.op_type == "Slice":
        bounds = slice_bounds(scope, node)
        if bounds is None or len(bounds) != 1 or (bounds[0][0], bounds[0][3]) != (axis, 1):
            return None
        places = range(size)[bounds[0][1] : bounds[0][2]]
        return [(places.start, places.stop)] if places else None
    if axis_of(node, shape) != axis:
        return None
    if node.op_type == "Gather":
        index = scope.integers(node.input[1])
        one = index is not None and len(index) == 1 and -size <= index[0] < size
        return [(index[0] % size, index[0] % size + 1)] if one and index is not None else None
    sizes = _split_sizes(scope, node, size) if node.op_type == "Split" else None
    if sizes is None or min(sizes) < 1:
        return None
    ends = list(accumulate(sizes))
    return list(zip([0, *ends], ends, strict=False))


def _split_sizes(scope: Graph, node: NodeProto, size: int) -> list[int] | None:
    """The sizes of a Split's outputs, given or equal."""
    given = len(node.input) > 1 and node.input[1]
    sizes = scope.integers(node.input[1]) if given else None
    count = len(node.output)
    if sizes is None and size % count == 0:
        return [size // count] * count
    fits = sizes is not None and len(sizes) == count and sum(sizes) == size
    return [int(n) for n in sizes] if fits and sizes is not None else None


def _part(names: list[str], counts: list[int], begin: int, end: int) -> Part | None:
    """Where these places lie, if in one of the inputs."""
    start = 0
    for name, count in zip(names, counts, strict=True):
        if start <= begin and end <= start + count:
            return name, begin - start, end - start
        start += count
    return None


def _take(patch: Patch, node: NodeProto, part: Part, count: int, axis: int, output: str) -> None:
    """Nodes that give the part as `output`, in the shape that `node` gave."""
    name, begin, end = part
    if node.op_type == "Gather":
        index = patch.sketch.constant(node.input[1])
        rank = 0 if index is None else index.ndim
        number = patch.constant(np.full((1,) * rank, begin, np.int64))
        patch.add("Gather", [name, number], output, axis=axis)
    elif end - begin == count:
        patch.add("Identity", [name], output)
    else:
        bounds = [patch.constant([n]) for n in (begin, end, axis)]
        patch.add("Slice", [name, *bounds], output)
