"""From one scale to another: inputs to fixed point, values to the format that they are kept in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import QuantizationError
from lstm_edge.formats import Format, fixed, fraction_bits, signed_bits
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.products import upper_product
from lstm_edge.passes.fixed.shifts import (
    fraction_of,
    saturate,
    shift_left,
    shift_right,
    width,
)

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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
    if fraction_bits(value.format.unit) is not None:
        return value
    wide = _lifted(b, value, name)
    m, n = multiplier_for(wide.format.unit)
    factor = b.integers(f"{name}_m", m, 2.0**-n, "int16")
    return upper_product(b, wide, factor, f"{name}_fixed", 2.0 ** (16 - n))


def unpack_input(b: Builder, value: Value, meaning: Format, name: str) -> Value:
    """A model input with a scale per feature as fixed point, for elementwise use.

    meaning: the scale and zero point of each number, which a layer may have changed.
    """
    scale, zero_point = meaning.scales(value.length), meaning.zero_points(value.length)
    value = replace(value, format=value.format.with_meaning(scale, zero_point))
    if np.any(zero_point != 0):
        low = value.format.low - int(zero_point.max())
        high = value.format.high - int(zero_point.min())
        offset = b.integers(f"{name}_zero_point", zero_point)
        centred = Format("int32", low=low, high=high).with_meaning(scale)
        value = b.emit("sub", f"{name}_centred", (value, offset), centred)
    if all(fraction_bits(abs(float(s))) is not None for s in scale) and np.all(scale > 0.0):
        return _aligned(b, value, -np.log2(scale).astype(np.int64), name)
    wide = _lifted(b, value, name)
    scale = wide.format.scales(value.length)
    _, n = multiplier_for(float(np.abs(scale).max()))
    size = np.maximum(np.floor(np.abs(scale) * 2.0**n + 0.5), 1.0)
    numbers = np.where(scale < 0.0, -size, size)
    factor = b.integers(f"{name}_multiplier", numbers, storage="int16")
    return upper_product(b, wide, factor, name, 2.0 ** (16 - n))


def _aligned(b: Builder, value: Value, fraction: Ints, name: str) -> Value:
    """Features with `fraction` fractional bits each, by shifts: all one bit finer than the finest,
    or as fine as the widest leaves room for.
    """
    room = 31 - signed_bits(value.format.low, value.format.high)
    common = int(min(fraction.max() + 1, fraction.min() + room))
    up, down = np.maximum(common - fraction, 0), np.clip(fraction - common, 0, 31)
    most = int(up.max())
    low, high = min(value.format.low, 0) << most, max(value.format.high, 0) << most
    wide = fixed(common, low, high, "int32")
    if up.min() == most:
        return b.emit("shift", name, (value,), wide, n=-most)
    counts = b.vector(f"{name}_up", up, Format("int8", 1.0, 0, most))
    lifted = wide.with_meaning(2.0 ** -(fraction + up).astype(np.float64))
    value = b.emit("lift", name, (value, counts), lifted)
    if not down.any():
        return value
    counts = b.vector(f"{name}_down", down, Format("int8", 1.0, 0, int(down.max())))
    return b.emit("drop", name, (value, counts), wide)


def _lifted(b: Builder, value: Value, name: str) -> Value:
    """The value with 30 bits, if it has fewer."""
    return shift_left(b, value, max(0, 30 - width(value)), f"{name}_lifted")


def _places(value: Value, ratio: float) -> int:
    """The shift that `rescale` is left with."""
    return multiplier_for(1.0 / ratio / 2.0 ** max(0, 30 - width(value)))[1]


def rescale(b: Builder, value: Value, target: Format, name: str) -> Value:
    """The value in a format whose scale is no power of two, to nearest, saturated."""
    value = as_fixed(b, value, name)
    ratio = target.unit / value.format.unit
    most = int(np.ceil(target.magnitude * ratio))
    if _places(value, ratio) < 17 and most < value.format.magnitude:  # it saturates anyway
        value = saturate(b, value, signed_bits(-most, most), f"{name}_limited")
    wide = _lifted(b, value, name)
    m, n = multiplier_for(wide.format.unit / target.unit)
    if n < 17:
        raise QuantizationError(
            f"{value.name}: one unit of its format is {target.unit:.3g}, too fine for its range; "
            "calibrate with more representative data or use 12-bit activations"
        )
    factor = b.integers(f"{name}_multiplier", m, storage="int16")
    unit = target.unit / 2.0 ** (n - 16)
    scaled = upper_product(b, wide, factor, f"{name}_scaled", unit)
    rounded = shift_right(b, scaled, n - 16, f"{name}_rounded")
    bits = signed_bits(target.low, target.high)
    return b.store(saturate(b, rounded, bits, name), target)


def rescale_by_unit(b: Builder, value: Value, target: Format, name: str) -> Value:
    """The value in a format with a scale and a zero point for each unit, to nearest, saturated.

    A multiplication brings all units to a common number of bits; zero points are added there,
    together with half a unit, and one shift drops these bits.
    """
    value = as_fixed(b, value, name)
    scales, points = target.scales(value.length), target.zero_points(value.length)
    most = int(np.ceil((scales * (target.magnitude + np.abs(points))).max() / value.format.unit))
    if _places(value, scales.min() / value.format.unit) < 17 and most < value.format.magnitude:
        value = saturate(b, value, signed_bits(-most, most), f"{name}_limited")
    wide = _lifted(b, value, name)
    ratios = wide.format.unit / scales
    room = 30 - int(np.abs(points).max() + target.magnitude).bit_length()
    n = min(multiplier_for(float(ratios.max()))[1] - 16, room)
    if n < 1:
        raise QuantizationError(
            f"{value.name}: one unit of its format is {scales.min():.3g}, too fine for its range; "
            "calibrate with more representative data or use 12-bit activations"
        )
    m = np.maximum(np.floor(ratios * 2.0 ** (n + 16) + 0.5), 1.0)
    factor = b.integers(f"{name}_multiplier", m, storage="int16")
    meaning = scales * 2.0**-n
    product = upper_product(b, wide, factor, f"{name}_scaled", meaning)
    raised = (points << n) + (1 << (n - 1))
    start = b.integers(f"{name}_start", raised)
    low, high = product.format.low + start.format.low, product.format.high + start.format.high
    total = Format("int32", low=low, high=high).with_meaning(meaning, raised)
    moved = b.emit("add", f"{name}_moved", (product, start), total)
    counts = Format("int32", 1.0, low >> n, high >> n)
    rounded = b.emit("shift", f"{name}_rounded", (moved,), counts, n=n)
    return b.store(saturate(b, rounded, signed_bits(target.low, target.high), name), target)


def convert(b: Builder, value: Value, target: Format, name: str) -> Value:
    """The value in the target's scale, within its range, in its storage."""
    if not target.is_uniform:
        return rescale_by_unit(b, value, target, name)
    fraction = fraction_bits(target.unit)
    if fraction is None:
        return rescale(b, value, target, name)
    value = as_fixed(b, value, name)
    short = fraction - fraction_of(value)
    bits = signed_bits(target.low, target.high - 1)
    if short > bits - 2:
        raise QuantizationError(
            f"{value.name}: its products are so much larger than itself that no resolution is left "
            "for it; normalize the input, or combine features that cancel before the model"
        )
    if short > 0:
        value = saturate(b, value, bits - short, f"{name}_sat")
        value = shift_left(b, value, short, name)
    else:
        value = shift_right(b, value, -short, name)
    if value.format.low < target.low or value.format.high > target.high:
        value = saturate(b, value, bits, f"{name}_sat")
    return b.store(value, target)
