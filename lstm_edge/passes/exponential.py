"""exp(-a) in integers with as much relative precision for small results as for large ones.

2**-t is 2**-fraction shifted by the whole places of t; a polynomial has the fraction, so no table
is needed. What multiplies it does so before the shift: then one rounding down is all that is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.formats import Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.products import upper_product
from lstm_edge.passes.fixed.shifts import fraction_of, saturate, shift_right

ARGUMENT_FRACTION = 17
"""Fractional bits of a; times LOG2_E, `mulw` leaves FRACTION."""
LOG2_E = 23637
"""log2(e) in Q1.14, 5e-6 too small."""
FRACTION = 15
LIMIT_BITS = ARGUMENT_FRACTION + 6
"""Of a below 32, signed."""
PLACES = 31
"""Farther than that an int32 is not shifted: 2**-t is 0 from 32 on."""
RESULT_FRACTION = 31
"""Of what is shifted by the places."""
COEFFICIENTS = (
    (34, 116_257_215),
    (33, -455_902_040),
    (32, 1_027_961_701),
    (31, -1_488_270_953),
    (30, 1_073_739_036),
)
"""(fractional bits, number): 2**-x for x in [0, 1] with a relative error of 2.6e-6, the highest
power first; each product with x has a bit less. The largest result is below 1.
"""
TOP = COEFFICIENTS[-1][1]
"""The mantissa at 0."""


@dataclass(frozen=True)
class Power:
    """`mantissa` >> `places`: the mantissa within (1/2, 1), both int32."""

    mantissa: Value
    places: Value


def exponential(b: Builder, a: Value, name: str) -> Power:
    """exp(-a) of a fixed-point a >= 0, its mantissa with 30 fractional bits."""
    t = _halvings(b, argument(b, a, name), name)
    places = shift_right(b, t, FRACTION, f"{name}_places", rounded=False)
    rest = fixed(FRACTION, 0, 2**FRACTION - 1, "int32")
    x = b.emit("low_bits", f"{name}_fraction", (t,), rest, n=FRACTION)
    mantissa = _coefficient(b, 0)
    for k in range(1, len(COEFFICIENTS)):
        product = _product(b, mantissa, x, f"{name}_product{k}")
        mantissa = _sum(b, product, _coefficient(b, k), f"{name}_sum{k}")
    return Power(mantissa, places)


def finer(b: Builder, mantissa: Value, name: str) -> Value:
    """A mantissa with 31 fractional bits."""
    low, high = mantissa.format.low, mantissa.format.high
    fmt = fixed(RESULT_FRACTION, low << 1, high << 1, "int32")
    return b.emit("shift", f"{name}_mantissa", (mantissa,), fmt, n=-1)


def placed(b: Builder, mantissa: Value, places: Value, name: str, comment: str) -> Value:
    """The mantissa, which is not negative, shifted to its place, rounded down."""
    high = mantissa.format.high >> places.format.low
    fmt = Format("int32", mantissa.format.unit, 0, high)
    return b.emit("drop", name, (mantissa, places), fmt, comment=comment)


def times(b: Builder, power: Value, factor: Value, name: str) -> Value:
    """A mantissa times 1/2 + factor, the factor with 16 fractional bits: finer by a bit."""
    product = _product(b, finer(b, power, name), factor, f"{name}_rest")
    return _sum(b, power, product, f"{name}_product")


def argument(b: Builder, a: Value, name: str) -> Value:
    """What `exponential` reads of a: with ARGUMENT_FRACTION bits, limited to 32 where they are
    more than it has.
    """
    missing = ARGUMENT_FRACTION - fraction_of(a)
    if missing <= 0:
        return shift_right(b, a, -missing, f"{name}_in")
    a = saturate(b, a, max(LIMIT_BITS - missing, 2), f"{name}_sat")
    places = min(missing, 29)
    low, high = a.format.low << places, a.format.high << places
    fmt = fixed(ARGUMENT_FRACTION, low, high, "int32")
    return b.emit("shift", f"{name}_in", (a,), fmt, n=-places)


def _halvings(b: Builder, a: Value, name: str) -> Value:
    """t with exp(-a) = 2**-t, below 32."""
    factor = b.integers("log2_e", LOG2_E, 2.0**-14, "int16")
    t = upper_product(b, a, factor, f"{name}_halvings", 2.0**-FRACTION)
    return saturate(b, t, FRACTION + 1 + PLACES.bit_length(), f"{name}_within")


def _coefficient(b: Builder, k: int) -> Value:
    fraction, number = COEFFICIENTS[k]
    return b.integers(f"exp2_{k}", number, 2.0**-fraction)


def _product(b: Builder, a: Value, factor: Value, name: str) -> Value:
    return upper_product(b, a, factor, name, a.format.unit * factor.format.unit * 2.0**16)


def _sum(b: Builder, x: Value, y: Value, name: str) -> Value:
    """The sum of two numbers that count in the same unit, that of y."""
    low, high = x.format.low + y.format.low, x.format.high + y.format.high
    return b.emit("add", name, (x, y), Format("int32", y.format.unit, low, high))
