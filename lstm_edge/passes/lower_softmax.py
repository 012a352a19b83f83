"""Softmax and its logarithm in integers: a table of exp, one division, or a table of log.

The largest unit is subtracted first, so that exp stays within [0, 1]; below -16 it is 0 in Q0.15.
"""

from __future__ import annotations

import numpy as np

from lstm_edge.formats import INT32_MAX, Format, fixed, signed_bits
from lstm_edge.ir.program import Value
from lstm_edge.operations.curves import TABLE_SEGMENTS, log, table
from lstm_edge.passes import tables
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.exponential import TOP, argument, exponential, finer, placed
from lstm_edge.passes.fixed.arithmetic import add_or_subtract, compare
from lstm_edge.passes.fixed.shifts import (
    constant_vector,
    fraction_of,
    shift_right,
    with_fraction,
)

FRACTION_LIMIT = 18
"""More fractional bits of the operand than this do not change the result."""
COARSEST = tables.HALF_BITS - tables.EXP_RANGE_BITS
"""Fewer of them are no place in the table of exp."""
LARGEST = 4.0 * tables.EXP_OFFSET
"""Distances from here on give nothing."""
Q15_ONE = 32767
POWER_OF_TWO_BITS = 29
"""Of a reciprocal 2**29 / total, so that it has 15 bits and the product 30."""


def lower_softmax(
    b: Builder, kind: str, x: Value, prefix: str, name: str, power_of_two: bool = False
) -> Value:
    """`softmax` or `log_softmax` of the fixed-point vector x; the result is named `name`,
    all else begins with `prefix`.

    power_of_two: the result of softmax is in Q0.15, at the cost of a bit of its reciprocal.
    """
    x, largest = _largest(b, x, prefix)
    reach = x.format.high - x.format.low
    span = fixed(fraction_of(x), -reach, reach, "int32")
    below = b.emit("sub", f"{prefix}below_largest", (x, largest), span)
    power, top = _exponential(b, below, prefix)
    total = _total(b, power, top, prefix)
    if kind == "softmax":
        return _divided(b, power, total, prefix, name, power_of_two)
    return _logarithm(b, below, total, prefix, name)


def lower_fine_softmax(b: Builder, x: Value, prefix: str, name: str) -> Value:
    """softmax in Q0.31, small results as exactly as large ones: exp of its own logarithm."""
    x, largest = _largest(b, x, prefix)
    reach = x.format.high - x.format.low
    span = fixed(fraction_of(x), -reach, reach, "int32")
    distance = b.emit("sub", f"{prefix}distance", (largest, x), span)
    zero = constant_vector(b, "zero", np.zeros(1))
    below = compare(b, "larger", distance, zero, f"{prefix}from_largest", "")
    below = argument(b, below, f"{prefix}distance")
    power = exponential(b, below, f"{prefix}exp")
    part = placed(b, power.mantissa, power.places, f"{prefix}exponential", "")
    spare = (x.length - 1).bit_length()
    part = shift_right(b, part, spare, f"{prefix}part")
    total = _total(b, part, TOP >> spare, prefix)
    above = _log_of_shares(b, total, prefix)
    above = with_fraction(b, above, fraction_of(below), f"{prefix}log_sum")
    logarithm = add_or_subtract(b, "add", below, above, f"{prefix}minus_log", "")
    power = exponential(b, logarithm, f"{prefix}share")
    mantissa = finer(b, power.mantissa, f"{prefix}share")
    return placed(b, mantissa, power.places, name, "")


def _largest(b: Builder, x: Value, prefix: str) -> tuple[Value, Value]:
    """x so that differences fit into int32, and its largest unit."""
    x = with_fraction(b, x, min(fraction_of(x), FRACTION_LIMIT), f"{prefix}in")
    excess = max(0, signed_bits(x.format.low, x.format.high) - 30)
    x = shift_right(b, x, excess, f"{prefix}in")
    return x, b.emit("max", f"{prefix}largest", (x,), x.format, length=1)


def _exponential(b: Builder, below: Value, prefix: str) -> tuple[Value, int]:
    """exp(below) in Q0.15, and its value at 0."""
    if fraction_of(below) < COARSEST:
        below = _limited(b, below, prefix)
    offset = constant_vector(b, "exp_offset", np.array([tables.EXP_OFFSET]))
    argument = add_or_subtract(b, "add", below, offset, f"{prefix}argument", "")
    entries = tables.exp_table()
    n = fraction_of(argument) + tables.EXP_RANGE_BITS - tables.HALF_BITS
    power = b.emit(
        "table",
        f"{prefix}exponential",
        (argument,),
        fixed(15, 0, Q15_ONE, "int32"),
        table=b.constant("exp_table", entries),
        n=n,
    )
    half = TABLE_SEGMENTS // 2
    return power, int(table(np.array(half << n), entries, n))


def _limited(b: Builder, below: Value, prefix: str) -> Value:
    """Distances from the largest unit, with a place in the table; of a unit beyond it they are
    nothing or all.
    """
    unit, missing = below.format.unit, COARSEST - fraction_of(below)
    least = constant_vector(b, "exp_least", np.array([-max(LARGEST, unit)]))
    within = compare(b, "larger", below, least, f"{prefix}within", "")
    if unit <= LARGEST and within.format.high << missing <= INT32_MAX:
        return with_fraction(b, within, COARSEST, f"{prefix}finer")
    zero = constant_vector(b, "zero", np.zeros(1))
    within = compare(b, "smaller", within, zero, f"{prefix}not_above", "")
    if unit <= LARGEST:
        return with_fraction(b, within, COARSEST, f"{prefix}finer")
    places = int(np.log2(LARGEST)) + COARSEST
    far = fixed(COARSEST, within.format.low << places, 0, "int32")
    return b.emit("shift", f"{prefix}finer", (within,), far, n=-places)


def _total(b: Builder, power: Value, top: int, prefix: str) -> Value:
    """The sum, which is at least what the largest unit alone gives: a fact for the proof."""
    fraction, most = fraction_of(power), power.format.high * power.length
    total = b.emit("sum", f"{prefix}sum", (power,), fixed(fraction, 0, most, "int32"), length=1)
    least = _number(b, f"softmax_least_q{fraction}", top, 2.0**-fraction)
    return b.emit(
        "larger",
        f"{prefix}total",
        (total, least),
        fixed(fraction, top, max(most, top), "int32"),
        comment="the largest unit alone",
    )


def _number(b: Builder, name: str, number: int, scale: float) -> Value:
    """A constant of one number; another one of that name, of another softmax, has it in its own."""
    other = b.constants.get(name)
    if other is not None and other[0] != number:
        name = f"{name}_{number}"
    return b.integers(name, number, scale)


def _divided(
    b: Builder, power: Value, total: Value, prefix: str, name: str, power_of_two: bool
) -> Value:
    """power / total with one division: times a reciprocal of 15 bits, or of 14."""
    numerator = 2**POWER_OF_TWO_BITS if power_of_two else Q15_ONE * total.format.low
    top = _number(b, "softmax_numerator", numerator, 1.0)
    least, most = numerator // total.format.high, numerator // total.format.low
    reciprocal = b.emit(
        "divide",
        f"{prefix}reciprocal",
        (top, total),
        Format("int32", 1.0, least, most),
        length=1,
    )
    reach = Format("int32", 1.0 / numerator, 0, Q15_ONE * most)
    product = b.emit("mul", f"{prefix}scaled", (power, reciprocal), reach)
    return shift_right(b, product, POWER_OF_TWO_BITS - 15 if power_of_two else 15, name)


def _log_of_shares(b: Builder, total: Value, prefix: str) -> Value:
    """log(total / least), least what the largest unit alone gives: from 0 on."""
    entries = tables.log_table()
    low, high = (int(log(np.array(n), entries)) for n in (total.format.low, total.format.high))
    table = b.constant("log_table", entries)
    counted = fixed(15, low, high, "int32")
    logarithm = b.emit("log", f"{prefix}log_counted", (total,), counted, table=table, length=1)
    unit = _number(b, "log_of_largest", low, 2.0**-15)
    return b.emit("sub", f"{prefix}log_sum", (logarithm, unit), fixed(15, 0, high - low, "int32"))


def _logarithm(b: Builder, below: Value, total: Value, prefix: str, name: str) -> Value:
    """below - log(total), total counted in units of 1 / 32767."""
    entries = b.constant("log_table", tables.log_table())
    high = int(np.log(float(total.format.high)) * 2**15) + 2
    counted = b.emit(
        "log",
        f"{prefix}log_total",
        (total,),
        fixed(15, 0, high, "int32"),
        table=entries,
        length=1,
    )
    unit = constant_vector(b, "log_unit", np.array([np.log(float(Q15_ONE))]))
    logarithm = add_or_subtract(b, "sub", counted, unit, f"{prefix}log_sum", "")
    return add_or_subtract(b, "sub", below, logarithm, name, "")
