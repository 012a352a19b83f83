"""The discrete Fourier transform of real frames: one definition for integers and for float32.

A frame of n samples is n / 2 complex numbers, even samples real, odd ones imaginary. Their
transform is made of steps of four (one of two where that is needed); then it is taken apart into
the transform of the frame. Integers are never scaled on the way: n times as large results fit in
int32 since the frame enters with as few bits as that takes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.operations.record import Ints

Array = npt.NDArray[Any]
Turn = Callable[[Array, Array, Array], tuple[Array, Array]]
"""(re, im) by angles [count, 2], cosine and sine: times exp(-i angle)."""

SMALLEST_FRAME, LARGEST_FRAME = 16, 2048


@cache
def waves(n: int) -> Ints:
    """Cosine and sine of 2 pi k / n for k < 3 n / 4, in Q0.31; [3 n / 4, 2]."""
    numbers = np.floor(exact_waves(n) * 2.0**31 + 0.5).astype(np.int64)
    return np.minimum(numbers, 2**31 - 1)


@cache
def exact_waves(n: int) -> npt.NDArray[np.float64]:
    """The same as real numbers."""
    angles = 2.0 * np.pi * np.arange(3 * n // 4) / n
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


@cache
def places(count: int) -> Ints:
    """Where each of `count` complex numbers goes before the first step: its bits reversed."""
    bits = count.bit_length() - 1
    found = np.zeros(count, np.int64)
    for bit in range(bits):
        found |= ((np.arange(count) >> bit) & 1) << (bits - 1 - bit)
    return found


def entering(x: Array, window: Array, first: int) -> Array:
    """Numbers of x from `first` on times window [samples]; of one [taps, samples] sums of as many
    products, of each number and those behind it.
    """
    taps = np.atleast_2d(window)
    count = taps.shape[1]
    total: Array = x[..., first : first + count] * taps[0]
    for k, tap in enumerate(taps[1:], first + 1):
        total = total + x[..., k : k + count] * tap
    return total


def transformed(x: Array, angles: Array, turn: Turn, halve: Callable[[Array], Array]) -> Array:
    """[..., n] real -> [..., n + 2], real and imaginary part of bins 0 .. n / 2 in turn.

    angles: those of `waves` in the number system. halve: half of a number.
    """
    n = x.shape[-1]
    count = n // 2
    at = places(count)
    re, im = x[..., 0::2][..., at], x[..., 1::2][..., at]
    size = 1
    if count.bit_length() % 2 == 0:
        re, im = _by_two(re), _by_two(im)
        size = 2
    while size < count:
        re, im = _by_four(re, im, size, angles[:: n // (4 * size)], turn)
        size *= 4
    return _apart(re, im, angles, turn, halve)


def _by_two(a: Array) -> Array:
    pairs = a.reshape(*a.shape[:-1], -1, 2)
    first, second = pairs[..., 0], pairs[..., 1]
    return np.stack([first + second, first - second], axis=-1).reshape(a.shape)


def _by_four(re: Array, im: Array, size: int, angles: Array, turn: Turn) -> tuple[Array, Array]:
    """Four transforms of `size` numbers each become one: those of every fourth number, from the
    first, the third, the second and the fourth on.
    """
    k = np.arange(size)
    shape = (*re.shape[:-1], -1, 4, size)
    parts = [(re.reshape(shape)[..., j, :], im.reshape(shape)[..., j, :]) for j in range(4)]
    turned = [parts[0]]
    for (a, b), times in zip(parts[1:], (2, 1, 3), strict=True):
        c, d = turn(a, b, angles[times * k])
        c[..., 0], d[..., 0] = a[..., 0], b[..., 0]  # exact: the angle is 0
        turned.append((c, d))
    (ar, ai), (br, bi), (cr, ci), (dr, di) = turned
    sr, si, tr, ti = ar + br, ai + bi, ar - br, ai - bi
    ur, ui, vr, vi = cr + dr, ci + di, cr - dr, ci - di
    new_re = np.stack([sr + ur, tr + vi, sr - ur, tr - vi], axis=-2)
    new_im = np.stack([si + ui, ti - vr, si - ui, ti + vr], axis=-2)
    return new_re.reshape(re.shape), new_im.reshape(im.shape)


def _apart(
    re: Array, im: Array, angles: Array, turn: Turn, halve: Callable[[Array], Array]
) -> Array:
    """The transform of the frame: the even samples' part, and the odd ones' turned by each bin."""
    count = re.shape[-1]
    out = np.zeros((*re.shape[:-1], count + 1, 2), re.dtype)
    out[..., 0, 0], out[..., count, 0] = re[..., 0] + im[..., 0], re[..., 0] - im[..., 0]
    middle = count // 2
    out[..., middle, 0], out[..., middle, 1] = re[..., middle], -im[..., middle]
    k = np.arange(1, middle)
    zr, zi, wr, wi = re[..., k], im[..., k], re[..., count - k], im[..., count - k]
    er, ei = halve(zr + wr), halve(zi - wi)
    odd_r, odd_i = (halve(part) for part in turn(zi + wi, wr - zr, angles[k]))
    out[..., k, 0], out[..., k, 1] = er + odd_r, ei + odd_i
    out[..., count - k, 0], out[..., count - k, 1] = er - odd_r, odd_i - ei
    return out.reshape(*re.shape[:-1], 2 * count + 2)


def turn_integers(a: Array, b: Array, angles: Array) -> tuple[Array, Array]:
    """In int64: twice the upper 32 bits of the sum of two products, floor."""
    c, s = angles[:, 0], angles[:, 1]
    return (a * c + b * s >> 32) * 2, (b * c - a * s >> 32) * 2


def turn_floats(a: Array, b: Array, angles: Array) -> tuple[Array, Array]:
    """Each product and each sum rounded."""
    c, s = angles[:, 0], angles[:, 1]
    return a * c + b * s, b * c - a * s
