"""Quantize the table of an embedding: int8 rows with a scale each, and how a row is read.

Row r stands for `rows[r] * multiplier[r] * unit / 2**n` with int16 multipliers, so that one product
and one rounded shift give an activation in units of `unit`: the errors are those of int8 and of the
activation's own rounding.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format, signed_bits
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.shifts import saturate, shift_right
from lstm_edge.passes.round_weights import round_to_nearest

Doubles = npt.NDArray[np.float64]

ROW_LIMIT = 127
"""int8 rows are symmetric: -128 is never used."""
MULTIPLIER_LIMIT = 2**15 - 1


def lower_lookup(
    b: Builder, ids: Value, column: int, table: Doubles, target: Format, name: str, matrix: str
) -> Value:
    """Row number `ids[column]` of the real `table` [rows, units] in the scale of `target`."""
    largest = np.abs(table).max(axis=1)
    needed = largest / (ROW_LIMIT * target.scale)
    n = int(np.floor(np.log2(MULTIPLIER_LIMIT / max(float(needed.max()), 2.0**-15))))
    multiplier = np.clip(np.ceil(needed * 2.0**n), 1, MULTIPLIER_LIMIT).astype(np.int64)
    unit = target.scale / 2.0**n
    rows = round_to_nearest(table / (multiplier * unit)[:, None], ROW_LIMIT)
    reach = int((np.abs(rows).max(axis=1) * multiplier).max())
    value = b.emit(
        "lookup",
        f"{name}_scaled",
        (ids,),
        Format("int32", unit, -reach, reach),
        length=table.shape[1],
        n=column,
        matrices=(b.constant(matrix, rows),),
        bias=b.constant(f"{matrix}_multiplier", multiplier),
        comment=f"row {ids.name} of {matrix}",
    )
    value = shift_right(b, value, n, name)
    if value.format.low < target.low or value.format.high > target.high:
        value = saturate(b, value, signed_bits(target.low, target.high - 1), f"{name}_sat")
    fmt = replace(value.format, storage=target.storage, scale=target.scale)
    return b.store(value, fmt)
