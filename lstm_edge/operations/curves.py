"""Curved functions: by tables in integers, by `curves_float.py` in float."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_edge.operations import curves_float, waves_float
from lstm_edge.operations.call import Call, Constants, Op, operand_and_table
from lstm_edge.operations.intermediate import (
    Intermediate,
    Intermediates,
    count_in,
    ends,
    places_of,
    steps_between,
)
from lstm_edge.operations.limits import limited
from lstm_edge.operations.record import (
    POSITIVE,
    Bounds,
    Function,
    Ints,
    Operation,
    Spelling,
    WideSpelling,
)
from lstm_edge.operations.shifts import headroom

TABLE_SEGMENTS = 512
MOST_SEGMENT_BITS = 22
"""Of a table, half of which is 256 << n wide."""
LOG_FRACTION_BITS = 15
LN2_Q15 = 22713
"""round(log(2) * 2**15)."""


def table(a: Ints, entries: Ints, n: int) -> Ints:
    """Interpolate linearly in 513 entries that lie 2**n apart, entry 256 at a = 0.

    a is clamped to [-256 * 2**n, 256 * 2**n - 1]; result v[k] + ((v[k+1] - v[k]) * f >> n),
    the same as (v[k] * (2**n - f) + v[k+1] * f) >> n.
    """
    half = TABLE_SEGMENTS // 2 << n
    a = limited(a, -half, half - 1)
    k = (a >> n) + TABLE_SEGMENTS // 2
    low = entries.take(k)
    step = entries[1:].take(k)
    step -= low
    step *= a & ((1 << n) - 1)
    step >>= n
    step += low
    return np.asarray(step)


def _operand_table_and_n(call: Call) -> tuple[Any, ...]:
    return call.args[0], call.constants[call.op.table], call.op.n


def table_bounds(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    """Of all entries around the segments that the operand can be in."""
    entries = constants[op.table]
    half = TABLE_SEGMENTS // 2 << op.n
    first, last = (np.clip(a, -half, half - 1) >> op.n for a in args[0])
    offset = TABLE_SEGMENTS // 2
    parts = [
        entries[i + offset : j + offset + 2]
        for i, j in zip(np.atleast_1d(first), np.atleast_1d(last), strict=True)
    ]
    return np.array([p.min() for p in parts]), np.array([p.max() for p in parts])


def _table_on_the_way(op: Op, args: list[Bounds], constants: Constants) -> Intermediates:
    """Of the segments that the operand can be in. 256 << n is a number of int32."""
    count = Intermediate("n", op.n, op.n, count_in(0, MOST_SEGMENT_BITS))
    if not count.fits:
        return (count,)
    entries = constants[op.table]
    half = TABLE_SEGMENTS // 2 << op.n
    first, last = (
        min(max(a, -half), half - 1) // 2**op.n + TABLE_SEGMENTS // 2 for a in ends(args[0])
    )
    place = Intermediate("256 + (inside >> n) + 1", first, last + 1, places_of(entries))
    return (count, place, *steps_between(entries[first : last + 2], (1 << op.n) - 1))


def log(a: Ints, entries: Ints) -> Ints:
    """Natural logarithm of a > 0 with 15 fractional bits.

    a = 2**e * (1 + m): e * log(2) plus log(1 + m), interpolated in 513 entries.
    """
    exponent = np.floor(np.log2(a.astype(np.float64))).astype(np.int64)
    mantissa = (a << (30 - exponent)) - (1 << 30)
    k = mantissa >> 21
    low = entries[k]
    step = (entries[k + 1] - low) * ((mantissa >> 6) & 0x7FFF) >> 15
    return np.asarray(exponent * LN2_Q15 + low + step)


def _log(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    entries = constants[op.table]
    low, high = (log(np.maximum(a, 1), entries) for a in args[0])
    return low, high


def _log_on_the_way(op: Op, args: list[Bounds], constants: Constants) -> Intermediates:
    entries = constants[op.table]
    most = max(ends(args[0])[1], 1).bit_length() - 1
    low, high = int(entries.min()), int(entries.max())
    return (
        Intermediate("(mantissa >> 21) + 1", 0, 512, places_of(entries)),
        *steps_between(entries, 2**15 - 1),
        Intermediate("exponent * log2 + entry[0]", low, most * LN2_Q15 + high),
    )


def rsqrt(a: Ints, entries: Ints) -> Ints:
    """2**29 / sqrt(t) for a > 0, where t = a << 2 * (headroom(a) >> 1) lies in [2**29, 2**31).

    The upper 15 bits of 1 / sqrt(a), interpolated in 385 entries.
    """
    t = a << 2 * (headroom(a) >> 1)
    k = (t >> 22) - 128
    low = entries[k]
    step = (entries[k + 1] - low) * ((t >> 7) & 0x7FFF) >> 15
    return np.asarray(low + step)


def _rsqrt(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    """It falls from each odd power of two up to the next: try the ends of these stretches."""
    low, high = np.maximum(args[0][0], 1), args[0][1]
    ends = [np.int64(1) << odd for odd in range(1, 31, 2)]
    tried = [low, high, *(np.clip(e - k, low, high) for e in ends for k in (0, 1))]
    found = [rsqrt(np.asarray(a), constants[op.table]) for a in tried]
    return np.minimum.reduce(found), np.maximum.reduce(found)


def _rsqrt_on_the_way(op: Op, _: list[Bounds], constants: Constants) -> Intermediates:
    """t lies in 2**29 .. 2**31 - 1."""
    entries = constants[op.table]
    place = Intermediate("(t >> 22) - 128 + 1", 0, 384, places_of(entries))
    return (place, *steps_between(entries, 2**15 - 1))


def _curve(name: str, real: Function, *called: str) -> Operation:
    """A curve that float has; called: the helpers that its own one calls."""
    own = f"le_{name}"
    return Operation(name, real=real, c_float=Spelling(f"{own}({{0}})", (own, *called)))


RECORDS = (
    # table: 513 entries; n: log2 of their distance
    Operation(
        "table",
        integer=table,
        bind=_operand_table_and_n,
        bounds=table_bounds,
        on_the_way=_table_on_the_way,
        c=Spelling("le_table({table}, {0}, {n})", ("le_table",)),
        c_wide=WideSpelling("{reader}({table}, {0}, {n})"),
    ),
    # table: in integers
    Operation(
        "log",
        integer=log,
        real=curves_float.log,
        bind=operand_and_table,
        bounds=_log,
        on_the_way=_log_on_the_way,
        wants=(POSITIVE,),
        c=Spelling("le_log({table}, {0})", ("le_log",)),
        c_float=Spelling("le_log({0})", ("le_log",)),
    ),
    Operation(
        "rsqrt",
        integer=rsqrt,
        real=curves_float.rsqrt,
        bind=operand_and_table,
        bounds=_rsqrt,
        on_the_way=_rsqrt_on_the_way,
        wants=(POSITIVE,),
        c=Spelling("le_rsqrt({table}, {0})", ("le_rsqrt",)),
        c_float=Spelling("le_rsqrt({0})", ("le_rsqrt",)),
    ),
    _curve("exp", curves_float.exp),
    _curve("sqrt", curves_float.sqrt, "le_rsqrt"),
    _curve("erf", curves_float.erf, "le_exp"),
    _curve("sin", waves_float.sin, "le_wave", "le_quarters"),
    _curve("cos", waves_float.cos, "le_wave", "le_quarters"),
    _curve("sigmoid", curves_float.sigmoid, "le_exp"),
    _curve("tanh", curves_float.tanh, "le_exp"),
    _curve("elu_tail", curves_float.elu_tail, "le_exp", "le_smaller"),
    _curve("softplus_tail", curves_float.softplus_tail, "le_exp", "le_log", "le_smaller"),
    _curve("softsign", curves_float.softsign, "le_larger"),
)
