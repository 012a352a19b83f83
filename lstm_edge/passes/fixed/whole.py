"""Whole numbers near a fixed-point value: exact, by shifts."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.formats import INT32_MAX, Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.rescale import as_fixed
from lstm_edge.passes.fixed.shifts import fraction_of, shift_left, shift_right, width
from lstm_edge.passes.numbers import Number, number

MOST_CUT = 30
"""Fractional bits of which the nearest whole number is taken: int32 holds them and a half. No whole
number gets more, as none is shifted further."""


def whole(b: Builder, kind: str, x: Value, name: str, comment: str) -> Number:
    """`floor` or `nearest` of x, with its fractional bits, which are 0, and without them."""
    x = as_fixed(b, x, f"{name}_a")
    if fraction_of(x) <= 0:
        return number(x)
    made = _floor(b, x, f"{name}_whole") if kind == "floor" else _nearest(b, x, f"{name}_whole")
    back = min(fraction_of(x), 32 - width(made), MOST_CUT)
    return replace(number(shift_left(b, made, back, name)), whole=made)


def _floor(b: Builder, x: Value, name: str) -> Value:
    n = min(fraction_of(x), 31)
    return b.emit(
        "shift", name, (x,), fixed(0, x.format.low >> n, x.format.high >> n, "int32"), n=n
    )


def _nearest(b: Builder, x: Value, name: str) -> Value:
    """(x + 1/2 - 1 unit + whether floor(x) is odd) cut off: of two the even one."""
    x = shift_right(b, x, max(0, fraction_of(x) - MOST_CUT), f"{name}_a", rounded=False)
    if x.format.high > INT32_MAX - (1 << (fraction_of(x) - 1)):
        x = shift_right(b, x, 1, f"{name}_b", rounded=False)
    n, unit = fraction_of(x), x.format.unit
    if n <= 0:
        return x
    below = (1 << (n - 1)) - 1
    odd = b.emit("low_bits", f"{name}_odd", (_floor(b, x, f"{name}_floor"),), fixed(n, 0, 1), n=1)
    half = b.integers(f"below_half_q{n}", below, unit)
    low, high = x.format.low + below, x.format.high + below
    raised = b.emit("add", f"{name}_half", (x, half), Format("int32", unit, low, high))
    even = b.emit("add", f"{name}_even", (raised, odd), Format("int32", unit, low, high + 1))
    return b.emit("shift", name, (even,), fixed(0, low >> n, (high + 1) >> n, "int32"), n=n)
