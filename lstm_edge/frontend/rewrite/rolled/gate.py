"""Functions of gates, by ONNX's names: also those that exporters put together from others."""

from __future__ import annotations

from dataclasses import dataclass

from onnx import NodeProto

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of
from lstm_edge.frontend.rewrite.rolled.linear import Form, linear_form

PARAMETERS = {
    "Sigmoid": {},
    "Tanh": {},
    "Relu": {},
    "Softsign": {},
    "Softplus": {},
    "Elu": {"alpha": 1.0},
    "LeakyRelu": {"alpha": 0.01},
    "ThresholdedRelu": {"alpha": 1.0},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
}
"""Operators that a recurrent node has as functions, with the defaults of their attributes."""

NEAR = 1e-6


@dataclass(frozen=True)
class Function:
    """A function by its name in ONNX, with the parameters that it takes."""

    name: str
    parameters: tuple[float, ...] = ()


@dataclass(frozen=True)
class Gate:
    """function(form)."""

    function: Function
    form: Form


LINEAR = Function("Affine", (1.0, 0.0))
"""The function that Keras calls linear."""


def gate_of(scope: Graph, name: str) -> Gate | None:
    """A tensor as a function of a sum."""
    found = function_of(scope, name)
    return None if found is None else Gate(found[0], linear_form(scope, found[1]))


def linear_gate(scope: Graph, name: str) -> Gate | None:
    """A tensor as a function of a sum, or as a sum of weighted vectors without a function."""
    found = gate_of(scope, name)
    form = linear_form(scope, name) if found is None else None
    if form is None or not form.terms or any(term.weight is None for term in form.terms):
        return found
    return Gate(LINEAR, form)


def function_of(scope: Graph, name: str) -> tuple[Function, str] | None:
    """A tensor as a function and its argument."""
    key = ("function", name)
    if key not in scope.memo:
        scope.memo[key] = _function(scope, scope.strip(name))
    found: tuple[Function, str] | None = scope.memo[key]
    return found


def _function(scope: Graph, name: str) -> tuple[Function, str] | None:
    node = scope.maker(name, *PARAMETERS)
    if node is not None:
        given = attributes_of(node)
        numbers = [float(given.get(k, v)) for k, v in PARAMETERS[node.op_type].items()]
        return Function(node.op_type, tuple(numbers)), node.input[0]
    return _clipped(scope, name)


def _clipped(scope: Graph, name: str) -> tuple[Function, str] | None:
    """min(max(x * a + b, 0), 1), where the factor may stand outside: (x + 3) clipped to 6, / 6."""
    outside, offset, name = _line(scope, name)
    node = scope.maker(name, "Clip")
    if node is None or offset or outside <= 0.0:
        return None
    bounds = _bounds(scope, node)
    if bounds is None or not _is(bounds[0] * outside, 0.0) or not _is(bounds[1] * outside, 1.0):
        return None
    slope, offset, argument = _line(scope, node.input[0])
    return Function("HardSigmoid", (slope * outside, offset * outside)), argument


def _bounds(scope: Graph, node: NodeProto) -> tuple[float, float] | None:
    found = [scope.scalar(i) for i in node.input[1:3]]
    if len(found) < 2 or found[0] is None or found[1] is None:
        return None
    return found[0], found[1]


def _line(scope: Graph, name: str) -> tuple[float, float, str]:
    """A tensor as slope * x + offset of another, by numbers (not vectors) alone."""
    slope, offset = 1.0, 0.0
    for _ in range(4):
        name = scope.strip(name)
        node = scope.maker(name, "Mul", "Div", "Add", "Sub")
        if node is None:
            break
        number, other = scope.scalar(node.input[1]), node.input[0]
        if number is None and node.op_type in ("Mul", "Add"):
            number, other = scope.scalar(node.input[0]), node.input[1]
        if number is None or (number == 0.0 and node.op_type in ("Mul", "Div")):
            break
        if node.op_type in ("Mul", "Div"):
            slope *= number if node.op_type == "Mul" else 1.0 / number
        else:
            offset += slope * (number if node.op_type == "Add" else -number)
        name = other
    return slope, offset, name


def _is(found: float, wanted: float) -> bool:
    return abs(found - wanted) < NEAR
