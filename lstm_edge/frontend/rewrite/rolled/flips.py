"""Which nodes turn an axis around as a whole."""

from __future__ import annotations

from itertools import product

from onnx import NodeProto

from lstm_edge.frontend.graph.bounds import axis_of, slice_bounds
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.shapes import Shape
from lstm_edge.frontend.rewrite.rolled.sizes import STAND_INS, numbers

FIRST = -(2**31) + 1
"""Ends of a Slice from here down are before the first element of any axis."""


def flip_axis(scope: Graph, name: str) -> int | None:
    """The axis along which a tensor is the whole of its maker's input, last to first."""
    key = ("flip", name)
    if key not in scope.memo:
        node = scope.maker(name, "Slice", "ReverseSequence", "Gather")
        shape = scope.shape(node.input[0]) if node is not None else None
        found = None
        if node is not None and shape is not None:
            found = _RULES[node.op_type](scope, node, shape)
        scope.memo[key] = found
    axis: int | None = scope.memo[key]
    return axis


def _slice(scope: Graph, node: NodeProto, shape: Shape) -> int | None:
    bounds = slice_bounds(scope, node)
    if bounds is None or len(bounds) != 1 or bounds[0][3] != -1:
        return None
    axis, start, end, step = bounds[0]
    size = shape[axis]
    if isinstance(size, int):
        whole = len(range(size)[start:end:step]) == size
    else:
        whole = start == -1 and end <= FIRST
    return axis if whole else None


def _gather(scope: Graph, node: NodeProto, shape: Shape) -> int | None:
    axis = axis_of(node, shape)
    size, indices = shape[axis] if axis is not None else None, scope.integers(node.input[1])
    if not isinstance(size, int) or indices is None or size < 2:
        return None
    return axis if [i % size for i in indices] == list(range(size))[::-1] else None


def _reverse_sequence(scope: Graph, node: NodeProto, shape: Shape) -> int | None:
    """Only with the length of every row that of the whole axis."""
    axis = axis_of(node, shape, name="time_axis")
    size = shape[axis] if axis is not None else None
    if axis is None or size is None:
        return None
    opened = [d for d in shape if isinstance(d, str)]
    for sizes in product(STAND_INS, repeat=len(set(opened))):
        known = dict(zip(dict.fromkeys(opened), sizes, strict=True))
        lengths = numbers(scope, node.input[1], known)
        wanted = known[size] if isinstance(size, str) else size
        if lengths is None or not lengths.size or not (lengths == wanted).all():
            return None
    return axis


_RULES = {"Slice": _slice, "Gather": _gather, "ReverseSequence": _reverse_sequence}
