"""Operations that make a value of length 1 from a vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstm_edge.operations.bounds import rising
from lstm_edge.operations.call import Constants, Op
from lstm_edge.operations.intermediate import Intermediate, Intermediates
from lstm_edge.operations.record import (
    Bounds,
    Floats,
    Ints,
    Operation,
    Reduction,
    Spelling,
    WideSpelling,
    long_of,
)

LOWEST = np.finfo(np.float32).min
"""The search for the largest number starts here."""


def maximum(a: Ints) -> Ints:
    """Largest unit of a vector; length 1."""
    return np.asarray(a.max(axis=-1, keepdims=True), np.int64)


def maximum_float(a: Floats) -> Floats:
    """Largest unit of a vector; length 1."""
    return np.asarray(a.max(axis=-1, keepdims=True), np.float32)


def total(a: Ints) -> Ints:
    """Sum over the units of a vector; length 1."""
    return np.asarray(a.sum(axis=-1, keepdims=True), np.int64)


def total_float(a: Floats) -> Floats:
    """Sum over the units of a vector, first to last; length 1."""
    return np.add.accumulate(a, axis=-1, dtype=np.float32)[..., -1:]


def argmax(a: Ints) -> Ints:
    """Index of the largest unit of a vector, the first of several; length 1."""
    return np.asarray(a.argmax(axis=-1)[..., None], np.int64)


def argmax_float(a: Floats) -> Floats:
    """Index of the largest unit of a vector, the first of several; length 1. NaN is never it."""
    return np.asarray(np.fmax(a, LOWEST).argmax(axis=-1)[..., None], np.float32)


def _argmax(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    return np.zeros(1, np.int64), np.full(1, len(args[0][0]) - 1)


def _any_order(_: Op, args: list[Bounds], __: Constants) -> Intermediates:
    """Partial sums of any units: C has them from the first on, Helium in lanes."""
    low, high = args[0]
    ends = int(np.minimum(low, 0).sum()), int(np.maximum(high, 0).sum())
    return (Intermediate("a partial sum", *ends),)


def _one_long(_: Op, length: int, lengths: Sequence[int], __: Constants) -> str:
    return long_of(length, lengths, fits=length == 1)


MAX = Spelling("le_larger({result}, {0})", ("le_larger",))
SUM = Spelling("{result} + {0}")
ARGMAX = Spelling("{0} > {best} ? {unit} : {result}", MAX.helpers)
"""The largest unit so far, `best`, is kept as max keeps its result, by the same helpers."""

RECORDS = (
    Operation(
        "max",
        integer=maximum,
        real=maximum_float,
        bounds=rising(maximum),
        misfit=_one_long,
        c=MAX,
        c_float=MAX,
        c_wide=WideSpelling("vmaxvq_s32({result}, {0})", dead="vmaxvq_p_s32({result}, {0}, live)"),
        reduces=Reduction.EXTREME,
    ),
    Operation(
        "sum",
        integer=total,
        real=total_float,
        bounds=rising(total),
        on_the_way=_any_order,
        misfit=_one_long,
        c=SUM,
        c_float=SUM,
        c_wide=WideSpelling(
            "vaddvaq_s32({result}, {0})", dead="vaddvaq_p_s32({result}, {0}, live)"
        ),
        reduces=Reduction.TOTAL,
    ),
    Operation(
        "argmax",
        integer=argmax,
        real=argmax_float,
        bounds=_argmax,
        misfit=_one_long,
        c=ARGMAX,
        c_float=ARGMAX,
        c_wide=WideSpelling(
            "le_v_argmax({0}, at, &{best}, {result})",
            dead="le_v_argmax_some({0}, live, at, &{best}, {result})",
        ),
        reduces=Reduction.INDEX,
    ),
)
