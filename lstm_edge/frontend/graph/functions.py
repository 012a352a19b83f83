"""Operators of ONNX that act on each number alone, as equations: of layers and of steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge import functions
from lstm_edge.errors import ModelError
from lstm_edge.ir.expr import Expr, constant, floor, nearest, sigmoid
from lstm_edge.layers.elementwise import PAIRS
from lstm_edge.layers.functions import ALONE


@dataclass(frozen=True)
class Form:
    """build: from the number and the attributes. usual: these, as they are where a node does not
    say. positive: of those that must be above 0.
    """

    build: Callable[..., Expr]
    usual: Mapping[str, Any] = field(default_factory=dict)
    positive: bool = False

    def of(self, label: str, given: Mapping[str, Any]) -> Callable[[Expr], Expr]:
        """The function that a node is. Raises ModelError for attributes that none has."""
        known = {name: given.get(name, usual) for name, usual in self.usual.items()}
        for name, value in known.items():
            said = f"attribute {name} = {value!r}"
            if isinstance(self.usual[name], str):
                if value not in _APPROXIMATE:
                    raise ModelError(label, f"{said}, expected {' or '.join(_APPROXIMATE)}")
            elif not math.isfinite(value):
                raise ModelError(label, f"{said} is not finite")
            elif self.positive and not value > 0.0:
                raise ModelError(label, f"{said}, expected a number above 0")
        return lambda x: self.build(x, **known)


_APPROXIMATE = ("none", "tanh")


def _gelu(x: Expr, approximate: str) -> Expr:
    return functions.gelu(x, tanh_form=approximate == "tanh")


def _swish(x: Expr, alpha: float) -> Expr:
    return functions.swish(x) if alpha == 1.0 else x * sigmoid(x * alpha)


def _activation(name: str) -> Form:
    found = functions.ACTIVATIONS[name]
    numbers = (("alpha", found.alpha), ("beta", found.beta))

    def build(x: Expr, alpha: float = 0.0, beta: float = 0.0) -> Expr:
        return found.build(x, alpha, beta)

    return Form(build, dict(numbers[: found.parameters]))


_ALONE = "Abs Acosh Asinh Atanh Cos Cosh Erf Exp Log Mish Reciprocal Sign Sin Sinh Sqrt Tan"
_ACTIVATIONS = "Elu HardSigmoid LeakyRelu Relu Sigmoid Softplus Softsign Tanh ThresholdedRelu"

FORMS: Mapping[str, Form] = {
    **{name: Form(ALONE[name.lower()]) for name in _ALONE.split()},
    **{name: _activation(name) for name in _ACTIVATIONS.split()},
    "Celu": Form(functions.celu, {"alpha": 1.0}, positive=True),
    "Ceil": Form(functions.ceiling),
    "Floor": Form(floor),
    "Gelu": Form(_gelu, {"approximate": "none"}),
    "HardSwish": Form(functions.hard_swish),
    "Round": Form(nearest),
    "Selu": Form(functions.selu, {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}),
    "Swish": Form(_swish, {"alpha": 1.0}),
}
"""By the name of the operator."""

COMPARED: Mapping[str, str] = {
    "Greater": "is_larger",
    "GreaterOrEqual": "is_not_smaller",
    "Less": "is_smaller",
    "LessOrEqual": "is_not_larger",
    "Equal": "is_equal",
}
"""Operators that compare two numbers, as `layers/elementwise.py` names them."""


def _xor(x: Expr, y: Expr) -> Expr:
    return PAIRS["is_larger"](PAIRS["is_equal"](x, y) * -1.0, constant(-0.5))


TRUTHS: Mapping[str, Callable[[Expr, Expr], Expr]] = {
    **{op: PAIRS[name] for op, name in COMPARED.items()},
    "And": PAIRS["mul"],
    "Or": PAIRS["larger"],
    "Xor": _xor,
}
"""Operators of two numbers that give what is true, 1, or false, 0."""

REMAINDERS: Mapping[int, Callable[[Expr, Expr, Expr], Expr]] = {
    0: functions.remainder,
    1: functions.signed_remainder,
}
"""What Mod is of x, a constant and its inverse, by its attribute fmod."""


def divisors(factors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """The float32 numbers above 0 that a file divides by where it was made a product with
    `factors`; None where it multiplies by these.
    """
    if not (np.isfinite(factors) & (factors > 0.0)).all():
        return None
    found = (1.0 / factors).astype(np.float32).astype(np.float64)
    inverse = np.abs(1.0 / factors - found) <= 2.0**-50 * found
    return found if inverse.all() and (factors.astype(np.float32) != factors).any() else None
