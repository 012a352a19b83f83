"""Sine and cosine in float32: one fixed order of operations, for every number.

x is what is left of it within pi / 4 of a multiple of pi / 2, and the number of the multiple. Up to
2 that takes a difference; from there on x is a whole number of 24 bits times a power of two, and 96
bits of 2 / pi give all bits of its remainder that count, as in the sinf of glibc.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.operations.curves_float import F, polynomial
from lstm_edge.operations.record import Floats

Counts = npt.NDArray[np.signedinteger[Any]]

NEAR_BITS = np.int32(0x40000000)
"""The bits of 2."""
QUARTER = F(0.7853982)
HALF_PI = F(1.5703125), F(4.837512969970703125e-4), F(7.54978995489188216e-8)
"""pi / 2 in three parts: the first two have few bits, so that differences are exact."""
TWO_OVER_PI = "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041"
"""The bits behind the point, in hexadecimal digits."""
WORDS = tuple(
    int(("0" * 8 + TWO_OVER_PI)[2 * k : 2 * k + 8], 16) for k in range(1, len(TWO_OVER_PI) // 2 + 1)
)
"""32 bits of 2 / pi from each byte on; what lies before them gives multiples of 2 pi."""
UNIT = F(np.pi * 2.0**-63)
"""Of a remainder in units of 2**-62 quarters."""
SIN_COEFFICIENTS = F(-1.9515295891e-4), F(8.3321608736e-3), F(-1.6666654611e-1)
COS_COEFFICIENTS = F(2.443315711809948e-5), F(-1.388731625493765e-3), F(4.166664568298827e-2)
"""sin(r) = r + r**3 p(r**2), cos(r) = 1 - r**2 / 2 + r**4 p(r**2) (Moshier, Cephes)."""


def quarters(x: Floats) -> tuple[Floats, Counts]:
    """r within pi / 4 of 0, or a bit more, and k with x = r + k pi / 2, k modulo 4."""
    bits = np.ascontiguousarray(x, np.float32).view(np.int32)
    near = (bits & np.int32(0x7FFFFFFF)) < NEAR_BITS
    small = np.where(near, x, F(0))
    count = np.where(small > QUARTER, 1, np.where(small < -QUARTER, -1, 0))
    whole = count.astype(np.float32)
    rest = small - whole * HALF_PI[0]
    rest = rest - whole * HALF_PI[1]
    rest = rest - whole * HALF_PI[2]
    far, turns = _far(bits)
    return np.where(near, rest, far), np.where(near, count, turns)


def _far(bits: npt.NDArray[np.int32]) -> tuple[Floats, Counts]:
    """The same of what is at least 2, in whole numbers modulo 2**64."""
    word = bits.view(np.uint32)
    first = ((word >> np.uint32(26)) & np.uint32(15)).astype(np.int64)
    upper = (word & np.uint32(0xFFFFFF)) | np.uint32(0x800000)
    number = (upper << ((word >> np.uint32(23)) & np.uint32(7))).astype(np.uint64)
    words = np.array(WORDS, np.uint64)
    high, middle, low = (number * words[first + k] for k in (0, 4, 8))
    total = (high << np.uint64(32)) + middle + (low >> np.uint64(32))
    turns = (total + np.uint64(2**61)) >> np.uint64(62)
    rest = (total - (turns << np.uint64(62))).view(np.int64).astype(np.float32) * UNIT
    below = bits < 0
    count = turns.astype(np.int64)
    return np.where(below, -rest, rest).astype(np.float32), np.where(below, -count, count)


def _wave(x: Floats, ahead: int) -> Floats:
    """sin(x + ahead * pi / 2)."""
    r, count = quarters(x)
    count = count + ahead
    square = r * r
    sine = (polynomial(square, SIN_COEFFICIENTS) * square) * r + r
    cosine = (polynomial(square, COS_COEFFICIENTS) * square) * square - F(0.5) * square + F(1)
    value = np.where(count & 1, cosine, sine)
    return np.where(count & 2, -value, value).astype(np.float32)


def sin(x: Floats) -> Floats:
    """The sine of x; of infinity and NaN some number within [-1, 1]."""
    return _wave(x, 0)


def cos(x: Floats) -> Floats:
    """The cosine of x; of infinity and NaN some number within [-1, 1]."""
    return _wave(x, 1)
