"""Functions of each number alone as layers of their own, and what vectors become as a whole."""

from __future__ import annotations

from collections.abc import Callable

from lstm_edge import functions
from lstm_edge.ir.expr import (
    Cell,
    Expr,
    apply,
    constant,
    input_vector,
    larger,
    largest,
    select,
    total,
)

Function = Callable[[Expr], Expr]

ALONE: dict[str, Function] = {
    "abs": functions.absolute,
    "acosh": lambda x: functions.logarithm(x + functions.root(x * x - 1.0)),
    "asinh": lambda x: _with_sign_of(
        x, lambda a: functions.logarithm(a + functions.root(a * a + 1.0))
    ),
    "atanh": lambda x: functions.logarithm((x + 1.0) / (1.0 - x)) * 0.5,
    "celu": functions.celu,
    "cos": lambda x: apply("cos", x),
    "cosh": lambda x: (apply("exp", x) + apply("exp", -1.0 * x)) * 0.5,
    "erf": lambda x: apply("erf", x),
    "exp": functions.exponential,
    "gelu": functions.gelu,
    "gelu_tanh": lambda x: functions.gelu(x, tanh_form=True),
    "hard_swish": functions.hard_swish,
    "log": functions.logarithm,
    "mish": functions.mish,
    "reciprocal": functions.reciprocal,
    "selu": functions.selu,
    "sign": lambda x: select(x, 0.0, 1.0, select(constant(0.0), x, -1.0, 0.0)),
    "sin": lambda x: apply("sin", x),
    "sinh": lambda x: (apply("exp", x) - apply("exp", -1.0 * x)) * 0.5,
    "sqrt": functions.root,
    "square": functions.square,
    "swish": functions.swish,
    "tan": lambda x: apply("sin", x) / apply("cos", x),
}
"""Functions of one number without parameters, by the names of their layers."""

REDUCED: dict[str, Function] = {
    "largest": largest,
    "smallest": functions.smallest,
    "l1_norm": functions.l1_norm,
    "l2_norm": functions.l2_norm,
    "sum": total,
    "log_sum": lambda x: functions.logarithm(total(x)),
    "log_sum_exp": lambda x: _log_sum_exp(x),
    "sum_square": lambda x: total(x * x),
}
"""Functions of all features, which give one number, by the names of their layers."""

NORMS: dict[str, Function] = {
    "l1": functions.l1_norm,
    "l2": functions.l2_norm,
    "max": largest,
}
"""What a vector is divided by, to have length 1, or 1 as its largest number."""

SMALLEST_NORM = 1e-12
"""A vector that is shorter is divided by this."""


def one_number(name: str, function: Function) -> Cell:
    """A function of each number, or of all of them, of the input x."""
    return Cell(name, {"y": function(input_vector("x"))}, limited=True)


def normalized(norm: str) -> Cell:
    """x divided by one of `NORMS`."""
    x = input_vector("x")
    length = NORMS[norm](x)
    divisor = length if norm == "max" else larger(length, SMALLEST_NORM)
    return Cell(f"{norm}_normalize", {"y": x / divisor}, limited=True)


def _log_sum_exp(x: Expr) -> Expr:
    """log(sum(exp(x))), from the largest on, so that nothing overflows."""
    most = largest(x)
    return most + functions.logarithm(total(apply("exp", x - most)))


def _with_sign_of(x: Expr, function: Function) -> Expr:
    """An odd function, of which `function` is the half from 0 on."""
    made = function(functions.absolute(x))
    return select(constant(0.0), x, -1.0 * made, made)
