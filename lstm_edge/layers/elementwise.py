"""Layers that act on each unit alone, of one input or two: residual sums, products, bounds."""

from collections.abc import Callable

from lstm_edge.ir.expr import Cell, Expr, constant, input_vector, larger, select, smaller, take

PAIRS: dict[str, Callable[[Expr, Expr], Expr]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "larger": larger,
    "smaller": smaller,
    "is_larger": lambda x, y: select(x, y, 1.0, 0.0),
    "is_smaller": lambda x, y: select(y, x, 1.0, 0.0),
    "is_equal": lambda x, y: select(x, y, 0.0, select(y, x, 0.0, 1.0)),
    "is_not_smaller": lambda x, y: select(y, x, 0.0, 1.0),
    "is_not_larger": lambda x, y: select(x, y, 0.0, 1.0),
}
"""Operations on two vectors of the same size, by the names of their layers. What is true is 1, what
is false 0.
"""


def pair(operation: str) -> Cell:
    """One of `PAIRS` of the inputs x and y."""
    return Cell(operation, {"y": PAIRS[operation](input_vector("x"), input_vector("y"))})


def repeated(units: int) -> Cell:
    """The one number of x, `units` times."""
    return Cell("repeat", {"y": take(input_vector("x"), (0,) * units)})


def where(truth: Expr, x: Expr, y: Expr) -> Expr:
    """x where `truth` is 1, y where it is 0."""
    return select(truth, 0.5, x, y)


def is_true() -> Cell:
    """1 where x is not 0."""
    x = input_vector("x")
    return Cell("is_true", {"y": select(x, 0.0, 1.0, select(constant(0.0), x, 1.0, 0.0))})


def clip(low: float | None, high: float | None) -> Cell:
    """x within [low, high]; None bounds nothing."""
    y = input_vector("x")
    y = y if low is None else larger(y, low)
    return Cell("clip", {"y": y if high is None else smaller(y, high)})
