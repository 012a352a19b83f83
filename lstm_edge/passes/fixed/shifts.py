"""Shifts, saturation and constants: the same real number with more or fewer fractional bits."""

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
from lstm_edge.passes.decisions import integer
from lstm_edge.rounding import bits_above

Doubles = npt.NDArray[np.float64]

MOST_SHIFT = 31
"""Places that C shifts an int32."""
MOST_FRACTION = 60
"""More than any value has; 0 can have as many."""


def fraction_of(value: Value) -> int:
    """Fractional bits of a fixed-point value."""
    bits = fraction_bits(value.format.unit)
    if bits is None:
        raise QuantizationError(f"{value.name}: scale {value.format.unit} is no power of two")
    return bits


def width(value: Value) -> int:
    """Bits of the stored integer."""
    return signed_bits(value.format.low, value.format.high)


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
    shifted = Format("int32", fmt.finer(n), low, high)
    return b.emit("shift", name, (value,), shifted, n=-n)


def shift_right(b: Builder, value: Value, n: int, name: str, rounded: bool = True) -> Value:
    """The value with n fewer fractional bits, rounded to nearest or down."""
    if n == 0:
        return value
    fmt = value.format
    half = 1 << (n - 1) if rounded else 0
    if n > MOST_SHIFT or fmt.high + half > INT32_MAX:
        half, rounded = 0, False
    low, high = (fmt.low + half) >> n, (fmt.high + half) >> n
    kind = "round_shift" if rounded else "shift"
    far = min(n, MOST_SHIFT)  # which leaves 0 and -1, as any beyond would
    return b.emit(kind, name, (value,), Format("int32", fmt.finer(-n), low, high), n=far)


def constant_vector(b: Builder, name: str, numbers: Doubles) -> Value:
    """A constant with as many fractional bits as 30 bits allow, to be cut to what its use needs."""
    return _constant_at(b, name, numbers, _most_bits(numbers))


def weight_vector(b: Builder, name: str, numbers: Doubles) -> Value:
    """The same of weights, in the format of those that code was made for: others may be larger."""
    if not b.decisions.updatable:
        return constant_vector(b, name, numbers)
    with_room = numbers * b.decisions.room
    fraction = b.decisions.keep(
        f"{name}: fractional bits", lambda: _most_bits(with_room), integer(-128, 192)
    )
    most, largest = 2.0 ** (30 - fraction), float(np.abs(numbers).max())
    if largest > most:
        b.decisions.beyond(name, largest, most)
    return _constant_at(b, name, numbers, fraction, most)


def _most_bits(numbers: Doubles) -> int:
    largest = float(np.abs(numbers).max())
    return 29 - (int(np.floor(np.log2(largest))) if largest > 0.0 else 0)


def _constant_at(
    b: Builder, name: str, numbers: Doubles, fraction: int, most: float = 0.0
) -> Value:
    """most: what other weights in its place may reach; 0 where there are none."""
    stored = np.floor(numbers * 2.0**fraction + 0.5).astype(np.int64)
    if not most:
        return b.vector(name, stored, fixed(fraction, int(stored.min()), int(stored.max())))
    end = int(min(most * 2.0**fraction, INT32_MAX))
    b.replaceable.add(name)
    return b.vector(name, stored, fixed(fraction, -end, end))


def _recast(b: Builder, value: Value, fraction: int) -> Value:
    """The constant `value` with another number of fractional bits, rounded at compile time."""
    if fraction == fraction_of(value):
        return value
    numbers = b.constants[value.name] * value.format.unit
    most = value.format.magnitude * value.format.unit if value.name in b.replaceable else 0.0
    return _constant_at(b, f"{value.name}_q{fraction}", numbers, fraction, most)


def _largest(b: Builder, value: Value) -> int:
    """The largest number of a constant, or of other weights in its place."""
    if value.name in b.replaceable:
        return value.format.magnitude
    return int(np.abs(b.constants[value.name]).max())


def finest(b: Builder, value: Value) -> int:
    """The most fractional bits that a value can be given: a constant as int32 holds it, any other
    one those that it has.
    """
    if value.name not in b.constants:
        return fraction_of(value)
    largest = _largest(b, value) * value.format.unit
    return 30 - bits_above(largest) if largest else MOST_FRACTION


def bound_at(b: Builder, value: Value, fraction: int) -> Value:
    """The constant `value` with this many fractional bits, limited to int32: a bound beyond that
    bounds nothing.
    """
    numbers = b.constants[value.name] * value.format.unit
    largest = INT32_MAX / 2.0**fraction
    return _constant_at(
        b, f"{value.name}_bound_q{fraction}", np.clip(numbers, -largest, largest), fraction
    )


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
    excess = max(0, width(value) - 16)
    if value.name in b.constants:
        magnitude = _largest(b, value)
        excess = max(0, magnitude.bit_length() - 14)
        return _recast(b, value, fraction_of(value) - excess)
    result = shift_right(b, value, excess, name)
    return saturate(b, result, 16, f"{name}_sat")


def saturate(b: Builder, value: Value, bits: int, name: str) -> Value:
    """Clamp to `bits` bits where the value can leave them."""
    fmt = value.format
    if signed_bits(fmt.low, fmt.high) <= bits:
        return value
    limits = saturated(fmt.unit, bits)
    clamped = Format("int32", fmt.unit, max(fmt.low, limits.low), min(fmt.high, limits.high))
    return b.emit("saturate", name, (value,), clamped, n=bits)
