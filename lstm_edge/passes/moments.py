"""First and second moments of the vectors that enter a matrix product."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.rounding import Doubles, Ints


@dataclass(frozen=True)
class Moments:
    """First two moments of the concatenated operands of a matvec: mean [K], covariance [K, K].

    held_back: the covariance of samples that the others have not seen, to choose by. wanted: the
    mean of what the operands stand for, where they have errors of their own.
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

    @property
    def count(self) -> int:
        """Vectors of both kinds."""
        return self.made_from.count + self.chosen_by.count

    def moments(self) -> Moments:
        """Where there are samples of one kind only, they serve as both."""
        made = self.made_from if self.made_from.count else self.chosen_by
        held = self.chosen_by if self.chosen_by.count else self.made_from
        return Moments(made.mean, made.covariance, held.covariance, made.mean)


def meant_for(moments: Moments, wanted: Doubles) -> Moments:
    """The moments of operands that stand for others of the mean `wanted`."""
    return replace(moments, wanted=wanted)
