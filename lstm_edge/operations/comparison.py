"""The larger or the smaller of two numbers, and what lies above another one."""

from __future__ import annotations

import numpy as np

from lstm_edge.operations.bounds import rising, with_zero
from lstm_edge.operations.call import Array, Constants, Op
from lstm_edge.operations.record import Bounds, Floats, Ints, Operation, Spelling, WideSpelling


def larger(a: Ints, b: Ints) -> Ints:
    """The larger of a and b; relu where b = 0."""
    return np.asarray(np.maximum(a, b), np.int64)


def larger_float(a: Floats, b: Floats) -> Floats:
    """b if a < b, else a."""
    return np.where(a < b, b, a).astype(np.float32)


def smaller(a: Ints, b: Ints) -> Ints:
    """The smaller of a and b."""
    return np.asarray(np.minimum(a, b), np.int64)


def smaller_float(a: Floats, b: Floats) -> Floats:
    """b if b < a, else a."""
    return np.where(b < a, b, a).astype(np.float32)


def above(a: Ints, b: Ints) -> Ints:
    """a where a > b, else 0."""
    return np.asarray(np.where(a > b, a, 0), np.int64)


def above_float(a: Floats, b: Floats) -> Floats:
    """a if a > b, else 0."""
    return np.where(a > b, a, np.float32(0)).astype(np.float32)


def select(a: Array, b: Array, chosen: Array, other: Array) -> Array:
    """chosen where a > b, else other."""
    return np.asarray(np.where(a > b, chosen, other))


def _select(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    """Those of what a comparison may give."""
    (a_low, a_high), (b_low, b_high), (low, high), (least, most) = args
    always, never = a_low > b_high, a_high <= b_low
    return (
        np.where(always, low, np.where(never, least, np.minimum(low, least))),
        np.where(always, high, np.where(never, most, np.maximum(high, most))),
    )


LARGER = Spelling("le_larger({0}, {1})", ("le_larger",))
SMALLER = Spelling("le_smaller({0}, {1})", ("le_smaller",))
ABOVE = Spelling("le_above({0}, {1})", ("le_above",))
SELECT = Spelling("le_select({0}, {1}, {2}, {3})", ("le_select",))

RECORDS = (
    Operation(
        "larger",
        integer=larger,
        real=larger_float,
        bounds=rising(larger),
        c=LARGER,
        c_float=LARGER,
        c_wide=WideSpelling("vmaxq_s32({0}, {1})"),
    ),
    Operation(
        "smaller",
        integer=smaller,
        real=smaller_float,
        bounds=rising(smaller),
        c=SMALLER,
        c_float=SMALLER,
        c_wide=WideSpelling("vminq_s32({0}, {1})"),
    ),
    Operation(
        "above",
        integer=above,
        real=above_float,
        bounds=with_zero,
        c=ABOVE,
        c_float=ABOVE,
        c_wide=WideSpelling(
            "vpselq_s32({0}, vdupq_n_s32(0), vcmpgtq_s32({0}, {1}))",
            number="vpselq_s32({0}, vdupq_n_s32(0), vcmpgtq_n_s32({0}, {1}))",
        ),
    ),
    Operation(
        "select",
        integer=select,
        real=select,
        bounds=_select,
        c=SELECT,
        c_float=SELECT,
        c_wide=WideSpelling("vpselq_s32({2}, {3}, vcmpgtq_s32({0}, {1}))"),
    ),
)
