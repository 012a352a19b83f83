"""Operations that only move numbers: vectors end to end, parts of them, one step of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_edge.operations.bounds import rising
from lstm_edge.operations.call import Array, Call, Constants, Op, operand_and_n, pieces
from lstm_edge.operations.intermediate import Intermediates, between, places_of
from lstm_edge.operations.record import (
    Bounds,
    Form,
    Operation,
    Reads,
    Spelling,
    WideSpelling,
    long_of,
)


def concat(*parts: Array) -> Array:
    """Vectors end to end; a constant is the same for all samples."""
    before = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
    alike = [np.broadcast_to(part, (*before, part.shape[-1])) for part in parts]
    return np.concatenate(alike, axis=-1)


def _as_long_as_all(_: Op, length: int, lengths: Sequence[int], __: Constants) -> str:
    return long_of(length, lengths, fits=length == sum(lengths))


def slice_features(a: Array, op: Op) -> Array:
    """Features n .. n + count - 1 at each position."""
    if op.positions == 1:
        return a[..., op.n : op.n + op.count]
    each = pieces(op, a[..., op.n :], op.count)
    return each.reshape(*a.shape[:-1], -1)


def _operand_and_op(call: Call) -> tuple[Any, ...]:
    return call.args[0], call.op


def _inside(op: Op, length: int, lengths: Sequence[int], _: Constants) -> str:
    end = op.n + (op.positions - 1) * op.stride + op.count
    fits = length == op.count * op.positions and 0 <= op.n <= end <= lengths[0]
    return long_of(length, lengths, fits=fits)


def gather(a: Array, places: Array) -> Array:
    """Features `places`, in this order."""
    return a[..., places.astype(np.int64)]


def _gather(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    places = args[1][0]
    return args[0][0][places], args[0][1][places]


def _named_places(_: Op, args: list[Bounds], __: Constants) -> Intermediates:
    return (between("a place", *args[1], places_of(args[0][0])),)


def _among(_: Op, length: int, lengths: Sequence[int], __: Constants) -> str:
    return long_of(length, lengths, fits=length == lengths[1])


def step_at(sequence: Array, n: int) -> Array:
    """One step of [samples, steps, length]."""
    return sequence[..., n, :]


def _unchanged(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    return args[0]


RECORDS = (
    # operands of one format
    Operation(
        "concat",
        integer=concat,
        real=concat,
        bounds=rising(concat),
        misfit=_as_long_as_all,
        reads=Reads.SHIFTED,
        placed=True,
    ),
    # n: the first feature, count: how many; at several positions as many from each on
    Operation(
        "slice",
        integer=slice_features,
        real=slice_features,
        bind=_operand_and_op,
        bounds=rising(slice_features, _operand_and_op),
        misfit=_inside,
        c=Spelling("{0}"),
        c_float=Spelling("{0}"),
        c_wide=WideSpelling("{0}"),
        form=Form.ELEMENT,
        reads=Reads.SHIFTED,
    ),
    # the second operand is a constant: which features
    Operation(
        "gather",
        integer=gather,
        real=gather,
        bounds=_gather,
        on_the_way=_named_places,
        misfit=_among,
        c=Spelling("{0}"),
        c_float=Spelling("{0}"),
        c_wide=WideSpelling("{0}"),
        form=Form.ANYWHERE,
        reads=Reads.SHIFTED,
    ),
    # n: the step, from the end where it is negative; in a block that runs ONCE
    Operation(
        "step_at",
        integer=step_at,
        real=step_at,
        bind=operand_and_n,
        bounds=_unchanged,
        reads=Reads.SEQUENCE,
        placed=True,
    ),
)
