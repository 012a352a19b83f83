"""Powers of two: shifts by a number or by a value, and limits of so many bits. Integers only."""

from __future__ import annotations

import numpy as np

from lstm_edge.operations.bounds import rising
from lstm_edge.operations.call import Constants, Op, operand_and_n
from lstm_edge.operations.intermediate import (
    Intermediate,
    Intermediates,
    between,
    count_in,
    ends,
)
from lstm_edge.operations.limits import limited
from lstm_edge.operations.record import (
    POSITIVE,
    Bounds,
    BoundsOf,
    Function,
    Ints,
    OnTheWay,
    Operation,
    Spelling,
    WideSpelling,
    count_to,
)


def shift(a: Ints, n: int) -> Ints:
    """a >> n, floor; for a negative n the exact a << -n."""
    return np.asarray(a >> n if n >= 0 else a << -n)


def round_shift(a: Ints, n: int) -> Ints:
    """(a + 2**(n-1)) >> n for n >= 1: to nearest, halves upwards."""
    return np.asarray((a + (1 << (n - 1))) >> n)


def saturate(a: Ints, n: int) -> Ints:
    """Clamp to a signed integer of n bits."""
    return np.asarray(limited(a, -(1 << (n - 1)), (1 << (n - 1)) - 1), np.int64)


def headroom(a: Ints) -> Ints:
    """How far a > 0 can be shifted left in int32: 30 - floor(log2(a))."""
    return np.asarray(30 - np.floor(np.log2(a.astype(np.float64))).astype(np.int64))


def _headroom(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    low, high = args[0]
    return headroom(high), headroom(np.maximum(low, 1))


def lift(a: Ints, n: Ints) -> Ints:
    """a << n, a clamped before so that int32 holds it; n in 0 .. 30."""
    room = np.int64(1) << (31 - n)
    return np.asarray(limited(a, -room, room - 1) << n)


def drop(a: Ints, n: Ints) -> Ints:
    """a >> n, floor; n in 0 .. 31."""
    return np.asarray(a >> n)


def low_bits(a: Ints, n: int) -> Ints:
    """The n lower bits of a: what a >> n leaves over, from 0 on."""
    return np.asarray(a & ((1 << n) - 1))


def _low_bits(op: Op, args: list[Bounds], _: Constants) -> Bounds:
    """Exact where the operand keeps its upper bits, else of any number."""
    low, high = args[0]
    same = low >> op.n == high >> op.n
    first, last = (
        np.where(same, low_bits(a, op.n), end)
        for a, end in zip((low, high), (0, (1 << op.n) - 1), strict=True)
    )
    return first, last


def _by_any_count(function: Function) -> BoundsOf:
    """lift and drop never fall as their operand rises, whatever the count: try all counts."""

    def bounds(_: Op, args: list[Bounds], __: Constants) -> Bounds:
        (low, high), (least, most) = args
        counts = [np.clip(n, least, most) for n in range(int(least.min()), int(most.max()) + 1)]
        return (
            np.minimum.reduce([function(low, n) for n in counts]),
            np.maximum.reduce([function(high, n) for n in counts]),
        )

    return bounds


def _counted(least: int, most: int) -> OnTheWay:
    """Nothing but a count."""

    def on_the_way(op: Op, _: list[Bounds], __: Constants) -> Intermediates:
        return (Intermediate("n", op.n, op.n, count_in(least, most)),)

    return on_the_way


def _raised(op: Op, args: list[Bounds], _: Constants) -> Intermediates:
    """What is shifted: the operand plus a half."""
    low, high = args[0]
    half = 1 << (op.n - 1) if op.n > 0 else 0
    count = Intermediate("n", op.n, op.n, count_in(1, 31))
    return (count, between(f"a + {half}", low + half, high + half))


def _doubled(_: Op, args: list[Bounds], __: Constants) -> Intermediates:
    """A number that is doubled as long as it is below 2**30."""
    return (Intermediate("a * 2", 0, 2 * min(ends(args[0])[1], 2**30 - 1)),)


RECORDS = (
    # n: the count
    Operation(
        "shift",
        integer=shift,
        bind=operand_and_n,
        bounds=rising(shift, operand_and_n),
        on_the_way=_counted(-30, 31),
        c=Spelling("{0} >> {n}", negative="{0} * {power}"),
        c_wide=WideSpelling(
            "vshrq_n_s32({0}, {n})", negative="vshlq_n_s32({0}, {left})", none="{0}"
        ),
    ),
    Operation(
        "round_shift",
        integer=round_shift,
        bind=operand_and_n,
        bounds=rising(round_shift, operand_and_n),
        on_the_way=_raised,
        c=Spelling("({0} + {half}) >> {n}"),
        c_wide=WideSpelling("vrshrq_n_s32({0}, {n})"),
    ),
    # n: the number of bits
    Operation(
        "low_bits",
        integer=low_bits,
        bind=operand_and_n,
        bounds=_low_bits,
        on_the_way=_counted(0, 31),
        c=Spelling("{0} & {mask}"),
        c_wide=WideSpelling("vandq_s32({0}, vdupq_n_s32({mask}))"),
    ),
    Operation(
        "saturate",
        integer=saturate,
        bind=operand_and_n,
        bounds=rising(saturate, operand_and_n),
        on_the_way=_counted(1, 31),
        c=Spelling("le_clamp({0}, {low}, {high})", ("le_clamp",)),
        c_wide=WideSpelling("le_v_saturate({0}, {n})"),
    ),
    Operation(
        "headroom",
        integer=headroom,
        bounds=_headroom,
        on_the_way=_doubled,
        wants=(POSITIVE,),
        c=Spelling("le_headroom({0})", ("le_headroom",)),
        c_wide=WideSpelling("vsubq_n_s32(vclzq_s32({0}), 1)"),
    ),
    # the second operand is the count, which differs from unit to unit
    Operation(
        "lift",
        integer=lift,
        bounds=_by_any_count(lift),
        wants=(None, count_to(30)),
        c=Spelling("le_lift({0}, {1})", ("le_lift",)),
        c_wide=WideSpelling("le_v_lift({0}, {1})"),
    ),
    Operation(
        "drop",
        integer=drop,
        bounds=_by_any_count(drop),
        wants=(None, count_to(31)),
        c=Spelling("{0} >> {1}"),
        c_wide=WideSpelling("vshlq_s32({0}, vnegq_s32({1}))"),
    ),
)
