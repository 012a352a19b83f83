"""Operations that some cores do in one instruction; `passes/fuse.py` joins others to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_edge.operations import arithmetic, curves, shifts
from lstm_edge.operations.bounds import product, rising
from lstm_edge.operations.call import Call, Constants, Op
from lstm_edge.operations.record import NARROW, Bounds, Ints, Operation, Spelling


def mulw_add(a: Ints, b: Ints, c: Ints) -> Ints:
    """a + mulw(b, c)."""
    return a + arithmetic.mulw(b, c)


def mul_add(a: Ints, b: Ints, number: int) -> Ints:
    """a * b + number."""
    return a * b + number


def mulw_plus(a: Ints, b: Ints, number: int) -> Ints:
    """mulw(a, b) + number."""
    return arithmetic.mulw(a, b) + number


def plus(a: Ints, number: int) -> Ints:
    """a + number."""
    return a + number


def saturate_shift(a: Ints, n: int, places: int) -> Ints:
    """saturate(a >> places, n)."""
    return shifts.saturate(a >> places, n)


def half_table(a: Ints, entries: Ints, n: int) -> Ints:
    """table(a >> 1, entries, n)."""
    return curves.table(a >> 1, entries, n)


def _operands_and_count(call: Call) -> tuple[Any, ...]:
    return *call.args, call.op.count


def _operand_n_and_count(call: Call) -> tuple[Any, ...]:
    return call.args[0], call.op.n, call.op.count


def _operand_table_and_n(call: Call) -> tuple[Any, ...]:
    return call.args[0], call.constants[call.op.table], call.op.n


def _mulw_add(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    low, high = product(op, args[1:], constants)
    return args[0][0] + (low >> 16), args[0][1] + (high >> 16)


def _mulw_plus(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    low, high = product(op, args, constants)
    return (low >> 16) + op.count, (high >> 16) + op.count


def _mul_add(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    low, high = product(op, args, constants)
    return low + op.count, high + op.count


def _half_table(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    low, high = args[0]
    return curves.table_bounds(op, [(np.asarray(low >> 1), np.asarray(high >> 1))], constants)


RECORDS = (
    Operation(
        "mulw_add",
        integer=mulw_add,
        bounds=_mulw_add,
        wants=(None, None, NARROW),
        c=Spelling("{0} + le_mulw({1}, {2})", ("le_mulw",)),
    ),
    # count: what is added
    Operation(
        "mul_add",
        integer=mul_add,
        bind=_operands_and_count,
        bounds=_mul_add,
        wants=(NARROW, NARROW),
        c=Spelling("{0} * {1} + {count}"),
    ),
    # count: what is added
    Operation(
        "mulw_plus",
        integer=mulw_plus,
        bind=_operands_and_count,
        bounds=_mulw_plus,
        wants=(None, NARROW),
        c=Spelling("le_mulw({0}, {1}) + {count}", ("le_mulw",)),
    ),
    # count: what is added
    Operation(
        "plus",
        integer=plus,
        bind=_operands_and_count,
        bounds=rising(plus, _operands_and_count),
        c=Spelling("{0} + {count}"),
    ),
    # n: the number of bits; count: that of the shift
    Operation(
        "saturate_shift",
        integer=saturate_shift,
        bind=_operand_n_and_count,
        bounds=rising(saturate_shift, _operand_n_and_count),
        c=Spelling("le_clamp({0} >> {count}, {low}, {high})", ("le_clamp",)),
    ),
    # as table
    Operation(
        "half_table",
        integer=half_table,
        bind=_operand_table_and_n,
        bounds=_half_table,
        c=Spelling("le_table({table}, {0} >> 1, {n})", ("le_table",)),
    ),
)
