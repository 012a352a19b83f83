"""Numbers that C makes before a result: what the proof has to hold beside the result itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import INT32_MAX, INT32_MIN, signed_bits

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Holder:
    """What a number has to fit: a type of C, the counts of a shift, the places of an array."""

    text: str
    low: int
    high: int

    @property
    def bits(self) -> int:
        """Of a type, its sign among them."""
        return signed_bits(self.low, self.high)


INT16 = Holder("int16", -(2**15), 2**15 - 1)
INT32 = Holder("int32", INT32_MIN, INT32_MAX)
INT64 = Holder("int64", -(2**63), 2**63 - 1)


def count_in(least: int, most: int) -> Holder:
    """The count of a shift."""
    return Holder(f"counts {least} to {most}", least, most)


def places_of(entries: Ints) -> Holder:
    """The places of an array."""
    return Holder(f"places of {len(entries)} entries", 0, len(entries) - 1)


@dataclass(frozen=True)
class Intermediate:
    """A number on the way to a result, as C writes it; low, high: of all units."""

    text: str
    low: int
    high: int
    holder: Holder = INT32

    @property
    def fits(self) -> bool:
        """Whether the number is one of its type, whatever the operands are."""
        return self.holder.low <= self.low and self.high <= self.holder.high

    @property
    def use(self) -> float:
        """The part of its type that it takes at most."""
        above = self.high / self.holder.high if self.high > 0 else 0.0
        return max(above, self.low / self.holder.low if self.low < 0 else 0.0)


Intermediates = tuple[Intermediate, ...]


def between(text: str, low: Ints, high: Ints, holder: Holder = INT32) -> Intermediate:
    """Of the bounds of units. Python's integers: products of bounds may be wider than int64."""
    return Intermediate(text, int(np.min(low)), int(np.max(high)), holder)


def multiplied(
    text: str, a: tuple[int, int], b: tuple[int, int], holder: Holder = INT32
) -> Intermediate:
    """A product of two ranges."""
    corners = [one * other for one in a for other in b]
    return Intermediate(text, min(corners), max(corners), holder)


def ends(bounds: tuple[Ints, Ints]) -> tuple[int, int]:
    """The smallest and the largest number of any unit."""
    return int(np.min(bounds[0])), int(np.max(bounds[1]))


def steps_between(entries: Ints, fraction: int) -> Intermediates:
    """Of an interpolation: an entry of int16, the way to the next one, its part."""
    ways = np.diff(entries)
    way = (int(ways.min()), int(ways.max()))
    return (
        between("entry[0]", entries, entries, INT16),
        Intermediate("entry[1] - entry[0]", *way),
        multiplied("(entry[1] - entry[0]) * fraction", way, (0, fraction)),
    )
