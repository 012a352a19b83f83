"""Reductions over time, computed as the steps go by: of the last step's y is what they reduce to.

Each is a cell that keeps its result so far; its state starts anew with each window.
"""

from __future__ import annotations

from collections.abc import Callable

from lstm_edge.ir.expr import (
    Cell,
    Expr,
    constant,
    input_vector,
    larger,
    mean_over_steps,
    smaller,
    state,
    step_number,
    within,
)

LARGEST = 3.4028235e38
"""The largest float32: what a minimum starts from."""

REDUCTIONS: dict[str, tuple[Callable[[Expr, Expr], Expr], float]] = {
    "sum": (lambda x, y: y + x, 0.0),
    "max": (larger, -LARGEST),
    "min": (smaller, LARGEST),
}
"""By name: the next result from the step's x and the result so far, and what it starts from."""


HELD_FIRST = "held_first"
"""The layer that gives the first step, from there on."""


def running(reduction: str) -> Cell:
    """One of `REDUCTIONS` of x over the steps so far."""
    combine, _ = REDUCTIONS[reduction]
    y = combine(input_vector("x"), state("y"))
    return Cell(f"running_{reduction}", {"y": y}, windowed=True)


def numbered(steps: int) -> Cell:
    """The number of each of `steps` steps, from 0 on, beside any x."""
    return Cell("step", {"y": step_number(steps - 1)})


def held(step: int) -> Cell:
    """The vector of one step, from there on."""
    y = within(constant(step + 1), input_vector("x"), state("y"))
    return Cell("held" if step else HELD_FIRST, {"y": y}, windowed=True)


def up_to() -> Cell:
    """The vector of step `length` - 1, from there on; 0 < length."""
    y = within(input_vector("length"), input_vector("x"), state("y"))
    return Cell("up_to", {"y": y}, windowed=True)


def mean() -> Cell:
    """The mean of the steps of a window, x being their sum."""
    return Cell("mean", {"y": mean_over_steps(input_vector("x"))})
