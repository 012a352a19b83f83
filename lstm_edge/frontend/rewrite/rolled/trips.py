"""How often a Loop runs: proven by computing its condition for all of its steps at once."""

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

ELEMENTWISE = frozenset(
    (
        *("Cast", "Add", "Sub", "Mul", "Min", "Max", "And", "Or", "Not", "Identity"),
        *("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"),
    )
)
DEEPEST = 60


def runs_all(
    outer: Graph, body: Graph, loop: NodeProto, ends: Mapping[str, Array], length: int | str
) -> bool:
    """True where a Loop has as many steps as the axis `length` of its sequence.

    ends: what the body computes its condition from, by name, at its first step: numbers that go
    up by 1 each step.
    """
    lengths = [length] if isinstance(length, int) else STAND_INS
    for steps in lengths:
        sizes = {} if isinstance(length, int) else {length: steps}
        if not _runs(outer, body, loop, ends, steps, sizes):
            return False
    return True


def _runs(
    outer: Graph,
    body: Graph,
    loop: NodeProto,
    ends: Mapping[str, Array],
    steps: int,
    sizes: Mapping[str, int],
) -> bool:
    most, begun = (numbers(outer, i, sizes) if i else None for i in loop.input[:2])
    if (loop.input[0] and most is None) or (loop.input[1] and begun is None):
        return False
    if steps < 1 or (begun is not None and not begun.all()):
        return False
    if most is not None and int(most.reshape(-1)[0]) < steps:
        return False
    known = {name: first + np.arange(steps, dtype=first.dtype) for name, first in ends.items()}
    if body.strip(body.final) == body.inputs[1].name:  # handed on as it came
        return most is not None and int(most.reshape(-1)[0]) == steps
    again = _at_all_steps(body, body.final, known, sizes)
    if again is None:
        return False
    on = np.broadcast_to(again.reshape(-1), (steps,))
    bounded = most is not None and int(most.reshape(-1)[0]) == steps
    return bool(on[:-1].all()) and (bounded or not on[-1])


def _at_all_steps(
    body: Graph, name: str, known: dict[str, Array], sizes: Mapping[str, int], depth: int = 0
) -> Array | None:
    """A number of the body at all steps, [T] or one for all."""
    if name in known:
        return known[name]
    node = body.makers.get(name)
    if node is None:
        return None if body.is_input(name) else numbers(body, name, sizes)
    if not is_standard(node) or node.op_type not in ELEMENTWISE or depth > DEEPEST:
        return numbers(body, name, sizes)
    inputs = [_at_all_steps(body, i, known, sizes, depth + 1) for i in node.input]
    if any(array is None or array.size not in (1, _longest(known)) for array in inputs):
        return None
    known[name] = fold(label_of(node), node, inputs)[0]
    return known[name]


def _longest(known: Mapping[str, Array]) -> int:
    return max(array.size for array in known.values())


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
