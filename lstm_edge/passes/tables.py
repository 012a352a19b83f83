"""Interpolation tables of the nonlinear functions: 513 int16 entries, made from the function.

A chord lies on one side of a curved function, at most h**2 / 8 * |f''| away; moving the entries by
half of that centres the error, so it is at most h**2 / 16 * |f''|.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from math import erf

import numpy as np
import numpy.typing as npt

from lstm_edge.operations.curves import LOG_FRACTION_BITS, TABLE_SEGMENTS

Doubles = npt.NDArray[np.float64]
Entries = npt.NDArray[np.int64]

HALF_BITS = 8
"""log2 of the number of segments on either side of 0."""
FRACTION_BITS = 15
"""Tables hold Q0.15."""
SIGMOID_LIMIT = 32766
SIGMOID_RANGE_BITS = 4
"""The sigmoid's table covers [-16, 16], so that tanh(x) = 2 sigmoid(2x) - 1 has [-8, 8]."""
WAVE_RANGE_BITS = 2
"""Those of sine and erf cover [-4, 4]."""
EXP_RANGE_BITS = 3
EXP_OFFSET = 8.0
"""The exponential's table covers [-16, 0], entered with 8 added."""


def _once(make: Callable[[], Entries]) -> Callable[[], Entries]:
    """A table that all programs share, so nobody may write to it."""

    @cache
    @wraps(make)
    def made() -> Entries:
        entries = make()
        entries.setflags(write=False)
        return entries

    return made


def _entries(
    function: Callable[[Doubles], Doubles], second: Callable[[Doubles], Doubles], x: Doubles
) -> Doubles:
    step = x[1] - x[0]
    return np.asarray(function(x) - step**2 / 16 * second(x), np.float64)


def _knots(range_bits: int) -> Doubles:
    return np.linspace(-(2.0**range_bits), 2.0**range_bits, TABLE_SEGMENTS + 1)


def _stored(values: Doubles, low: int) -> Entries:
    scaled = np.floor(values * 2.0**FRACTION_BITS + 0.5)
    return np.clip(scaled, low, 2**FRACTION_BITS - 1).astype(np.int64)


def _made_up(values: Doubles) -> Doubles:
    """Entries raised by what interpolation takes by rounding down: half a unit on average, or half
    of the way to the next entry where that is less. 0 stays 0, so that nothing gives nothing.
    """
    most = 2.0**-FRACTION_BITS
    lost = np.minimum(np.abs(np.gradient(values)), most) / 2.0
    return np.asarray(np.where(values == 0.0, 0.0, values + lost))


@_once
def sigmoid_table() -> Entries:
    """sigmoid - 1/2 on [-16, 16] in Q0.16, one bit finer than sigmoid itself would fit; the same
    numbers are tanh(x / 2) in Q0.15. Within +-32766, so that 1 - sigmoid in Q0.15 fits 16 bits.
    """

    def half_tanh(x: Doubles) -> Doubles:
        return np.asarray(np.tanh(x / 2.0))

    def second(x: Doubles) -> Doubles:
        t = np.tanh(x / 2.0)
        return np.asarray(-0.5 * t * (1.0 - t**2))

    exact = _entries(half_tanh, second, _knots(SIGMOID_RANGE_BITS))
    return np.minimum(_stored(_made_up(exact), -SIGMOID_LIMIT), SIGMOID_LIMIT)


@_once
def elu_table() -> Entries:
    """exp(min(x, 0)) - 1 on [-16, 16] in Q0.15: 0 from the middle on, where it has a corner."""

    def tail(x: Doubles) -> Doubles:
        return np.asarray(np.expm1(np.minimum(x, 0.0)))

    def second(x: Doubles) -> Doubles:
        return np.asarray(np.where(x < 0.0, np.exp(np.minimum(x, 0.0)), 0.0))

    return _stored(_entries(tail, second, _knots(SIGMOID_RANGE_BITS)), -(2**FRACTION_BITS) + 1)


@_once
def softplus_table() -> Entries:
    """log(1 + exp(-|x|)) on [-16, 16] in Q0.15; its corner is an entry."""

    def tail(x: Doubles) -> Doubles:
        return np.asarray(np.log1p(np.exp(-np.abs(x))))

    def second(x: Doubles) -> Doubles:
        s = 1.0 / (1.0 + np.exp(-np.abs(x)))
        return np.asarray(np.where(x == 0.0, 0.0, s * (1.0 - s)))

    return _stored(_entries(tail, second, _knots(SIGMOID_RANGE_BITS)), 0)


@_once
def sine_table() -> Entries:
    """sin on [-4, 4] in Q0.15."""
    x = _knots(WAVE_RANGE_BITS)
    exact = _entries(np.sin, lambda x: -np.sin(x), x)
    return _stored(_made_up(exact), -(2**FRACTION_BITS) + 1)


@_once
def erf_table() -> Entries:
    """erf on [-4, 4] in Q0.15."""

    def second(x: Doubles) -> Doubles:
        return np.asarray(-4.0 / np.sqrt(np.pi) * x * np.exp(-(x**2)))

    exact = _entries(lambda x: np.array([erf(t) for t in x]), second, _knots(WAVE_RANGE_BITS))
    return _stored(_made_up(exact), -(2**FRACTION_BITS) + 1)


@_once
def exp_table() -> Entries:
    """exp(a - 8) for a in [-8, 8] in Q0.15."""

    def power(a: Doubles) -> Doubles:
        return np.asarray(np.exp(a - EXP_OFFSET))

    return _stored(_entries(power, power, _knots(EXP_RANGE_BITS)), 0)


@_once
def log_table() -> Entries:
    """log(1 + m) for m in [0, 1] in Q0.15, the entries of `curves.log`."""
    m = np.linspace(0.0, 1.0, TABLE_SEGMENTS + 1)
    values = _entries(np.log1p, lambda x: np.asarray(-1.0 / (1.0 + x) ** 2), m)
    scaled = np.floor(values * 2.0**LOG_FRACTION_BITS + 0.5).astype(np.int64)
    scaled[0] = 0
    return scaled


@_once
def rsqrt_table() -> Entries:
    """2**29 / sqrt(t) for t in [2**29, 2**31], the 385 entries of `curves.rsqrt`: Q0.15 of
    1 / sqrt(u), u from 2 to 8.
    """
    u = np.linspace(2.0, 8.0, 3 * TABLE_SEGMENTS // 4 + 1)
    return _stored(_entries(lambda x: x**-0.5, lambda x: 0.75 * x**-2.5, u), 0)
