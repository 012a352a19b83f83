"""Functions written out in arithmetic, as exporters write what their opset has no operator for."""

from __future__ import annotations

import math

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.pattern import (
    Pattern,
    Rule,
    axis,
    number,
    op,
    product,
    rewritten,
    scaled,
    square,
    var,
)

X = var("x")


def _clip(x: Pattern, low: float, high: float) -> Pattern:
    return op("Clip", x, number(low), number(high)) | op(
        "Min", op("Max", x, number(low)), number(high)
    )


def _half_of(x: Pattern) -> Pattern:
    """x * y / 2 of X and y = 1 + something."""
    inner = op("Add", x, number(1.0))
    halved = op("Add", scaled(x, 0.5), number(0.5))
    return (
        product(X, number(0.5), inner)
        | scaled(op("Mul", X, inner), 0.5)
        | op("Mul", scaled(X, 0.5), inner)
        | op("Mul", X, scaled(inner, 0.5))
        | op("Mul", X, halved)
    )


GELU = _half_of(op("Erf", scaled(X, math.sqrt(0.5))))

_OUTER, _CUBED = math.sqrt(2.0 / math.pi), 0.044715
_CUBE = op("Pow", X, number(3.0)) | product(X, X, X)
_ARGUMENT = (
    product(number(_OUTER), op("Add", X, product(number(_CUBED), _CUBE)))
    | product(number(_OUTER), X, op("Add", number(1.0), product(number(_CUBED), square(X))))
    | op("Add", product(number(_OUTER), X), product(number(_OUTER * _CUBED), _CUBE))
)
GELU_BY_TANH = _half_of(op("Tanh", _ARGUMENT))

_TO_SIX = _clip(op("Add", X, number(3.0)), 0.0, 6.0)
HARD_SWISH = (
    op("Mul", X, op("HardSigmoid", X, alpha=1.0 / 6.0, beta=0.5) | scaled(_TO_SIX, 1.0 / 6.0))
    | scaled(op("Mul", X, _TO_SIX), 1.0 / 6.0)
    | op("Mul", scaled(X, 1.0 / 6.0), _TO_SIX)
)

SOFTPLUS = op("Log", op("Add", op("Exp", X), number(1.0)))
MISH = op("Mul", X, op("Tanh", op("Softplus", X) | SOFTPLUS))

_LENGTH = op("ReduceL2", X, axis("axis"), keepdims=1, noop_with_empty_axes=None) | op(
    "Sqrt", op("ReduceSum", square(X), axis("axis"), keepdims=1, noop_with_empty_axes=None)
)
_ABOVE_NOTHING = op("Clip", _LENGTH, number(1e-12)) | op("Max", _LENGTH, number(1e-12))
_SPREAD = op("Expand", _LENGTH | _ABOVE_NOTHING, op("Shape", X))
UNIT_VECTOR = op("Div", X, _LENGTH | _ABOVE_NOTHING | _SPREAD)

RULES = (
    Rule.one(GELU, "Gelu"),
    Rule.one(GELU_BY_TANH, "Gelu", approximate="tanh"),
    Rule.one(HARD_SWISH, "HardSwish"),
    Rule.one(MISH, "Mish"),
    Rule.one(SOFTPLUS, "Softplus"),
    Rule.one(UNIT_VECTOR, "LpNormalization", "axis", p=2),
)


def activations(sketch: Graph) -> None:
    """Replace each function that is written out."""
    rewritten(sketch, *RULES)
