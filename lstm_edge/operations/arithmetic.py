"""Sums, differences, products and quotients, unit by unit."""

from __future__ import annotations

import numpy as np

from lstm_edge.operations.bounds import product, rising
from lstm_edge.operations.call import Array, Constants, Op
from lstm_edge.operations.intermediate import (
    INT64,
    Intermediate,
    Intermediates,
    ends,
    multiplied,
)
from lstm_edge.operations.record import (
    NARROW,
    NOT_NEGATIVE,
    POSITIVE,
    Bounds,
    Floats,
    Ints,
    Operation,
    Spelling,
    WideSpelling,
)


def add(a: Array, b: Array) -> Array:
    """a + b."""
    return a + b


def sub(a: Array, b: Array) -> Array:
    """a - b."""
    return a - b


def _sub(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    return args[0][0] - args[1][1], args[0][1] - args[1][0]


def mul(a: Array, b: Array) -> Array:
    """a * b; of integers for two of 16 bits."""
    return a * b


def mulw(a: Ints, b: Ints) -> Ints:
    """(a * b) >> 16 for a of 32 and b of 16 bits."""
    return np.asarray((a * b) >> 16)


def _mulw(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    low, high = product(op, args, constants)
    return low >> 16, high >> 16


def _mulw_on_the_way(_: Op, args: list[Bounds], __: Constants) -> Intermediates:
    """The whole product; the two of Armv6-M; b as the upper half of a word, and for VQDMULH."""
    a, b = (ends(arg) for arg in args)
    return (
        multiplied("(int64_t)a * b", a, b, INT64),
        multiplied("(a >> 16) * b", (a[0] >> 16, a[1] >> 16), b),
        multiplied("(a & 0xFFFF) * b", (0, 2**16 - 1), b),
        Intermediate("b * 65536", b[0] << 16, b[1] << 16),
    )


def divide(a: Ints, b: Ints) -> Ints:
    """a // b for a >= 0 and b > 0."""
    return a // b


def divide_float(a: Floats, b: Floats) -> Floats:
    """a / b."""
    return a / b


def _divide(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    (low, high), (least, most) = args
    return low // most, high // np.maximum(least, 1)


RECORDS = (
    Operation(
        "add",
        integer=add,
        real=add,
        bounds=rising(add),
        c=Spelling("{0} + {1}"),
        c_float=Spelling("{0} + {1}"),
        c_wide=WideSpelling("vaddq_s32({0}, {1})", number="vaddq_n_s32({0}, {1})"),
    ),
    Operation(
        "sub",
        integer=sub,
        real=sub,
        bounds=_sub,
        c=Spelling("{0} - {1}"),
        c_float=Spelling("{0} - {1}"),
        c_wide=WideSpelling(
            "vsubq_s32({0}, {1})",
            number="vsubq_n_s32({0}, {1})",
            from_number="vaddq_n_s32(vnegq_s32({1}), {0})",
        ),
    ),
    Operation(
        "mul",
        integer=mul,
        real=mul,
        bounds=product,
        wants=(NARROW, NARROW),
        c=Spelling("{0} * {1}"),
        c_float=Spelling("{0} * {1}"),
        c_wide=WideSpelling("vmulq_s32({0}, {1})", number="vmulq_n_s32({0}, {1})"),
    ),
    Operation(
        "mulw",
        integer=mulw,
        bounds=_mulw,
        on_the_way=_mulw_on_the_way,
        wants=(None, NARROW),
        c=Spelling("le_mulw({0}, {1})", ("le_mulw",)),
        c_wide=WideSpelling(
            "vmulhq_s32({0}, vshlq_n_s32({1}, 16))",
            number="vqdmulhq_n_s32({0}, {1} * 32768)",
            upper="vmulhq_s32({0}, {1})",
        ),
    ),
    Operation(
        "divide",
        integer=divide,
        real=divide_float,
        bounds=_divide,
        wants=(NOT_NEGATIVE, POSITIVE),
        c=Spelling("{0} / {1}"),
        c_float=Spelling("{0} / {1}"),
        c_wide=WideSpelling("le_v_divide({0}, {1})"),
    ),
)
