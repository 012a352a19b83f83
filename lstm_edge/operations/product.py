"""Sums of products with a matrix, and rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_edge.operations.call import Array, Call, Constants, Op, pieces
from lstm_edge.operations.intermediate import Intermediate, Intermediates
from lstm_edge.operations.limits import limited
from lstm_edge.operations.record import (
    Bounds,
    Floats,
    Form,
    Ints,
    Misfit,
    OnTheWay,
    Operation,
    Reads,
    Spelling,
    Timing,
    WideSpelling,
    long_of,
)

PARTIAL_SUM = "any part of |b| + sum |W| |x|"


def matvec(bias: Ints, terms: Sequence[tuple[Ints, Ints]], positions: int = 1) -> Ints:
    """bias + sum of W @ x: W [rows, columns], x [..., columns]; result [..., rows]. positions:
    where there are several, x is [..., positions, columns] and the results lie end to end.

    Exact in any order of summation. Products go through float64, which holds every integer below
    2**53 and has the fast matrix product.
    """
    total: Array | None = None
    for weights, x in terms:
        part = np.matmul(x.astype(np.float64), weights.T.astype(np.float64, copy=False))
        alike = total is not None and total.shape == part.shape  # not where one is a constant
        total = part if total is None else np.add(total, part, out=part if alike else None)
    return bias if total is None else _end_to_end(bias + total.astype(np.int64), positions)


def _end_to_end(found: Array, positions: int) -> Array:
    """Results [..., positions, rows] as [..., positions * rows]."""
    return found if positions == 1 else found.reshape(*found.shape[:-2], -1)


def matvec_float(
    bias: Floats, terms: Sequence[tuple[Floats, Floats]], positions: int = 1
) -> Floats:
    """bias, then plus W[:, k] * x[k] column by column, operand by operand.

    W [rows, columns], x [..., columns], bias [rows] or [..., rows]; result [..., rows].
    """
    lead = np.broadcast_shapes(*(x.shape[:-1] for _, x in terms))
    total = np.empty((*lead, bias.shape[-1]), np.float32)
    total[...] = bias
    product = np.empty_like(total)
    for weights, x in terms:
        for k, column in enumerate(weights.T):
            np.multiply(column, x[..., k, None], out=product)
            total += product
    return _end_to_end(total, positions)


def matvec_in_any_order(
    bias: Floats, terms: Sequence[tuple[Floats, Floats]], positions: int = 1
) -> Floats:
    """The same in whatever order the matrix library sums: quick."""
    total = bias
    for weights, x in terms:
        total = total + x @ weights.T
    return _end_to_end(np.asarray(total, np.float32), positions)


def _bias_and_terms(call: Call) -> tuple[Any, ...]:
    op, known = call.op, call.constants
    terms = [(known[m], x) for m, x in zip(op.matrices, call.args, strict=True)]
    if op.positions == 1:
        return known[op.bias], terms
    return known[op.bias], [(w, pieces(op, x, w.shape[-1])) for w, x in terms], op.positions


def _sum_and_term(call: Call) -> tuple[Any, ...]:
    """The sum so far, the bias at the first step, and the matrix of the step."""
    op, moment, (before, x), (matrix,) = call.op, call.moment, call.args, call.op.matrices
    bias = call.constants[op.bias]
    start = np.broadcast_to(bias, before.shape) if moment.first else before
    return start, [(call.constants[matrix][moment.step], x)]


def _products(weights: Ints, x: Bounds) -> Bounds:
    """Bounds of weights @ x, row by row; weights [..., rows, columns]."""
    ends = (weights * x[0], weights * x[1])
    return np.minimum(*ends).sum(axis=-1), np.maximum(*ends).sum(axis=-1)


def _matvec(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    low = high = constants[op.bias]
    for matrix, x in zip(op.matrices, args, strict=True):
        parts = _products(constants[matrix], any_piece(op, x, constants[matrix].shape[-1]))
        low, high = low + parts[0], high + parts[1]
    if op.positions == 1:
        return low, high
    return np.tile(low, op.positions), np.tile(high, op.positions)


def _matvec_over_time(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    """Bounds over all steps: the sum restarts at the bias, so they follow from the weights."""
    low, high = _products(constants[op.matrices[0]], args[1])
    bias = constants[op.bias]
    return bias + low.cumsum(axis=0).min(axis=0), bias + high.cumsum(axis=0).max(axis=0)


def _any_order(running: int) -> OnTheWay:
    """Any partial sum, whatever kernel has it: products in any order and grouping, a bias at the
    start or behind them, on top of what was summed at earlier steps.
    """

    def on_the_way(op: Op, args: list[Bounds], constants: Constants) -> Intermediates:
        reach = np.abs(constants[op.bias])
        for matrix, (low, high) in zip(op.matrices, args[running:], strict=True):
            weights = np.abs(constants[matrix])
            low, high = any_piece(op, (low, high), weights.shape[-1])
            columns = (weights * np.maximum(np.abs(low), np.abs(high))).sum(axis=-1)
            reach = reach + (columns.sum(axis=0) if columns.ndim == 2 else columns)
        most = int(reach.max())
        return (Intermediate(PARTIAL_SUM, -most, most),)

    return on_the_way


def _row_of(op: Op, _: list[Bounds], constants: Constants) -> Intermediates:
    """The place of the last number of the last row."""
    return (Intermediate("row * length + unit", 0, constants[op.matrices[0]].size - 1),)


def any_piece(op: Op, x: Bounds, columns: int) -> Bounds:
    """Bounds of what an operation reads at any of its positions."""
    if op.positions == 1:
        return x
    return pieces(op, x[0], columns).min(axis=0), pieces(op, x[1], columns).max(axis=0)


def _rows_and_columns(running: int) -> Misfit:
    """A matrix has a row for each unit, of one position, and a column for each unit of what it
    multiplies there.
    """

    def misfit(op: Op, length: int, lengths: Sequence[int], constants: Constants) -> str:
        for matrix, columns in zip(op.matrices, lengths[running:], strict=True):
            found = np.shape(constants[matrix])[-2:]
            if op.positions > 1:
                ends = (op.positions - 1) * op.stride + found[1]
                if found[0] * op.positions != length or op.stride < 1 or ends > columns:
                    return f"multiplies {columns} numbers by {matrix} of {found}, gives {length}"
            elif found != (length, columns):
                return f"multiplies by {matrix} of {found}, needs {(length, columns)}"
        return ""

    return misfit


def lookup(a: Ints, rows: Ints, n: int, factors: Ints | None = None) -> Ints:
    """Row a[n] of `rows` [count, length], times that of factors [count] where there are any; the
    nearest where there is none.
    """
    at = limited(a[..., n], 0, len(rows) - 1)
    return np.asarray(rows[at] if factors is None else rows[at] * factors[at][..., None])


def lookup_float(a: Floats, rows: Floats, n: int) -> Floats:
    """Row a[n] of `rows` [count, length]; the nearest where there is none."""
    at = limited(a[..., n], 0, len(rows) - 1).astype(np.int64)
    return np.asarray(rows[at])


def _operand_rows_and_n(call: Call) -> tuple[Any, ...]:
    op, known = call.op, call.constants
    factors = (known[op.bias],) if op.bias else ()
    return call.args[0], known[op.matrices[0]], op.n, *factors


def _lookup(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    """Of the rows that the operand may name."""
    rows = constants[op.matrices[0]] * (constants[op.bias][:, None] if op.bias else 1)
    first, last = (int(np.clip(a[op.n], 0, len(rows) - 1)) for a in args[0])
    found = rows[first : last + 1]
    return found.min(axis=0), found.max(axis=0)


def _as_long_as_a_row(op: Op, length: int, lengths: Sequence[int], constants: Constants) -> str:
    fits = length == constants[op.matrices[0]].shape[-1] and op.n < lengths[0]
    return long_of(length, lengths, fits=fits)


RECORDS = (
    # bias; one matrix [rows, columns] per operand; n: bits of a weight; at several positions the
    # columns meet so many numbers of each operand from there on
    Operation(
        "matvec",
        integer=matvec,
        real=matvec_float,
        bind=_bias_and_terms,
        bounds=_matvec,
        on_the_way=_any_order(0),
        misfit=_rows_and_columns(0),
        reads=Reads.WHOLE,
        multiplies=True,
    ),
    # the first operand is the sum so far; one matrix [steps, rows, columns]; n: bits of a weight
    Operation(
        "matvec_over_time",
        integer=matvec,
        real=matvec_float,
        bind=_sum_and_term,
        bounds=_matvec_over_time,
        on_the_way=_any_order(1),
        misfit=_rows_and_columns(1),
        reads=Reads.WHOLE,
        timing=Timing.STEP,
        multiplies=True,
        running=1,
    ),
    # one matrix [count, length], the table; n: the unit of the operand that names a row of it;
    # bias [count], where there is one: a factor for each row; count: bits of a number in the table
    Operation(
        "lookup",
        integer=lookup,
        real=lookup_float,
        bind=_operand_rows_and_n,
        bounds=_lookup,
        on_the_way=_row_of,
        misfit=_as_long_as_a_row,
        c=Spelling("le_row({0}, {rows})", ("le_row",), packed=("le_half",)),
        c_float=Spelling("le_row({0}, {rows})", ("le_row",)),
        c_wide=WideSpelling("{0}"),
        form=Form.ROW,
        reads=Reads.WHOLE,
    ),
)
