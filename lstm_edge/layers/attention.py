"""Two vectors multiplied and summed along axes that both have, and all steps as one vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstm_edge.ir.expr import Cell, Expr, at_positions, input_vector, products, recent, take
from lstm_edge.ir.model import Floats


def all_steps() -> Cell:
    """The vectors of a window end to end, the oldest first."""
    return Cell("all_steps", {"y": recent(input_vector("x"))})


def contraction(
    left: Sequence[int], right: Sequence[int], terms: int, sizes: tuple[int, int]
) -> tuple[Cell, dict[str, Floats]]:
    """Sums of `terms` products each, end to end: of number left[k] of x and right[k] of y, vectors
    of so many numbers. W_y and b_y add up.
    """
    both = _taken("x", left, sizes[0]) * _taken("y", right, sizes[1])
    count = len(left) // terms
    several = at_positions(count, terms, "b_y", W_y=both)
    cell = Cell(
        "contraction", {"y": several if count > 1 else products("b_y", W_y=both)}, {}, limited=True
    )
    return cell, {"W_y": np.ones((1, terms), np.float32), "b_y": np.zeros(1, np.float32)}


def _taken(name: str, units: Sequence[int], size: int) -> Expr:
    x = input_vector(name)
    return x if list(units) == list(range(size)) else take(x, units)
