"""Square root and logarithm in integers: total, by the tables of layer_norm and softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_edge.formats import INT32_MAX, Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.operations.curves import LN2_Q15, log
from lstm_edge.passes import tables
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.shifts import fraction_of, shift_left, shift_right, width

MANTISSA_FRACTION = 13
"""sqrt(t) has so many bits behind the point, t of 31 or 32 bits."""
LOG_FRACTION = 15


def lower_sqrt(b: Builder, x: Value, name: str, comment: str) -> Value:
    """The square root of a fixed-point value, 0 below 0: t / sqrt(t), t = x shifted left by pairs
    of bits, shifted right by half as many.
    """
    if fraction_of(x) % 2:
        x = (
            shift_left(b, x, 1, f"{name}_even")
            if width(x) < 32
            else shift_right(b, x, 1, f"{name}_even")
        )
    zero = b.integers("zero_bound", 0)
    one = b.integers("one_bound", 1)
    high = max(x.format.high, 1)
    unit = x.format.unit
    positive = b.emit("larger", f"{name}_of", (x, zero), Format("int32", unit, 0, high))
    least = b.emit("larger", f"{name}_least", (positive, one), Format("int32", unit, 1, high))
    few, many = 31 - high.bit_length(), 30

    def plain(
        kind: str, suffix: str, args: tuple[Value, ...], ends: tuple[int, int], **more: Any
    ) -> Value:
        return b.emit(kind, f"{name}_{suffix}", args, Format("int32", 1.0, *ends), **more)

    free = plain("headroom", "free", (least,), (few, many))
    pairs = plain("shift", "pairs", (free,), (few >> 1, many >> 1), n=1)
    places = plain("shift", "places", (pairs,), (few >> 1 << 1, many >> 1 << 1), n=-1)
    lifted = plain("lift", "lifted", (positive, places), (0, INT32_MAX))
    table = b.constant("rsqrt_table", tables.rsqrt_table())
    mantissa = plain("rsqrt", "mantissa", (least,), (2**13, 2**15 - 1), table=table)
    wide = plain("mulw", "product", (lifted, mantissa), (0, INT32_MAX >> 1))
    result = fixed(
        fraction_of(x) // 2 + MANTISSA_FRACTION, 0, (INT32_MAX >> 1) >> (few >> 1), "int32"
    )
    return b.emit("drop", name, (wide, pairs), result, comment=comment)


def lower_log(b: Builder, x: Value, name: str, comment: str) -> Value:
    """The natural logarithm of a fixed-point value, exact for 1; of less than its unit, that of the
    unit.
    """
    one = b.integers("one_bound", 1)
    high = max(x.format.high, 1)
    ends = Format("int32", x.format.unit, 1, high)
    positive = b.emit("larger", f"{name}_of", (x, one), ends)
    entries = tables.log_table()
    most = int(log(np.array(high), entries))
    table = b.constant("log_table", entries)
    counted = b.emit(
        "log", f"{name}_counted", (positive,), fixed(LOG_FRACTION, 0, most, "int32"), table=table
    )
    one_at = fraction_of(x) * LN2_Q15
    unit = b.integers(f"{name}_unit", one_at, 2.0**-LOG_FRACTION)
    result = fixed(LOG_FRACTION, -one_at, most - one_at, "int32")
    return b.emit("sub", name, (counted, unit), result, comment=comment)
