"""First and second moments of the vectors that enter a matrix product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.rounding import Doubles, Ints

LEAST_TO_CHOOSE = 12
"""Vectors to choose by, at least."""


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

    def select(self, columns: Ints) -> Moments:
        """The moments of some of the columns."""
        both = np.ix_(columns, columns)
        return Moments(
            self.mean[columns],
            self.covariance[both],
            self.held_back[both],
            self.wanted[columns],
        )


class Sums:
    """Sums of vectors and of their products, of differences to the first vector: large means cost
    no digits.
    """

    def __init__(self) -> None:
        self.origin: Doubles = np.zeros(0)
        self.count = 0
        self.total: Doubles = np.zeros(0)
        self.square: Doubles = np.zeros((0, 0))

    def add(self, vectors: Doubles) -> None:
        """Vectors [any, columns]."""
        if self.count == 0:
            self.origin = vectors[0].copy()
            self.total = np.zeros(len(self.origin))
            self.square = np.zeros((len(self.origin), len(self.origin)))
        moved = vectors - self.origin
        self.count += len(moved)
        self.total += moved.sum(axis=0)
        self.square += moved.T @ moved

    @property
    def mean(self) -> Doubles:
        """The mean vector."""
        return self.origin + self.total / self.count

    @property
    def covariance(self) -> Doubles:
        """Around the mean."""
        mean = self.total / self.count
        return np.asarray(self.square / self.count - np.outer(mean, mean))


@dataclass
class Halves:
    """Sums of the samples that roundings are made from, and of those that they are chosen by."""

    made_from: Sums
    chosen_by: Sums

    def add(self, vectors: Doubles, choosing: bool) -> None:
        """Vectors [any, columns]."""
        (self.chosen_by if choosing else self.made_from).add(vectors)

    def moments(self) -> Moments | None:
        """None where there is too little to choose by: then nothing can tell a good rounding from
        one that fits a few vectors.
        """
        made, held = self.made_from, self.chosen_by
        if not made.count or held.count < LEAST_TO_CHOOSE:
            return None
        moved = held.mean - made.mean
        return Moments(
            made.mean, made.covariance, held.covariance + np.outer(moved, moved), made.mean
        )


class Mean:
    """The mean of vectors."""

    def __init__(self) -> None:
        self.count = 0
        self.total: Doubles = np.zeros(1)

    def add(self, vectors: Doubles) -> None:
        """Vectors [any, columns]."""
        self.count += len(vectors)
        self.total = self.total + vectors.sum(axis=0)

    @property
    def value(self) -> Doubles:
        """The mean vector."""
        return np.asarray(self.total / self.count)
