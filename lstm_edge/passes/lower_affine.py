"""The operations of a quantized matrix product: sums of products, and their requantization."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstm_edge.formats import Format, fixed
from lstm_edge.ir.program import State, Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.quantize_rows import Operand, Rows


class Positions(NamedTuple):
    """How often a product is done, at places `stride` numbers apart."""

    number: int
    stride: int


ONE = Positions(1, 0)


def emit_rows(
    b: Builder,
    operands: tuple[Operand, ...],
    rows: Rows,
    name: str,
    comment: str,
    gate: str,
    at: Positions = ONE,
) -> Value:
    """The operations of quantized rows: matvec, shift where needed, mulw or a shift per row."""
    units = len(rows.bias) * at.number
    matrices = tuple(b.constant(o.matrix, m) for o, m in zip(operands, rows.matrices, strict=True))
    acc = b.emit(
        "matvec",
        f"{name}_acc",
        tuple(o.value for o in operands),
        _sum_format(rows, at.number),
        length=units,
        bias=b.constant(f"{gate}_bias", rows.bias),
        matrices=matrices,
        comment=comment,
        n=rows.scheme.bits,
        positions=at.number,
        stride=at.stride,
    )
    return requantize(b, acc, rows, name, gate)


def _sum_format(rows: Rows, positions: int = 1) -> Format:
    """Each row counts in a scale of its own, at each position in the same."""
    scales = np.tile(rows.scale, positions)
    return Format("int32", low=-rows.bound, high=rows.bound).with_meaning(scales)


def emit_running_sum(b: Builder, x: Value, rows: Rows, layer: str) -> Value:
    """The sum over the steps so far of products with the weights of each; a state keeps it."""
    units = len(rows.bias)
    reach = _sum_format(rows)
    before = b.value(f"{layer}.sum", units, reach, "sum over the steps so far")
    after = b.emit(
        "matvec_over_time",
        f"{layer}.sum_next",
        (before, x),
        reach,
        length=units,
        bias=b.constant(f"{layer}.bias", rows.bias),
        matrices=(b.constant(f"{layer}.W", np.stack(rows.matrices)),),
        comment="sum += W[step] x",
        n=rows.scheme.bits,
    )
    b.states.append(State(before.name, after.name, np.zeros(units, np.int64), accumulator=True))
    return after


def requantize(b: Builder, acc: Value, rows: Rows, name: str, gate: str) -> Value:
    """An accumulator as fixed point: (acc << left_shift) * multiplier >> 16, or >> shift."""
    if rows.left_shift:
        n = rows.left_shift
        wide = Format("int32", acc.format.finer(n), -rows.bound << n, rows.bound << n)
        acc = b.emit("shift", f"{name}_scaled", (acc,), wide, n=-n)
    if rows.scheme.power_of_two:
        return _shifted(b, acc, rows, name, gate)
    most = rows.largest_multiplier
    factor = b.vector(f"{gate}_multiplier", rows.multiplier, Format("int16", 1.0, 1, most))
    reach = ((rows.bound << rows.left_shift) * most >> 16) + 1
    return b.emit("mulw", name, (acc, factor), fixed(rows.fraction, -reach, reach, "int32"))


def _shifted(b: Builder, acc: Value, rows: Rows, name: str, gate: str) -> Value:
    """By one count for all rows, or by a count for each."""
    least, most = rows.shifts
    reach = (rows.bound << rows.left_shift >> least) + 1
    result = fixed(rows.fraction, -reach, reach, "int32")
    if least == most:
        return b.emit("shift", name, (acc,), result, n=least)
    counts = b.vector(f"{gate}_shift", rows.shift, Format("int8", 1.0, least, most))
    return b.emit("drop", name, (acc, counts), result)
