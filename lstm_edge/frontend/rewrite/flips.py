"""Which nodes turn an axis around as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from onnx import NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.bounds import axis_of, slice_bounds
from lstm_edge.frontend.graph.fold import FOLDABLE, fold
from lstm_edge.frontend.graph.graph import Array, Graph
from lstm_edge.frontend.graph.node import attributes_of, is_standard, label_of
from lstm_edge.frontend.graph.shapes import Shape

STAND_INS = (1009, 1087)
"""Lengths to try where a file leaves the length open; what holds for both is taken to hold."""
DEEPEST = 60
FIRST = -(2**31) + 1
"""Ends of a Slice from here down are before the first element of any axis."""


def flip_axis(scope: Graph, name: str) -> int | None:
    """The axis along which a tensor is the whole of its maker's input, last to first."""
    node = scope.maker(name, *_RULES)
    shape = scope.shape(node.input[0]) if node is not None else None
    return None if node is None or shape is None else _RULES[node.op_type](scope, node, shape)


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
        lengths = _numbers(scope, node.input[1], known)
        wanted = known[size] if isinstance(size, str) else size
        if lengths is None or not lengths.size or not (lengths == wanted).all():
            return None
    return axis


_RULES = {"Slice": _slice, "Gather": _gather, "ReverseSequence": _reverse_sequence}


def _numbers(scope: Graph, name: str, sizes: Mapping[str, int], depth: int = 0) -> Array | None:
    """A tensor that depends on constants and shapes only, with `sizes` for open axes."""
    if scope.is_constant(name):
        return scope.constant(name)
    node = scope.makers.get(name)
    if node is None and scope.outer is not None and not scope.is_input(name):
        return _numbers(scope.outer, name, sizes, depth)
    if node is None or not is_standard(node) or depth > DEEPEST:
        return None
    if node.op_type == "Shape":
        return _shape(scope, node, sizes)
    if node.op_type not in FOLDABLE:
        return None
    inputs = [_numbers(scope, i, sizes, depth + 1) if i else None for i in node.input]
    if any(i and array is None for i, array in zip(node.input, inputs, strict=True)):
        return None
    try:
        results = fold(label_of(node), node, inputs)
    except ModelError:  # of a size that is not known: nothing is proven then
        return None
    return results[[o for o in node.output if o].index(name)]


def _shape(scope: Graph, node: NodeProto, sizes: Mapping[str, int]) -> Array | None:
    """The shape of a tensor; -1 for sizes that are not known, which no proof can use."""
    shape = scope.shape(node.input[0])
    if shape is None:
        return None
    given = attributes_of(node)
    picked = shape[slice(given.get("start"), given.get("end"))]
    known = [d if isinstance(d, int) else sizes.get(d or "", -(2**20)) for d in picked]
    return np.array(known, np.int64)
