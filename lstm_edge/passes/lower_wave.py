"""Sine and cosine in integers: less the nearest multiple of 2 pi, then a table.

2 pi is a number of 30 bits in two parts of 15, so that both products with the multiple are exact.
"""

from __future__ import annotations

import numpy as np

from lstm_edge.formats import Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.arithmetic import add_or_subtract
from lstm_edge.passes.fixed.shifts import (
    constant_vector,
    fraction_of,
    saturate,
    shift_right,
    with_fraction,
)
from lstm_edge.passes.lower_function import lower_sine
from lstm_edge.rounding import bits_above

FRACTIONS = (8, 18)
"""Fractional bits of what is reduced: fewer are coarse, more do not change the result."""
RANGE_BITS = 27
"""Of what is reduced, signed: sums on the way have more."""
MOST_REACH_BITS = 16
"""A number beyond 65,536 counts as that: a turn more often has more than 15 bits."""
WITHIN = 4.0
"""What the table covers."""
PER_TURN = 17, 20861
"""1 / (2 pi), fractional bits and number: 1e-5 too large, 0.1 of a turn at the ends."""
TURN_PARTS = (12, 25735), (27, 30377)
"""2 pi as the sum of two."""


def lower_wave(b: Builder, x: Value, ahead: float, reach: float, name: str, comment: str) -> Value:
    """sin(x + ahead) of a fixed-point value; one beyond `reach` counts as an end of that."""
    x = _limited(b, x, min(bits_above(reach), MOST_REACH_BITS), name)
    if ahead:
        start = constant_vector(b, f"ahead_{ahead:.4f}", np.array([ahead]))
        x = add_or_subtract(b, "add", x, start, f"{name}_ahead", "")
    if x.format.magnitude * x.format.unit > WITHIN:
        x = _reduced(b, x, name)
    return lower_sine(b, x, name, comment)


def _limited(b: Builder, x: Value, whole: int, name: str) -> Value:
    """x within 2**whole, with as many fractional bits as the table wants or RANGE_BITS allow."""
    fraction = min(fraction_of(x), FRACTIONS[1], RANGE_BITS - 1 - whole)
    x = shift_right(b, x, fraction_of(x) - fraction, f"{name}_in")
    x = saturate(b, x, max(fraction + whole + 1, 2), f"{name}_within")
    up = min(max(FRACTIONS[0] - fraction, 0), RANGE_BITS - 2)
    if not up:
        return x
    fine = fixed(FRACTIONS[0], x.format.low << up, x.format.high << up, "int32")
    return b.emit("shift", f"{name}_fine", (x,), fine, n=-up)


def _reduced(b: Builder, x: Value, name: str) -> Value:
    """x - 2 pi k, k the nearest whole number or beside it where two are near: within the table."""
    fraction = fraction_of(x)
    per_turn = _number(b, *PER_TURN)
    low, high = ((end * PER_TURN[1]) >> 16 for end in (x.format.low, x.format.high))
    turns = b.emit(
        "mulw",
        f"{name}_turns",
        (x, per_turn),
        fixed(fraction + PER_TURN[0] - 16, low, high, "int32"),
    )
    count = shift_right(b, turns, fraction_of(turns), f"{name}_count")
    for k, part in enumerate(TURN_PARTS):
        less = _times(b, count, _number(b, *part), f"{name}_whole{k}")
        less = with_fraction(b, less, fraction, f"{name}_whole{k}_at")
        size = x.format.magnitude + less.format.magnitude
        x = b.emit("sub", f"{name}_less{k}", (x, less), fixed(fraction, -size, size, "int32"))
    return x


def _number(b: Builder, fraction: int, number: int) -> Value:
    """A constant of 15 bits."""
    return b.integers(f"turn_{number}", number, 2.0**-fraction, "int16")


def _times(b: Builder, count: Value, part: Value, name: str) -> Value:
    most = count.format.magnitude * part.format.high
    return b.emit("mul", name, (count, part), Format("int32", part.format.unit, -most, most))
