"""Layers that act on each unit alone, of one input or two: residual sums, products, bounds."""

from collections.abc import Callable

from lstm_edge.ir.expr import Cell, Expr, input_vector, larger, smaller

PAIRS: dict[str, Callable[[Expr, Expr], Expr]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
}
"""Operations on two vectors of the same size, by the names of their layers."""


def pair(operation: str) -> Cell:
    """One of `PAIRS` of the inputs x and y."""
    return Cell(operation, {"y": PAIRS[operation](input_vector("x"), input_vector("y"))})


def clip(low: float | None, high: float | None) -> Cell:
    """x within [low, high]; None bounds nothing."""
    y = input_vector("x")
    y = y if low is None else larger(y, low)
    return Cell("clip", {"y": y if high is None else smaller(y, high)})
