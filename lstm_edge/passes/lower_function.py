"""Curved functions in integers: interpolated tables, and a division for softsign."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.errors import InternalError
from lstm_edge.formats import Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.passes import tables
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.exponential import (
    ARGUMENT_FRACTION,
    RESULT_FRACTION,
    exponential,
    placed,
    times,
)
from lstm_edge.passes.fixed.arithmetic import add_or_subtract, compare
from lstm_edge.passes.fixed.shifts import (
    constant_vector,
    fraction_of,
    saturate,
    shift_right,
    with_fraction,
)
from lstm_edge.passes.numbers import Number, number
from lstm_edge.rounding import bits_above

TABLE_FRACTION = (6, 18)
"""Fractional bits with which a value enters a table: fewer are coarse, more overflow."""
FROM_16_TO_4 = tables.SIGMOID_RANGE_BITS - tables.WAVE_RANGE_BITS
MOST_MISSING, FAR_BITS = 28, 20
"""A value that lacks more fractional bits is beyond a table where it is not 0; shifted left by so
many bits its sign is, too.
"""
SOFTSIGN_FRACTION = 15
MOST_POWER = 30
"""exp saturates at 2**30 at last."""
EXP_BITS = ARGUMENT_FRACTION + 8
"""Of what exp reads, within +-128, signed: beyond it is 0, or saturates."""


def lower_function(b: Builder, function: str, value: Value, name: str, comment: str) -> Number:
    """`function` of the fixed-point `value`; the result is named `name`."""
    match function:
        case "sigmoid":
            return _sigmoid(b, value, name, comment)
        case "tanh":
            return number(_tanh(b, value, name, comment))
        case "elu_tail":
            q15 = fixed(15, -32767, 0, "int32")
            entries = ("elu_table", tables.elu_table())
            return number(_table(b, value, entries, 0, name, comment, q15))
        case "softplus_tail":
            q15 = fixed(15, 0, 32767, "int32")
            entries = ("softplus_table", tables.softplus_table())
            return number(_table(b, value, entries, 0, name, comment, q15))
        case "erf":
            q15 = fixed(15, -32767, 32767, "int32")
            entries = ("erf_table", tables.erf_table())
            return number(_table(b, value, entries, FROM_16_TO_4, name, comment, q15))
        case "softsign":
            return number(_softsign(b, value, name, comment))
        case _:
            raise InternalError(f"no integer form of the function {function!r}")


def _table(
    b: Builder,
    value: Value,
    table: tuple[str, tables.Entries],
    doubled: int,
    name: str,
    comment: str,
    result: Format,
) -> Value:
    """A table over [-16, 16], or half of that, `doubled` times: read twice as coarsely."""
    fraction = min(max(fraction_of(value), TABLE_FRACTION[0]), TABLE_FRACTION[1])
    missing = fraction - fraction_of(value)
    if missing < 0:
        p = shift_right(b, value, -missing, f"{name}_in", rounded=False)
    else:
        p = _finer(b, value, fraction, name)
    entries = b.constant(*table)
    n = fraction + tables.SIGMOID_RANGE_BITS - tables.HALF_BITS - doubled
    return b.emit("table", name, (p,), result, table=entries, n=n, comment=comment)


def lower_sine(b: Builder, r: Value, name: str, comment: str) -> Value:
    """sin of a fixed-point value within [-4, 4]."""
    q15 = fixed(15, -32767, 32767, "int32")
    entries = ("sine_table", tables.sine_table())
    return _table(b, r, entries, FROM_16_TO_4, name, comment, q15)


def _finer(b: Builder, value: Value, fraction: int, name: str) -> Value:
    """An operand with at least as many fractional bits, limited to what can have so many."""
    missing = fraction - fraction_of(value)
    if missing > MOST_MISSING:
        return _sign(b, value, fraction, name)
    if missing > 0:
        value = saturate(b, value, 32 - missing, f"{name}_sat")
    return with_fraction(b, value, fraction, f"{name}_in")


def _sign(b: Builder, value: Value, fraction: int, name: str) -> Value:
    """An operand of which one unit lies beyond the table: an end of the table, or its middle."""
    sign = saturate(b, value, 2, f"{name}_sign")
    low, high = sign.format.low << FAR_BITS, sign.format.high << FAR_BITS
    far = fixed(fraction, low, high, "int32")
    return b.emit("shift", f"{name}_in", (sign,), far, n=-FAR_BITS)


def _sigmoid(b: Builder, value: Value, name: str, comment: str) -> Number:
    """sigmoid in Q0.15; what multiplies a wide value by it takes the table's finer numbers."""
    limit = tables.SIGMOID_LIMIT
    table = ("sigmoid_table", tables.sigmoid_table())
    finer = fixed(16, -limit, limit, "int32")
    centred = _table(b, value, table, 0, f"{name}_centred", f"{comment}, less 1/2", finer)
    cut = fixed(15, -limit >> 1, limit >> 1, "int32")
    cut_value = b.emit("shift", f"{name}_cut", (centred,), cut, n=1)
    half = b.integers("half_q15", 2**14, 2.0**-15)
    q15 = fixed(15, 2**14 + cut.low, 2**14 + cut.high, "int32")
    gate = b.emit("add", name, (cut_value, half), q15, comment=comment)
    return replace(number(gate), centred=centred)


def lower_fine_sigmoid(b: Builder, value: Value, name: str, comment: str) -> Value:
    """sigmoid in Q0.31, small results as exactly as large ones: sigmoid(|x|) * exp(min(x, 0))."""
    x = with_fraction(b, value, min(fraction_of(value), ARGUMENT_FRACTION), f"{name}_in")
    x = saturate(b, x, 31, f"{name}_sat")
    zero = constant_vector(b, "zero", np.zeros(1))
    negated = add_or_subtract(b, "sub", zero, x, f"{name}_negated", "")
    below = compare(b, "larger", negated, zero, f"{name}_below", "")
    size = compare(b, "larger", x, below, f"{name}_size", "")
    entries = ("sigmoid_table", tables.sigmoid_table())
    upper = fixed(16, 0, tables.SIGMOID_LIMIT, "int32")
    centred = _table(b, size, entries, 0, f"{name}_centred", "sigmoid(|x|) - 1/2", upper)
    power = exponential(b, below, f"{name}_exp")
    product = times(b, power.mantissa, centred, f"{name}_exp")
    return placed(b, product, power.places, name, comment)


def lower_exponential(b: Builder, value: Value, reach: float, name: str, comment: str) -> Value:
    """exp in int32, small results as exactly as large ones: 2**e * exp(x - e log(2)), e the least
    with 2**e >= `reach`, where it saturates.
    """
    power_of_two = int(np.clip(bits_above(reach), 0, MOST_POWER))
    x = with_fraction(b, value, min(fraction_of(value), ARGUMENT_FRACTION), f"{name}_in")
    missing = min(ARGUMENT_FRACTION - fraction_of(x), MOST_MISSING)
    x = saturate(b, x, max(EXP_BITS - missing, 2), f"{name}_sat")
    if missing:
        fine = fixed(ARGUMENT_FRACTION, x.format.low << missing, x.format.high << missing, "int32")
        x = b.emit("shift", f"{name}_fine", (x,), fine, n=-missing)
    top = round(power_of_two * np.log(2.0) * 2.0**ARGUMENT_FRACTION)
    end = b.integers(f"exp_end_{power_of_two}", top, 2.0**-ARGUMENT_FRACTION)
    distance = add_or_subtract(b, "sub", end, x, f"{name}_distance", "")
    zero = constant_vector(b, "zero", np.zeros(1))
    power = exponential(b, compare(b, "larger", distance, zero, f"{name}_below", ""), name)
    low, high = power.mantissa.format.low << 1, power.mantissa.format.high << 1
    scaled = Format("int32", 2.0 ** (power_of_two - RESULT_FRACTION), low, high)
    mantissa = b.emit("shift", f"{name}_mantissa", (power.mantissa,), scaled, n=-1)
    return placed(b, mantissa, power.places, name, comment)


def _tanh(b: Builder, value: Value, name: str, comment: str) -> Value:
    """tanh(x) = 2 (sigmoid(2x) - 1/2): the sigmoid's table, read twice as coarsely."""
    limit = tables.SIGMOID_LIMIT
    table = ("sigmoid_table", tables.sigmoid_table())
    return _table(b, value, table, 1, name, comment, fixed(15, -limit, limit, "int32"))


def _softsign(b: Builder, value: Value, name: str, comment: str) -> Value:
    """x / (1 + |x|) = 1 / (1 + max(-x, 0)) - 1 / (1 + max(x, 0))."""
    if fraction_of(value) < 0:  # 1 is less than a unit, and what 1 + |x| is made of
        value = _finer(b, value, 0, name)
    x = with_fraction(b, value, min(fraction_of(value), SOFTSIGN_FRACTION), f"{name}_in")
    x = saturate(b, x, 31, f"{name}_sat")
    zero = constant_vector(b, "zero", np.zeros(1))
    negated = add_or_subtract(b, "sub", zero, x, f"{name}_negated", "")
    parts = [_reciprocal(b, v, f"{name}_{side}") for v, side in ((negated, "below"), (x, "above"))]
    return add_or_subtract(b, "sub", parts[0], parts[1], name, comment)


def _reciprocal(b: Builder, x: Value, name: str) -> Value:
    """1 / (1 + max(x, 0)) in Q0.15."""
    fraction = fraction_of(x)
    zero = b.integers("zero_bound", 0)
    high = max(x.format.high, 0)
    positive = b.emit("larger", f"{name}_side", (x, zero), fixed(fraction, 0, high, "int32"))
    one = constant_vector(b, "one", np.ones(1))
    more = add_or_subtract(b, "add", positive, one, f"{name}_more", "")
    unit = fraction_of(more)
    numerator = 32767 << unit
    top = b.integers(f"reciprocal_numerator_q{unit}", numerator)
    low = numerator // max(more.format.high, 1)
    return b.emit("divide", name, (top, more), fixed(15, low, 32767, "int32"))
