"""Curves in float32: one fixed order of IEEE operations, the same in numpy and in C.

Only +, -, *, / on float32, each rounded once. Exp and log are evaluated as here described, never by
a library, so every target gives the same bits. `templates/common/ops_float.c.j2` spells them in C.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstm_edge.operations.comparison import larger_float, smaller_float
from lstm_edge.operations.record import Floats

F = np.float32
ZERO, HALF, ONE, TWO = F(0), F(0.5), F(1), F(2)
LOG2E = F(1.4426950408889634)
LN2_HIGH = F(0.693359375)
"""log(2) to 9 bits: k * LN2_HIGH is exact for the k that occur."""
LN2_LOW = F(-2.12194440054690583e-4)
EXP_LIMIT = F(87.0)
BIAS, MANTISSA_BITS = np.int32(127), np.int32(23)
"""Of the exponent of a float32, and where it begins."""
EXP_COEFFICIENTS = tuple(F(1.0 / d) for d in (5040.0, 720.0, 120.0, 24.0, 6.0, 2.0))
"""Taylor series of exp on |r| <= log(2) / 2: the rest is below 2e-9."""
TANH_SMALL = F(0.375)
TANH_COEFFICIENTS = tuple(
    F(n / d)
    for n, d in ((-1382.0, 155925.0), (62.0, 2835.0), (-17.0, 315.0), (2.0, 15.0), (-1.0, 3.0))
)
"""Taylor series of tanh(x) / x in x**2 without its leading 1, highest power first."""
LOG_COEFFICIENTS = tuple(F(1.0 / d) for d in (11.0, 9.0, 7.0, 5.0, 3.0))
"""Series of atanh(s) / s in s**2 without its leading 1, highest power first."""
SQRT_HALF_BITS = np.int32(0x3F3504F3)
"""The bits of sqrt(1/2): m lies in [sqrt(1/2), sqrt(2))."""
RSQRT_LIMITS = (F(2.0**-126), F(2.0**126))
"""What is not between them, NaN too, counts as the nearer one: nothing overflows in between."""
RSQRT_BITS = np.int32(0x5F375A86)
"""Minus half the bits of x, they are those of 1 / sqrt(x) to 3.5 percent (Lomont 2003)."""
RSQRT_ROUNDS = 4
"""Newton's: 3.5e-2, 1.8e-3, 4.7e-6, 3.4e-11; the last one only rounds."""

ERF_SMALL = F(0.5)
ERF_COEFFICIENTS = tuple(
    F(1.1283791670955126 / d) for d in (9360.0, -1320.0, 216.0, -42.0, 10.0, -3.0, 1.0)
)
"""Taylor series of erf(x) / x in x**2, highest power first: the rest is below 2e-9."""
ERFC_COEFFICIENTS = tuple(
    F(c)
    for c in (
        *(-0.23951932, 0.94258296, -1.29177919, 0.58518727),
        *(-0.14850509, 0.42257794, 0.99463718, -1.26525671),
    )
)
"""log(erfc(x) / t) + x**2 in t = 1 / (1 + x / 2), highest power first: the polynomial through 400
Chebyshev points of t in [0.2, 0.8] with the least squares: 1.3e-7 of erf for x above 0.5.
"""


def polynomial(x: Floats, coefficients: Sequence[np.float32]) -> Floats:
    """Horner's scheme, highest power first."""
    result = x * coefficients[0]
    for coefficient in coefficients[1:-1]:
        result += coefficient
        result *= x
    result += coefficients[-1]
    return result


def exp(x: Floats) -> Floats:
    """exp(x) = 2**k * exp(r), k the integer nearest to x / log(2).

    x is clamped to +-87, NaN to -87.
    """
    x = np.minimum(np.fmax(x, -EXP_LIMIT), EXP_LIMIT)
    scaled = x * LOG2E
    scaled += np.copysign(HALF, scaled)
    k = scaled.astype(np.int32)
    whole = k.astype(np.float32)
    r = x - whole * LN2_HIGH
    whole *= LN2_LOW
    r -= whole
    value = polynomial(r, EXP_COEFFICIENTS)
    value *= r
    value *= r
    value += r
    value += ONE
    k += BIAS
    k <<= MANTISSA_BITS
    value *= k.view(np.float32)
    return value


def log(x: Floats) -> Floats:
    """log(x) for normal x > 0: e * log(2) + 2 * atanh(s), s = (m - 1) / (m + 1), x = 2**e * m."""
    bits = x.view(np.int32)
    exponent = (bits - SQRT_HALF_BITS) >> np.int32(23)
    m = (bits - (exponent << np.int32(23))).view(np.float32)
    s = (m - F(1)) / (m + F(1))
    square = s * s
    twice = s + s
    series = twice + (polynomial(square, LOG_COEFFICIENTS) * square) * twice
    whole = exponent.astype(np.float32)
    return np.asarray(whole * LN2_HIGH + (whole * LN2_LOW + series), np.float32)


def rsqrt(x: Floats) -> Floats:
    """1 / sqrt(x) for x > 0, by Newton's method from a guess made of the bits of x."""
    low, high = RSQRT_LIMITS
    x = np.where(x > low, np.where(x < high, x, high), low).astype(np.float32)
    half = x * F(0.5)
    y = (RSQRT_BITS - (x.view(np.int32) >> np.int32(1))).view(np.float32)
    for _ in range(RSQRT_ROUNDS):
        y = y * (F(1.5) - half * y * y)
    return np.asarray(y, np.float32)


def sqrt(x: Floats) -> Floats:
    """The square root of x, 0 below 0: x / sqrt(x)."""
    inside = np.where(x > ZERO, x, ZERO)
    return np.asarray(inside * rsqrt(inside), np.float32)


def erf(x: Floats) -> Floats:
    """Taylor series for |x| < 0.5, else 1 - t * exp(p(t) - x**2) with the sign of x."""
    size = np.where(x < ZERO, -x, x)
    is_small = size < ERF_SMALL
    near = np.where(is_small, x, ZERO)
    small = polynomial(near * near, ERF_COEFFICIENTS) * near
    t = ONE / (ONE + size * HALF)
    rest = t * exp(polynomial(t, ERFC_COEFFICIENTS) - size * size)
    return np.where(is_small, small, np.where(x < ZERO, rest - ONE, ONE - rest))


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    below = exp(-x)
    below += ONE
    return np.asarray(ONE / below)


def tanh(x: Floats) -> Floats:
    """Taylor series for |x| < 0.375, else 1 - 2 / (exp(2 x) + 1)."""
    is_small = np.abs(x) < TANH_SMALL
    near = np.where(is_small, x, ZERO)
    square = near * near
    small = polynomial(square, TANH_COEFFICIENTS)
    small *= square
    small *= near
    small += near
    limited = np.minimum(np.maximum(x, -EXP_LIMIT), EXP_LIMIT)
    limited += limited
    large = exp(limited)
    large += ONE
    return np.where(is_small, small, ONE - TWO / large)


def elu_tail(x: Floats) -> Floats:
    """exp(min(x, 0)) - 1."""
    return exp(smaller_float(x, np.zeros_like(x))) - F(1)


def softplus_tail(x: Floats) -> Floats:
    """log(1 + exp(-|x|))."""
    return log(F(1) + exp(smaller_float(x, -x)))


def softsign(x: Floats) -> Floats:
    """x / (1 + |x|)."""
    return x / (F(1) + larger_float(x, -x))
