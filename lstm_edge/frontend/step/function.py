"""What leaves compute: kinds of expressions, with their meaning in numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.expr import Expr

Doubles = npt.NDArray[np.float64]

CURVES: Mapping[str, Callable[[Doubles], Doubles]] = {
    "sigmoid": lambda x: 0.5 + 0.5 * np.tanh(0.5 * x),
    "tanh": np.tanh,
    "elu_tail": lambda x: np.expm1(np.minimum(x, 0.0)),
    "softplus_tail": lambda x: np.log1p(np.exp(-np.abs(x))),
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "erf": np.vectorize(math.erf, otypes=[np.float64]),
}


def _softmax(x: Doubles) -> Doubles:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


RULES: Mapping[str, Callable[..., Doubles]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "divide": np.divide,
    "larger": np.maximum,
    "smaller": np.minimum,
    "above": lambda a, b: np.asarray(np.where(a > b, a, 0.0)),
    "select": lambda a, b, x, y: np.asarray(np.where(a > b, x, y)),
    "floor": np.floor,
    "nearest": np.rint,
    "softmax": _softmax,
    "log_softmax": lambda x: np.log(_softmax(x)),
    "join": lambda *parts: np.concatenate(parts, axis=-1),
    "total": lambda x: x.sum(axis=-1, keepdims=True),
    "largest": lambda x: x.max(axis=-1, keepdims=True),
}
"""Of vectors along the last axis."""


@dataclass(frozen=True)
class Function:
    """A kind of expression, as `Expr` has it: what a leaf is of its operands."""

    kind: str
    name: str = ""
    value: float = 0.0

    @classmethod
    def of(cls, e: Expr) -> Function:
        """That of an expression."""
        return cls(e.kind, e.name, e.value)

    def build(self, *operands: Expr) -> Expr:
        """The expression of these operands."""
        return Expr(self.kind, operands, self.name, self.value)

    def numbers(self, *operands: Doubles) -> Doubles:
        """The numbers that it is of numbers."""
        with np.errstate(all="ignore"):
            if self.kind == "apply":
                return CURVES[self.name](*operands)
            if self.kind == "layer_norm":
                (x,) = operands
                far = x - x.mean(axis=-1, keepdims=True)
                return np.asarray(far / np.sqrt(x.var(axis=-1, keepdims=True) + self.value))
            return RULES[self.kind](*operands)


TIMES = Function("mul")
QUOTIENT = Function("divide")
LARGER = Function("larger")
SMALLER = Function("smaller")
ABOVE = Function("above")
SELECT = Function("select")
