"""How a number is stored: the type in memory, the real value of one unit, and the reachable range.

The real value of a stored integer q is `scale * (q - zero_point)`; zero points occur at the
model's inputs only, where they are kept per feature.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
STORAGE_BITS = {"int8": 8, "int16": 16, "int32": 32}


@dataclass(frozen=True)
class Format:
    """Format of a value: storage type, scale (real value of 1), and the integers it may take.

    `low` and `high` hold for every input and every reachable state; they are either enforced by a
    saturation or proved. Float values carry storage "float32" and ignore the rest.
    """

    storage: str
    scale: float = 1.0
    low: int = INT32_MIN
    high: int = INT32_MAX

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
        fraction = fraction_bits(self.scale)
        bits = signed_bits(self.low, self.high)
        if fraction is None or fraction < 0:
            return f"{self.stored_as}, {bits} bits, scale {self.scale:.9g}"
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
    return next(name for name, width in STORAGE_BITS.items() if bits <= width)


def fixed(fraction: int, low: int, high: int, storage: str | None = None) -> Format:
    """A power-of-two format with `fraction` fractional bits."""
    return Format(storage or smallest_storage(low, high), 2.0**-fraction, low, high)


def saturated(scale: float, bits: int, storage: str | None = None) -> Format:
    """A format that holds every integer of `bits` bits."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return Format(storage or smallest_storage(low, high), scale, low, high)


def fits(fmt: Format, other: Format) -> bool:
    """True where the integers of a format are among those of the other."""
    return other.low <= fmt.low and fmt.high <= other.high
