"""What C makes on the way to a spectrum and to sums over bands: see `common/spectrum.c.j2`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lstm_edge.operations import fourier
from lstm_edge.operations.call import Constants, Op
from lstm_edge.operations.intermediate import (
    INT16,
    INT64,
    Intermediate,
    Intermediates,
    between,
    count_in,
    ends,
)
from lstm_edge.operations.record import Bounds, Ints, OnTheWay

Reach = Callable[[Ints, Ints, Op], int]


def transformed(reach_of: Reach) -> OnTheWay:
    """Sums of a frame before they lose bits, from half of a unit on; numbers of the transform; a
    number turned, which is a sum of two products with waves of 31 bits.
    """

    def on_the_way(op: Op, args: list[Bounds], constants: Constants) -> Intermediates:
        window = constants[op.bias]
        x = np.maximum(np.abs(args[0][0]), np.abs(args[0][1]))
        half = 1 << (op.n - 1) if op.n > 0 else 0
        count = Intermediate("n", op.n, op.n, count_in(1, 31))
        if not count.fits:
            return (count,)
        total = int(fourier.entering(x, np.abs(window), op.stride).max(initial=0)) + half
        reach = reach_of(x, window, op)
        turned = 2 * reach * 2**31
        sines = -fourier.waves(op.count)[:, 1]
        return (
            count,
            between("window", window, window, INT16),
            Intermediate(f"any part of {half} + sum x * window", -total, total),
            Intermediate("any number of the transform", -reach, reach),
            Intermediate("(int64_t)a * c + (int64_t)b * s", -turned, turned, INT64),
            between("-s", sines, sines),
        )

    return on_the_way


def squared(_: Op, args: list[Bounds], __: Constants) -> Intermediates:
    """Shifted numbers stay below 2**31."""
    low, high = ends(args[0])
    most = 2**31 - 1
    return (
        Intermediate("-x", -high, -low),
        Intermediate("(int64_t)re * re + (int64_t)im * im", 0, 2 * most * most, INT64),
    )


def weighed(lost: int) -> OnTheWay:
    """Sums of the upper 32 bits of power, of what is left of the lower ones, and of both."""

    def on_the_way(op: Op, args: list[Bounds], constants: Constants) -> Intermediates:
        weights = constants[op.bias]
        total = int(np.abs(weights).sum(axis=-1).max())
        upper, lower = total * (2**31 - 1), total * (2 ** (32 - lost) - 1)
        whole = upper * 2 ** (32 - lost) + lower
        return (
            *squared(op, args, constants),
            between("weight", weights, weights, INT16),
            Intermediate("any part of the upper sum", -upper, upper, INT64),
            Intermediate("any part of the lower sum", -lower, lower),
            Intermediate("upper * 16384 + lower", -whole, whole, INT64),
        )

    return on_the_way


def banded(op: Op, args: list[Bounds], constants: Constants) -> Intermediates:
    """Sums in int64, from half of a unit on. Python's integers: int64 is what is asked about."""
    weights = constants[op.bias]
    low, high = ends(args[0])
    half = 1 << (op.n - 1) if op.n > 0 else 0
    total = int(np.abs(weights).sum(axis=-1).max()) * max(-low, high, 0) + half
    return (
        Intermediate("n", op.n, op.n, count_in(1, 62)),
        between("weight", weights, weights, INT16),
        Intermediate(f"any part of {half} + sum x * weight", -total, total, INT64),
    )
