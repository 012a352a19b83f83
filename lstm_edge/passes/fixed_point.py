"""Elementwise arithmetic on fixed-point values: which operations an addition or product takes.

Formats are chosen so that every result is proved to lie in int32 by the ranges of its operands.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import QuantizationError
from lstm_edge.formats import (
    INT32_MAX,
    INT32_MIN,
    Format,
    fixed,
    fraction_bits,
    saturated,
    signed_bits,
)
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def product_range(a: Format, b: Format) -> tuple[int, int]:
    """Smallest and largest product of two stored integers."""
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(corners), max(corners)


def fraction_of(value: Value) -> int:
    """Fractional bits of a fixed-point value."""
    bits = fraction_bits(value.format.scale)
    if bits is None:
        raise QuantizationError(f"{value.name}: scale {value.format.scale} is no power of two")
    return bits


def multiplier_for(ratio: float) -> tuple[int, int]:
    """(m, n) with m / 2**n closest to ratio and 2**14 <= m < 2**15."""
    n = 0
    while ratio * 2.0**n < 2**14 and n < 60:
        n += 1
    while ratio * 2.0**n >= 2**15 - 0.5 and n > -60:
        n -= 1
    return int(ratio * 2.0**n + 0.5), n


def as_fixed(b: Builder, value: Value, name: str) -> Value:
    """The value in a power-of-two format: itself, or scaled by an int16 multiplier."""
    fmt = value.format
    if fraction_bits(fmt.scale) is not None:
        return value
    lift = max(0, 30 - signed_bits(fmt.low, fmt.high))
    wide = shift_left(b, value, lift, f"{name}_lifted")
    m, n = multiplier_for(wide.format.scale)
    factor = b.vector(f"{name}_m", np.array([m], np.int64), fixed(n, m, m, "int16"))
    low, high = (wide.format.low * m) >> 16, (wide.format.high * m) >> 16
    return b.emit("mulw", f"{name}_fixed", (wide, factor), fixed(n - 16, low, high, "int32"))


def unpack_input(b: Builder, value: Value, scale: Doubles, zero_point: Ints, name: str) -> Value:
    """A model input with a scale per feature as fixed point, for elementwise use."""
    fmt = value.format
    low, high = fmt.low - int(zero_point.max()), fmt.high - int(zero_point.min())
    if np.any(zero_point != 0):
        points = Format("int32", 1.0, int(zero_point.min()), int(zero_point.max()))
        offset = b.vector(f"{name}_zero_point", zero_point, points)
        value = b.emit("sub", f"{name}_centred", (value, offset), Format("int32", 1.0, low, high))
    lift = max(0, 30 - signed_bits(value.format.low, value.format.high))
    wide = shift_left(b, value, lift, f"{name}_lifted")
    _, n = multiplier_for(float(scale.max()) / 2.0**lift)
    numbers = np.maximum(np.floor(scale * 2.0 ** (n - lift) + 0.5), 1.0).astype(np.int64)
    most = int(numbers.max())
    factor = b.vector(f"{name}_multiplier", numbers, Format("int16", 1.0, 1, most))
    low, high = (wide.format.low * most) >> 16, (wide.format.high * most) >> 16
    return b.emit("mulw", name, (wide, factor), fixed(n - 16, low, max(high, 0), "int32"))


def rescale(b: Builder, value: Value, target: Format, name: str) -> Value:
    """The value in a format whose scale is no power of two, to nearest, saturated."""
    value = as_fixed(b, value, name)
    lift = max(0, 30 - signed_bits(value.format.low, value.format.high))
    wide = shift_left(b, value, lift, f"{name}_lifted")
    m, n = multiplier_for(wide.format.scale / target.scale)
    if n < 17:
        raise QuantizationError(
            f"{value.name}: one unit of its format is {target.scale:.3g}, too fine for its range; "
            "calibrate with more representative data or use 12-bit activations"
        )
    factor = b.vector(f"{name}_multiplier", np.array([m]), Format("int16", 1.0, m, m))
    low, high = (wide.format.low * m) >> 16, (wide.format.high * m) >> 16
    unit = target.scale / 2.0 ** (n - 16)
    scaled = b.emit("mulw", f"{name}_scaled", (wide, factor), Format("int32", unit, low, high))
    rounded = shift_right(b, scaled, n - 16, f"{name}_rounded")
    bits = signed_bits(target.low, target.high)
    return b.store(saturate(b, rounded, bits, name), target)


def shift_left(b: Builder, value: Value, n: int, name: str) -> Value:
    """value << n as the same real number with n more fractional bits."""
    if n == 0:
        return value
    fmt = value.format
    low, high = fmt.low << n, fmt.high << n
    if low < INT32_MIN or high > INT32_MAX:
        raise QuantizationError(
            f"{value.name}: {signed_bits(fmt.low, fmt.high)} bits leave no room for {n} more; "
            "the values of this layer span too wide a range for int32"
        )
    shifted = Format("int32", fmt.scale / 2.0**n, low, high)
    return b.emit("shift", name, (value,), shifted, n=-n)


def shift_right(b: Builder, value: Value, n: int, name: str, rounded: bool = True) -> Value:
    """The value with n fewer fractional bits, rounded to nearest or down."""
    if n == 0:
        return value
    fmt = value.format
    half = 1 << (n - 1) if rounded else 0
    if fmt.high + half > INT32_MAX:
        half, rounded = 0, False
    low, high = (fmt.low + half) >> n, (fmt.high + half) >> n
    kind = "round_shift" if rounded else "shift"
    return b.emit(kind, name, (value,), Format("int32", fmt.scale * 2.0**n, low, high), n=n)


def constant_vector(b: Builder, name: str, numbers: Doubles) -> Value:
    """A constant with as many fractional bits as 30 bits allow, to be cut to what its use needs."""
    largest = float(np.abs(numbers).max())
    fraction = 29 - (int(np.floor(np.log2(largest))) if largest > 0.0 else 0)
    return _constant_at(b, name, numbers, fraction)


def _constant_at(b: Builder, name: str, numbers: Doubles, fraction: int) -> Value:
    stored = np.floor(numbers * 2.0**fraction + 0.5).astype(np.int64)
    return b.vector(name, stored, fixed(fraction, int(stored.min()), int(stored.max())))


def _recast(b: Builder, value: Value, fraction: int) -> Value:
    """The constant `value` with another number of fractional bits, rounded at compile time."""
    if fraction == fraction_of(value):
        return value
    numbers = b.constants[value.name] * value.format.scale
    return _constant_at(b, f"{value.name}_q{fraction}", numbers, fraction)


def with_fraction(b: Builder, value: Value, fraction: int, name: str) -> Value:
    """The value with `fraction` fractional bits: exact to the left, rounded to the right."""
    if value.name in b.constants:
        return _recast(b, value, fraction)
    n = fraction_of(value) - fraction
    if n >= 0:
        return shift_right(b, value, n, name)
    return shift_left(b, value, -n, name)


def narrow(b: Builder, value: Value, name: str) -> Value:
    """The value rounded to as many bits as a 16-bit factor has."""
    excess = max(0, _width(value) - 16)
    if value.name in b.constants:
        magnitude = int(np.abs(b.constants[value.name]).max())
        excess = max(0, magnitude.bit_length() - 14)
        return _recast(b, value, fraction_of(value) - excess)
    result = shift_right(b, value, excess, name)
    return saturate(b, result, 16, f"{name}_sat")


def saturate(b: Builder, value: Value, bits: int, name: str) -> Value:
    """Clamp to `bits` bits where the value can leave them."""
    fmt = value.format
    if signed_bits(fmt.low, fmt.high) <= bits:
        return value
    limits = saturated(fmt.scale, bits)
    clamped = Format("int32", fmt.scale, max(fmt.low, limits.low), min(fmt.high, limits.high))
    return b.emit("saturate", name, (value,), clamped, n=bits)


def multiply(b: Builder, x: Value, y: Value, name: str, comment: str) -> Value:
    """x * y: exact for two 16-bit values, else the upper bits by `mulw`."""
    x, y = as_fixed(b, x, f"{name}_a"), as_fixed(b, y, f"{name}_b")
    x, y = (narrow(b, v, f"{name}_narrow") if v.name in b.constants else v for v in (x, y))
    if _width(x) < _width(y):
        x, y = y, x
    if _width(y) > 16:
        y = narrow(b, y, f"{name}_narrow")
    fraction = fraction_of(x) + fraction_of(y)
    low, high = product_range(x.format, y.format)
    if _width(x) <= 16:
        return b.emit("mul", name, (x, y), fixed(fraction, low, high, "int32"), comment=comment)
    wide = fixed(fraction - 16, low >> 16, high >> 16, "int32")
    return b.emit("mulw", name, (x, y), wide, comment=comment)


def _width(value: Value) -> int:
    return signed_bits(value.format.low, value.format.high)


def add_or_subtract(b: Builder, kind: str, x: Value, y: Value, name: str, comment: str) -> Value:
    """x + y or x - y at the coarser of the two formats, coarser still where the sum needs it."""
    x, y = as_fixed(b, x, f"{name}_a"), as_fixed(b, y, f"{name}_b")
    fraction = min(fraction_of(x), fraction_of(y))
    while _sum_range(kind, x, y, fraction) is None:
        fraction -= 1
    x = with_fraction(b, x, fraction, f"{name}_a")
    y = with_fraction(b, y, fraction, f"{name}_b")
    low, high = _limits(kind, x.format, y.format)
    return b.emit(kind, name, (x, y), fixed(fraction, low, high, "int32"), comment=comment)


def _limits(kind: str, x: Format, y: Format) -> tuple[int, int]:
    if kind == "add":
        return x.low + y.low, x.high + y.high
    return x.low - y.high, x.high - y.low


def _sum_range(kind: str, x: Value, y: Value, fraction: int) -> tuple[int, int] | None:
    """Range of the sum at this many fractional bits, None where it leaves int32."""

    def scaled(value: Value) -> Format:
        n = fraction_of(value) - fraction
        half = 1 << (n - 1) if n > 0 else 0
        return Format("int32", 1.0, (value.format.low + half) >> n, (value.format.high + half) >> n)

    low, high = _limits(kind, scaled(x), scaled(y))
    return (low, high) if low >= INT32_MIN and high <= INT32_MAX else None
