"""Products, sums and differences: which operations they take, and in which format."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.formats import INT32_MAX, INT32_MIN, Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.products import product_range, upper_product
from lstm_edge.passes.fixed.rescale import as_fixed
from lstm_edge.passes.fixed.shifts import (
    MOST_FRACTION,
    bound_at,
    finest,
    fraction_of,
    narrow,
    shift_left,
    shift_right,
    width,
    with_fraction,
)
from lstm_edge.passes.numbers import Number, number

ENOUGH_FRACTION = 20
"""Fractional bits of a product beyond which a wider factor need not be lifted."""
FLOOR = 0.5
"""What rounding down takes on average, in units."""


def multiply(
    b: Builder, one: Number, other: Number, name: str, comment: str, lifts: bool = False
) -> Number:
    """The product: exact for two 16-bit values, else the upper bits by `mulw`. lifts: as many more
    as the wider factor has room for.
    """
    for gate, factor in ((one, other), (other, one)):
        x = factor.value
        if gate.centred is not None and x.name not in b.constants and width(x) > 16:
            return _gated(b, x, gate.centred, name, comment)
    x, y = (
        as_fixed(b, factor.whole or factor.value, f"{name}_{side}")
        for factor, side in ((one, "a"), (other, "b"))
    )
    x, y = (narrow(b, v, f"{name}_narrow") if v.name in b.constants else v for v in (x, y))
    if width(x) < width(y):
        x, y = y, x
    if width(y) > 16:
        y = narrow(b, y, f"{name}_narrow")
    fraction = fraction_of(x) + fraction_of(y)
    if width(x) <= 16:
        exact = fixed(fraction, *product_range(x.format, y.format), "int32")
        return number(b.emit("mul", name, (x, y), exact, comment=comment))
    room = min(31 - width(x), ENOUGH_FRACTION + 16 - fraction)
    if lifts and room > 0:
        x = shift_left(b, x, room, f"{name}_up")
        fraction += room
    product = upper_product(b, x, y, name, 2.0 ** (16 - fraction), comment)
    return replace(number(product), lost=FLOOR)


def _gated(b: Builder, x: Value, centred: Value, name: str, comment: str) -> Number:
    """x times a gate, as x / 2 + x * (gate - 1/2): the gate has 16 fractional bits."""
    x = as_fixed(b, x, f"{name}_a")
    low, high = x.format.low, x.format.high
    half = b.emit(
        "shift", f"{name}_half", (x,), Format("int32", x.format.unit, low >> 1, high >> 1), n=1
    )
    rest = upper_product(b, x, centred, f"{name}_rest", x.format.unit)
    low, high = _limits("add", half.format, rest.format)
    both = Format("int32", x.format.unit, low, high)
    product = b.emit("add", name, (half, rest), both, comment=comment)
    return replace(number(product), lost=FLOOR / 2 + FLOOR)


def add_or_subtract(
    b: Builder,
    kind: str,
    x: Value,
    y: Value,
    name: str,
    comment: str,
    lost: tuple[float, float] = (0.0, 0.0),
) -> Value:
    """x + y or x - y at the coarser of the two formats, coarser still where the sum needs it.

    lost: how far x and y lie below the exact values on average, in their own units.
    """
    x, y = as_fixed(b, x, f"{name}_a"), as_fixed(b, y, f"{name}_b")
    fraction = min(fraction_of(x), fraction_of(y))
    while _sum_range(kind, x, y, fraction) is None:
        fraction -= 1
    sign = 1.0 if kind == "add" else -1.0
    finer_x, finer_y = fraction_of(x) > fraction, fraction_of(y) > fraction
    if finer_y and not finer_x and lost[0]:
        y = _made_up(b, y, fraction, sign * lost[0], f"{name}_b")
    if finer_x and not finer_y and lost[1]:
        x = _made_up(b, x, fraction, sign * lost[1], f"{name}_a")
    x = with_fraction(b, x, fraction, f"{name}_a")
    y = with_fraction(b, y, fraction, f"{name}_b")
    low, high = _limits(kind, x.format, y.format)
    return b.emit(kind, name, (x, y), fixed(fraction, low, high, "int32"), comment=comment)


def _made_up(b: Builder, value: Value, fraction: int, lost: float, name: str) -> Value:
    """The value with fewer bits, rounded, and `lost` units added: what its partner in a sum lacks.

    Both are one constant, so this costs what rounding does.
    """
    n = fraction_of(value) - fraction
    added = int(2.0**n * (0.5 + lost))
    low, high = value.format.low + added, value.format.high + added
    if value.name in b.constants or low < INT32_MIN or high > INT32_MAX:
        return value
    unit = fraction_of(value)
    constant = b.integers(f"rounding_{added}_q{unit}", added, value.format.unit)
    more = Format("int32", value.format.unit, low, high)
    raised = b.emit("add", f"{name}_raised", (value, constant), more)
    return shift_right(b, raised, n, name, rounded=False)


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


def select(b: Builder, args: list[Value], name: str, comment: str) -> Value:
    """The third value where the first is above the second, else the fourth. What is compared has
    the finer of two formats where int32 holds it, what is chosen the coarser.
    """
    x, y, chosen, other = (as_fixed(b, v, f"{name}_{k}") for k, v in enumerate(args))
    if y.name in b.constants:
        y = bound_at(b, y, fraction_of(x))
    elif x.name in b.constants:
        x = bound_at(b, x, fraction_of(y))
    wanted = max(fraction_of(x), fraction_of(y))
    fraction = min(wanted, *(fraction_of(v) + 32 - width(v) for v in (x, y)))
    x, y = (with_fraction(b, v, fraction, f"{name}_{k}") for k, v in ((0, x), (1, y)))
    fraction = min(finest(b, chosen), finest(b, other))
    fraction = 0 if fraction == MOST_FRACTION else fraction  # of nothing but 0
    chosen, other = (
        with_fraction(b, v, fraction, f"{name}_{k}") for k, v in ((2, chosen), (3, other))
    )
    low = min(chosen.format.low, other.format.low)
    high = max(chosen.format.high, other.format.high)
    both = fixed(fraction, low, high, "int32")
    return b.emit("select", name, (x, y, chosen, other), both, comment=comment)


def total(b: Builder, x: Value, name: str, comment: str) -> Value:
    """The sum over the units, at a coarser format where int32 needs it."""
    x = as_fixed(b, x, f"{name}_a")
    room = 31 - (max(x.format.magnitude, 1) * x.length).bit_length()
    x = shift_right(b, x, max(0, -room), f"{name}_in")
    low, high = x.length * x.format.low, x.length * x.format.high
    fmt = fixed(fraction_of(x), low, high, "int32")
    return b.emit("sum", name, (x,), fmt, length=1, comment=comment)


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
