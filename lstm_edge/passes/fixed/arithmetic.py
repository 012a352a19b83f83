"""Products, sums and differences: which operations they take, and in which format."""

from __future__ import annotations

from lstm_edge.formats import INT32_MAX, INT32_MIN, Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.rescale import as_fixed
from lstm_edge.passes.fixed.shifts import bound_at, fraction_of, narrow, width, with_fraction


def product_range(a: Format, b: Format) -> tuple[int, int]:
    """Smallest and largest product of two stored integers."""
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(corners), max(corners)


def multiply(b: Builder, x: Value, y: Value, name: str, comment: str) -> Value:
    """x * y: exact for two 16-bit values, else the upper bits by `mulw`."""
    x, y = as_fixed(b, x, f"{name}_a"), as_fixed(b, y, f"{name}_b")
    x, y = (narrow(b, v, f"{name}_narrow") if v.name in b.constants else v for v in (x, y))
    if width(x) < width(y):
        x, y = y, x
    if width(y) > 16:
        y = narrow(b, y, f"{name}_narrow")
    fraction = fraction_of(x) + fraction_of(y)
    low, high = product_range(x.format, y.format)
    if width(x) <= 16:
        return b.emit("mul", name, (x, y), fixed(fraction, low, high, "int32"), comment=comment)
    wide = fixed(fraction - 16, low >> 16, high >> 16, "int32")
    return b.emit("mulw", name, (x, y), wide, comment=comment)


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


def compare(b: Builder, kind: str, x: Value, y: Value, name: str, comment: str) -> Value:
    """larger, smaller or above of two values at the coarser of their formats."""
    x, y = as_fixed(b, x, f"{name}_a"), as_fixed(b, y, f"{name}_b")
    if y.name in b.constants:
        y = bound_at(b, y, fraction_of(x))
    fraction = min(fraction_of(x), fraction_of(y))
    x = with_fraction(b, x, fraction, f"{name}_a")
    y = with_fraction(b, y, fraction, f"{name}_b")
    if kind == "above":
        low, high = min(x.format.low, 0), max(x.format.high, 0)
    else:
        pick = max if kind == "larger" else min
        low, high = pick(x.format.low, y.format.low), pick(x.format.high, y.format.high)
    return b.emit(kind, name, (x, y), fixed(fraction, low, high, "int32"), comment=comment)
