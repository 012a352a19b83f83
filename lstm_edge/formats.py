"""How a number is stored: the type in memory, the real value of one unit, and the reachable range.

The real value of a stored integer q is `scale * (q - zero_point)`. The model's inputs, and vectors
of 8 bits that matrices read, have zero points and scales that differ from number to number; sums of
products have a scale per row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import frexp
from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
STORAGE_BITS = {"int8": 8, "int16": 16, "int32": 32, "uint8": 8}
"""Types of stored numbers; one without a sign is of inputs alone."""


@dataclass(frozen=True)
class Format:
    """Format of a value: storage type, scale (real value of 1), and the integers it may take.

    `low` and `high` hold for every input and every reachable state; they are either enforced by a
    saturation or proved. scale, zero_point: of all numbers alike, or of each one.
    Float values carry storage "float32" and ignore the rest.
    """

    storage: str
    scale: float | tuple[float, ...] = 1.0
    low: int = INT32_MIN
    high: int = INT32_MAX
    zero_point: int | tuple[int, ...] = 0

    @property
    def unit(self) -> float:
        """The real value of 1 of a uniform format."""
        assert not isinstance(self.scale, tuple), "numbers differ in scale"
        assert self.zero_point == 0, "a zero point is not part of a unit"
        return self.scale

    @property
    def coarsest(self) -> float:
        """The largest scale of any number."""
        return float(np.max(self.scale))

    @property
    def is_uniform(self) -> bool:
        """True where a stored number times `unit` is the real one."""
        return not isinstance(self.scale, tuple) and self.zero_point == 0

    def scales(self, length: int) -> Doubles:
        """The scale of each of `length` numbers."""
        return np.full(length, self.scale, np.float64)

    def zero_points(self, length: int) -> Ints:
        """The zero point of each of `length` numbers."""
        return np.full(length, self.zero_point, np.int64)

    def stored(self, real: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Stored numbers of real ones [..., length]: to nearest, limited to the range; int64."""
        length = np.shape(real)[-1]
        counts = np.floor(real / self.scales(length) + 0.5) + self.zero_points(length)
        return np.asarray(np.clip(counts, self.low, self.high), np.int64)

    def real(self, stored: npt.NDArray[Any]) -> Doubles:
        """Real numbers of stored ones [..., length]."""
        length = np.shape(stored)[-1]
        return np.asarray((stored - self.zero_points(length)) * self.scales(length))

    def finer(self, bits: int) -> float | tuple[float, ...]:
        """The scale behind a shift to the left, or to the right where `bits` is below 0."""
        if isinstance(self.scale, tuple):
            return tuple(math.ldexp(scale, -bits) for scale in self.scale)
        return math.ldexp(self.scale, -bits)

    def take(self, places: Sequence[int] | Ints) -> Format:
        """That of some of the numbers, or of the same ones several times."""
        if not isinstance(self.scale, tuple) and not isinstance(self.zero_point, tuple):
            return self
        length = max(np.size(self.scale), np.size(self.zero_point))
        at = np.asarray(places)
        return self.with_meaning(self.scales(length)[at], self.zero_points(length)[at])

    def with_meaning(self, scale: Doubles, zero_point: Ints | int = 0) -> Format:
        """The same integers with a scale and a zero point of each number, or of all alike."""
        scales, points = (np.atleast_1d(a) for a in (scale, zero_point))
        one_scale, one_point = ((a == a[0]).all() for a in (scales, points))
        return replace(
            self,
            scale=float(scales[0]) if one_scale else tuple(map(float, scales)),
            zero_point=int(points[0]) if one_point else tuple(map(int, points)),
        )

    @property
    def is_float(self) -> bool:
        """True for float32 values."""
        return self.storage == "float32"

    @property
    def magnitude(self) -> int:
        """Largest absolute integer."""
        return max(abs(self.low), abs(self.high))

    @property
    def stored_as(self) -> str:
        """The type in memory: as declared, or the smallest that holds the range of a wide value."""
        return smallest_storage(self.low, self.high) if self.storage == "int32" else self.storage

    def describe(self) -> str:
        """Short text for headers and dumps: `Q3.12 in int16`, or storage, scale and range."""
        if self.is_float:
            return "float32"
        bits = signed_bits(self.low, self.high)
        if not self.is_uniform:
            one = np.ndim(self.scale) == 0 and np.ndim(self.zero_point) == 0
            return f"{self.storage}, {bits} bits, {'one scale' if one else 'a scale per feature'}"
        fraction = fraction_bits(self.unit)
        if fraction is None or fraction < 0:
            return f"{self.stored_as}, {bits} bits, scale {self.unit:.9g}"
        return f"Q{max(bits - 1 - fraction, 0)}.{fraction} in {self.stored_as}"


FLOAT32 = Format("float32")


def fraction_bits(scale: float) -> int | None:
    """n if scale is 2**-n exactly, else None."""
    mantissa, exponent = frexp(scale)
    return 1 - exponent if mantissa == 0.5 else None


def signed_bits(low: int, high: int) -> int:
    """Bits of the smallest two's complement type that holds low .. high."""
    positive = int(high).bit_length() if high > 0 else 0
    return max(positive, int(-low - 1).bit_length() if low < 0 else 0) + 1


def smallest_storage(low: int, high: int) -> str:
    """The smallest of int8, int16 and int32 that holds low .. high."""
    bits = signed_bits(low, high)
    return next(name for name in ("int8", "int16", "int32") if bits <= STORAGE_BITS[name])


def whole_range(ctype: str) -> tuple[int, int]:
    """The least and the largest number of an integer type of C."""
    name = ctype.removesuffix("_t")
    bits = STORAGE_BITS[name]
    return (0, 2**bits - 1) if name[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def fixed(fraction: int, low: int, high: int, storage: str | None = None) -> Format:
    """A power-of-two format with `fraction` fractional bits."""
    return Format(storage or smallest_storage(low, high), 2.0**-fraction, low, high)


def saturated(scale: float, bits: int, storage: str | None = None) -> Format:
    """A format that holds every integer of `bits` bits."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return Format(storage or smallest_storage(low, high), scale, low, high)


def format_of(found: Mapping[str, Any]) -> Format:
    """The format of `asdict` as JSON keeps it, which has lists where a format has tuples."""
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    return Format(**fields)


def fits(fmt: Format, other: Format) -> bool:
    """True where the integers of a format are among those of the other."""
    return other.low <= fmt.low and fmt.high <= other.high
