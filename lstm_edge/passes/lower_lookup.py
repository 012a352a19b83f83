"""Quantize the table of an embedding: rows with a scale each, and how a row is read.

Row r stands for `rows[r] * multiplier[r] * unit / 2**n` with int16 multipliers, so that one product
and one rounded shift give an activation in units of `unit`: the errors are those of the rows and of
the activation's own rounding. Where scales are powers of two, all rows share one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.formats import Format, signed_bits
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.decisions import integer, number
from lstm_edge.passes.fixed.rescale import convert
from lstm_edge.passes.fixed.shifts import saturate, shift_right
from lstm_edge.passes.round_weights import round_second_order
from lstm_edge.passes.row_scales import Scheme
from lstm_edge.rounding import Doubles, Ints, round_to_nearest

MULTIPLIER_LIMIT = 2**15 - 1


@dataclass(frozen=True, eq=False)
class Table:
    """The table of an embedding: its name, real rows [rows, units], how they are stored.

    weighing: sum of W.T @ W over the matrices W that read a row [units, units]: what they make of
    its error; 0 where none does.
    """

    name: str
    rows: Doubles
    weighing: Doubles | int
    scheme: Scheme


def lower_lookup(
    b: Builder, ids: Value, column: int, table: Table, target: Format, name: str
) -> Value:
    """Row number `ids[column]` of the table in the scale of `target`."""
    if table.scheme.power_of_two:
        return _shifted(b, ids, column, table, target, name)
    limit = table.scheme.limit
    largest = np.abs(table.rows).max(axis=1)
    needed = largest / (limit * target.unit)
    most = max(float(needed.max()) * b.decisions.room, 2.0**-15)
    n = b.decisions.keep(
        f"{table.name}: bits",
        lambda: int(np.floor(np.log2(MULTIPLIER_LIMIT / most))),
        integer(-64, 64),
    )
    if float(needed.max()) * 2.0**n > MULTIPLIER_LIMIT:
        held = MULTIPLIER_LIMIT * 2.0**-n * limit * target.unit
        b.decisions.beyond(f"{table.name}: an entry", float(largest.max()), held)
    multiplier = np.clip(np.ceil(needed * 2.0**n), 1, MULTIPLIER_LIMIT).astype(np.int64)
    unit = target.unit / 2.0**n
    rows = _rounded(table, (multiplier * unit)[:, None])
    reach = int((np.abs(rows).max(axis=1) * multiplier).max())
    if b.decisions.updatable:
        reach = limit * MULTIPLIER_LIMIT
    value = b.emit(
        "lookup",
        f"{name}_scaled",
        (ids,),
        Format("int32", unit, -reach, reach),
        length=rows.shape[1],
        n=column,
        matrices=(b.constant(table.name, rows),),
        bias=b.constant(f"{table.name}_multiplier", multiplier),
        comment=f"row {ids.name} of {table.name}",
        count=table.scheme.bits,
    )
    value = shift_right(b, value, n, name)
    if value.format.low < target.low or value.format.high > target.high:
        value = saturate(b, value, signed_bits(target.low, target.high - 1), f"{name}_sat")
    fmt = replace(value.format, storage=target.storage, scale=target.unit)
    return b.store(value, fmt)


def _rounded(table: Table, unit: Doubles | float) -> Ints:
    """The rows in units of `unit`: second order for the matrices behind, else to nearest."""
    rows, limit = table.rows / unit, table.scheme.limit
    if isinstance(table.weighing, int):
        return round_to_nearest(rows, limit)
    return round_second_order(rows, limit, table.weighing)


def _shifted(b: Builder, ids: Value, column: int, table: Table, target: Format, name: str) -> Value:
    """The same where all rows have one scale, a power of two."""
    largest = max(float(np.abs(table.rows).max()), target.unit)
    unit = b.decisions.keep(
        f"{table.name}: unit",
        lambda: float(2.0 ** np.ceil(np.log2(largest * b.decisions.room / table.scheme.limit))),
        number,
    )
    if largest > unit * table.scheme.limit:
        b.decisions.beyond(f"{table.name}: an entry", largest, unit * table.scheme.limit)
    rows = _rounded(table, unit)
    most = table.scheme.limit if b.decisions.updatable else int(np.abs(rows).max())
    value = b.emit(
        "lookup",
        f"{name}_row",
        (ids,),
        Format("int32", unit, -most, most),
        length=rows.shape[1],
        n=column,
        matrices=(b.constant(table.name, rows),),
        comment=f"row {ids.name} of {table.name}",
        count=table.scheme.bits,
    )
    return convert(b, value, target, name)
