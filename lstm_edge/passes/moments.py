"""First and second moments of the vectors that enter a matrix product."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.passes.round_weights import Hessian
from lstm_edge.rounding import Doubles, Ints

LEAST_TO_CHOOSE = 12
"""Vectors to choose by, at least."""
TOGETHER = 256
"""Vectors whose products are summed at a time: all sums are read and written for that."""
STILL_SHARE = 0.1
"""A column that never moved counts with this share of the mean of all when roundings are chosen, as
it may move later: else a range that cuts its weights off would cost nothing.
"""
KEPT_UNITS = 3
"""Units of the operands that moments are kept in: a search tries three widths again and again."""


@dataclass(frozen=True)
class InUnits:
    """Second moments, each operand in a unit of its own: those that roundings are made from, and
    those to choose by.
    """

    hessian: Hessian
    held_back: Doubles


@dataclass(frozen=True)
class Moments:
    """First two moments of the concatenated operands of a matvec: mean [K], covariance [K, K].

    held_back: the second moment, around that mean, of samples that the others have not seen, to
    choose by. wanted: the mean of what the operands stand for, where they have errors of their own.
    """

    mean: Doubles
    covariance: Doubles
    held_back: Doubles
    wanted: Doubles
    _selected: dict[bytes, Moments] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _in_units: dict[bytes, InUnits] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def select(self, columns: Ints) -> Moments:
        """The moments of some of the columns; the same object each time."""
        if np.array_equal(columns, np.arange(len(self.mean))):
            return self
        key = columns.tobytes()
        if key not in self._selected:
            both = np.ix_(columns, columns)
            self._selected[key] = Moments(
                self.mean[columns],
                self.covariance[both],
                self.held_back[both],
                self.wanted[columns],
            )
        return self._selected[key]

    def in_units(self, unit: Doubles) -> InUnits:
        """The second moments per unit [K] of the operands; the same object for units of late."""
        key = unit.tobytes()
        if key not in self._in_units:
            if len(self._in_units) == KEPT_UNITS:
                del self._in_units[next(iter(self._in_units))]
            square = np.outer(unit, unit)
            hessian = Hessian(self.covariance / square)
            held_back = _still_count(hessian.covariance, self.held_back / square)
            self._in_units[key] = InUnits(hessian, held_back)
        return self._in_units[key]


def _still_count(covariance: Doubles, held_back: Doubles) -> Doubles:
    """What is chosen by, with columns that never moved: see STILL_SHARE."""
    own = np.diag(held_back)
    still = (np.diag(covariance) == 0.0) & (own == 0.0)
    return np.asarray(held_back + np.diag(np.where(still, STILL_SHARE * own.mean(), 0.0)))


class Sums:
    """Sums of vectors and of their products, of differences to the first vector: large means cost
    no digits.
    """

    def __init__(self) -> None:
        self.origin: Doubles = np.zeros(0)
        self.count = 0
        self._total: Doubles = np.zeros(0)
        self._square: Doubles = np.zeros((0, 0))
        self._waiting: list[npt.NDArray[Any]] = []
        self._summed = 0

    def add(self, vectors: npt.NDArray[Any]) -> None:
        """Vectors [any, columns], which nobody changes later."""
        if self.count == 0:
            self.origin = vectors[0].astype(np.float64)
            self._total = np.zeros(len(self.origin))
            self._square = np.zeros((len(self.origin), len(self.origin)))
        self.count += len(vectors)
        self._waiting.append(vectors)
        if self.count - self._summed >= TOGETHER:
            self._sum_up()

    def _sum_up(self) -> None:
        """Add what waits."""
        if self._waiting:
            moved = np.concatenate(self._waiting) - self.origin
            self._total += moved.sum(axis=0)
            self._square += moved.T @ moved
            self._waiting, self._summed = [], self.count

    @property
    def mean(self) -> Doubles:
        """The mean vector."""
        self._sum_up()
        return self.origin + self._total / self.count

    @property
    def covariance(self) -> Doubles:
        """Around the mean."""
        self._sum_up()
        mean = self._total / self.count
        return np.asarray(self._square / self.count - np.outer(mean, mean))


class Halves:
    """Sums of the samples that roundings are made from, and of those that they are chosen by."""

    def __init__(self) -> None:
        self.made_from, self.chosen_by = Sums(), Sums()

    def add(self, vectors: npt.NDArray[Any], choosing: bool) -> None:
        """Vectors [any, columns]."""
        (self.chosen_by if choosing else self.made_from).add(vectors)

    def moments(self, wanted: Doubles | None = None) -> Moments | None:
        """None where there is too little to choose by: then nothing can tell a good rounding from
        one that fits a few vectors. wanted: what the mean should be, if not what it is.
        """
        made, held = self.made_from, self.chosen_by
        if not made.count or held.count < LEAST_TO_CHOOSE:
            return None
        mean = made.mean
        moved = held.mean - mean
        held_back = held.covariance + np.outer(moved, moved)
        return Moments(mean, made.covariance, held_back, mean if wanted is None else wanted)


class Mean:
    """The mean of vectors."""

    def __init__(self) -> None:
        self.count = 0
        self.total: Doubles = np.zeros(1)

    def add(self, vectors: npt.NDArray[Any]) -> None:
        """Vectors [any, columns]."""
        self.count += len(vectors)
        self.total = self.total + vectors.sum(axis=0, dtype=np.float64)

    @property
    def value(self) -> Doubles:
        """The mean vector."""
        return np.asarray(self.total / self.count)
