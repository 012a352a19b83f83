"""A step that a graph writes out for every step of a sequence, apart from that graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lstm_edge.frontend.step.function import Doubles
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.symbols import Symbols


@dataclass(frozen=True)
class RepeatedState:
    """leaf: the state before a step; after: its numbers after it; initial: before the first, or the
    tensor that has them, which the node reads behind its inputs.
    """

    leaf: int
    after: Symbols
    initial: Doubles | str


@dataclass(frozen=True)
class RepeatedInput:
    """leaf: a step of an input of the node; axis: the one that counts the steps, None for a vector
    that is the same at each.
    """

    leaf: int
    axis: int | None


@dataclass(frozen=True)
class RepeatedResult:
    """numbers: what a step gives, of one row. axis: where the axis of steps is among its own, after
    that of rows; None for what the last step gives alone.
    """

    numbers: Symbols
    axis: int | None


@dataclass(frozen=True)
class Repetition:
    """The step of a node `Repeat`: its inputs, states and results are of `leaves`.

    backward: the steps are taken from the last to the first. rows: of a batch, each with inputs
    and states of its own; 0 where there is none, 1 where a batch may have any size.
    """

    leaves: Leaves
    backward: bool
    rows: int
    inputs: Sequence[RepeatedInput]
    states: Sequence[RepeatedState]
    results: Sequence[RepeatedResult]
