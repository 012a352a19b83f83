"""Numbers that follow from shapes, for sizes that a file leaves open."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.fold import FOLDABLE, fold
from lstm_edge.frontend.graph.graph import Array, Graph
from lstm_edge.frontend.graph.node import attributes_of, is_standard, label_of

STAND_INS = (1009, 1087)
"""Lengths to try where a file leaves the length open; what holds for both is taken to hold."""

DEEPEST = 60


def numbers(scope: Graph, name: str, sizes: Mapping[str, int], depth: int = 0) -> Array | None:
    """A tensor that depends on constants and shapes only, with `sizes` for open axes."""
    if scope.is_constant(name):
        return scope.constant(name)
    node = scope.makers.get(name)
    if node is None and scope.outer is not None and not scope.is_input(name):
        return numbers(scope.outer, name, sizes, depth)
    if node is None or not is_standard(node) or depth > DEEPEST:
        return None
    if node.op_type == "Shape":
        return _shape(scope, node, sizes)
    if node.op_type not in FOLDABLE:
        return None
    inputs = [numbers(scope, i, sizes, depth + 1) if i else None for i in node.input]
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
