"""Elementwise functions in integers: tables for the curved ones, one operation for relu."""

from __future__ import annotations

import numpy as np

from lstm_edge.errors import InternalError
from lstm_edge.formats import Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.passes import tables
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.shifts import fraction_of, with_fraction

TABLE_FRACTION = (6, 18)
"""Fractional bits with which a value enters a table: fewer are coarse, more overflow."""


def lower_function(b: Builder, function: str, value: Value, name: str, comment: str) -> Value:
    """`function` of the fixed-point `value`; the result is named `name`."""
    match function:
        case "relu":
            return _relu(b, value, name, comment)
        case "sigmoid":
            q15 = fixed(15, 1, 32767, "int32")
            return _sigmoid(b, value, 0, name, comment, q15)
        case "tanh":
            return _tanh(b, value, name, comment)
        case _:
            raise InternalError(f"no integer form of the function {function!r}")


def _relu(b: Builder, value: Value, name: str, comment: str) -> Value:
    high = max(value.format.high, 0)
    fmt = Format("int32", value.format.scale, max(value.format.low, 0), high)
    return b.emit("at_least", name, (value,), fmt, n=0, comment=comment)


def _sigmoid(
    b: Builder, value: Value, doubled: int, name: str, comment: str, result: Format
) -> Value:
    """sigmoid(value * 2**doubled): doubling is reading the table twice as coarsely."""
    fraction = min(max(fraction_of(value), TABLE_FRACTION[0]), TABLE_FRACTION[1])
    p = with_fraction(b, value, fraction, f"{name}_in")
    entries = b.constant("sigmoid_table", tables.sigmoid_table())
    n = fraction + tables.SIGMOID_RANGE_BITS - tables.HALF_BITS - doubled
    return b.emit("table", name, (p,), result, table=entries, n=n, comment=comment)


def _tanh(b: Builder, value: Value, name: str, comment: str) -> Value:
    """tanh(x) = 2 sigmoid(2x) - 1, so that one table serves both."""
    stored = Format("int32", 1.0, 1, 32767)
    half = _sigmoid(b, value, 1, f"{name}_half", "sigmoid(2x), tanh(x) = 2 sigmoid(2x) - 1", stored)
    twice = b.emit("shift", f"{name}_twice", (half,), Format("int32", 1.0, 2, 65534), n=-1)
    one = b.vector("one_q15", np.array([32768]), Format("int32", 1.0, 32768, 32768))
    q15 = fixed(15, -32766, 32766, "int32")
    return b.emit("sub", name, (twice, one), q15, comment=comment)
