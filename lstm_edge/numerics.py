"""The integer operations: their one exact meaning, which every C target reproduces bit for bit.

Values are int64 arrays whose last axis runs over the units of a layer; `>>` is floor. Results lie
in int32 because `interpret/interval.py` proves it for each program; nothing here wraps.
`templates/common/ops.c.j2` spells the same operations in C; a test holds the names together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

TABLE_SEGMENTS = 512
LOG_FRACTION_BITS = 15
LN2_Q15 = 22713
"""round(log(2) * 2**15)."""


def matvec(bias: Ints, terms: Sequence[tuple[Ints, Ints]]) -> Ints:
    """bias + sum of W @ x: W [rows, columns], x [..., columns]; result [..., rows].

    Exact in any order of summation. Products go through float64, which holds every integer below
    2**53 and has the fast matrix product.
    """
    total = np.asarray(bias, np.float64)
    for weights, x in terms:
        total = total + np.matmul(x.astype(np.float64), weights.T.astype(np.float64, copy=False))
    return total.astype(np.int64)


def mulw(a: Ints, b: Ints) -> Ints:
    """(a * b) >> 16 for a of 32 and b of 16 bits."""
    return np.asarray((a * b) >> 16)


def mul(a: Ints, b: Ints) -> Ints:
    """a * b for two 16-bit values."""
    return a * b


def add(a: Ints, b: Ints) -> Ints:
    """a + b."""
    return a + b


def sub(a: Ints, b: Ints) -> Ints:
    """a - b."""
    return a - b


def shift(a: Ints, n: int) -> Ints:
    """a >> n, floor; for a negative n the exact a << -n."""
    return np.asarray(a >> n if n >= 0 else a << -n)


def round_shift(a: Ints, n: int) -> Ints:
    """(a + 2**(n-1)) >> n for n >= 1: to nearest, halves upwards."""
    return np.asarray((a + (1 << (n - 1))) >> n)


def saturate(a: Ints, n: int) -> Ints:
    """Clamp to a signed integer of n bits."""
    return np.asarray(np.clip(a, -(1 << (n - 1)), (1 << (n - 1)) - 1), np.int64)


def larger(a: Ints, b: Ints) -> Ints:
    """The larger of a and b; relu where b = 0."""
    return np.asarray(np.maximum(a, b), np.int64)


def smaller(a: Ints, b: Ints) -> Ints:
    """The smaller of a and b."""
    return np.asarray(np.minimum(a, b), np.int64)


def above(a: Ints, b: Ints) -> Ints:
    """a where a > b, else 0."""
    return np.asarray(np.where(a > b, a, 0), np.int64)


def table(a: Ints, entries: Ints, n: int) -> Ints:
    """Interpolate linearly in 513 entries that lie 2**n apart, entry 256 at a = 0.

    a is clamped to [-256 * 2**n, 256 * 2**n - 1]; result v[k] + ((v[k+1] - v[k]) * f >> n),
    the same as (v[k] * (2**n - f) + v[k+1] * f) >> n.
    """
    half = TABLE_SEGMENTS // 2 << n
    a = np.clip(a, -half, half - 1)
    k = (a >> n) + TABLE_SEGMENTS // 2
    low = entries[k]
    step = (entries[k + 1] - low) * (a & ((1 << n) - 1)) >> n
    return np.asarray(low + step)


def maximum(a: Ints) -> Ints:
    """Largest unit of a vector; length 1."""
    return np.asarray(a.max(axis=-1, keepdims=True), np.int64)


def total(a: Ints) -> Ints:
    """Sum over the units of a vector; length 1."""
    return np.asarray(a.sum(axis=-1, keepdims=True), np.int64)


def argmax(a: Ints) -> Ints:
    """Index of the largest unit of a vector, the first of several; length 1."""
    return np.asarray(a.argmax(axis=-1)[..., None], np.int64)


def lookup(a: Ints, rows: Ints, n: int, factors: Ints | None = None) -> Ints:
    """Row a[n] of `rows` [count, length], times that of factors [count] where there are any; the
    nearest where there is none.
    """
    at = np.clip(a[..., n], 0, len(rows) - 1)
    return np.asarray(rows[at] if factors is None else rows[at] * factors[at][..., None])


def step_at(sequence: Ints, n: int) -> Ints:
    """One step of [samples, steps, length]."""
    return sequence[..., n, :]


def slice_features(a: Ints, n: int, count: int) -> Ints:
    """Features n .. n + count - 1."""
    return a[..., n : n + count]


def restart(a: Ints, first: Ints, is_first: bool) -> Ints:
    """`first` at the first step of a window, else a."""
    return np.broadcast_to(first, a.shape) if is_first else a


def within(a: Ints, b: Ints, length: Ints, step: int) -> Ints:
    """a where the step is below the length, else b."""
    return np.where(length > step, a, b)


def mean_over_steps(a: Ints, count: int) -> Ints:
    """a // count, floor."""
    return a // count


def slide(window: Ints, x: Ints, pad: Ints, is_first: bool, is_past: bool) -> Ints:
    """The window moved by one vector, x behind it; `pad` is what lies before and behind all x."""
    size = x.shape[-1]
    full = np.broadcast_to(pad, window.shape)
    before = full if is_first else window
    return np.concatenate([before[..., size:], full[..., -size:] if is_past else x], axis=-1)


def concat(*parts: Ints) -> Ints:
    """Vectors end to end."""
    return np.concatenate(parts, axis=-1)


def divide(a: Ints, b: Ints) -> Ints:
    """a // b for a >= 0 and b > 0."""
    return a // b


def log(a: Ints, entries: Ints) -> Ints:
    """Natural logarithm of a > 0 with 15 fractional bits.

    a = 2**e * (1 + m): e * log(2) plus log(1 + m), interpolated in 513 entries.
    """
    exponent = np.floor(np.log2(a.astype(np.float64))).astype(np.int64)
    mantissa = (a << (30 - exponent)) - (1 << 30)
    k = mantissa >> 21
    low = entries[k]
    step = (entries[k + 1] - low) * ((mantissa >> 6) & 0x7FFF) >> 15
    return np.asarray(exponent * LN2_Q15 + low + step)


def headroom(a: Ints) -> Ints:
    """How far a > 0 can be shifted left in int32: 30 - floor(log2(a))."""
    return np.asarray(30 - np.floor(np.log2(a.astype(np.float64))).astype(np.int64))


def lift(a: Ints, n: Ints) -> Ints:
    """a << n, a clamped before so that int32 holds it; n in 0 .. 30."""
    room = np.int64(1) << (31 - n)
    return np.asarray(np.clip(a, -room, room - 1) << n)


def drop(a: Ints, n: Ints) -> Ints:
    """a >> n, floor; n in 0 .. 31."""
    return np.asarray(a >> n)


def rsqrt(a: Ints, entries: Ints) -> Ints:
    """2**29 / sqrt(t) for a > 0, where t = a << 2 * (headroom(a) >> 1) lies in [2**29, 2**31).

    The upper 15 bits of 1 / sqrt(a), interpolated in 385 entries.
    """
    t = a << 2 * (headroom(a) >> 1)
    k = (t >> 22) - 128
    low = entries[k]
    step = (entries[k + 1] - low) * ((t >> 7) & 0x7FFF) >> 15
    return np.asarray(low + step)


OPERATIONS: dict[str, Callable[..., Ints]] = {
    "matvec": matvec,
    "matvec_over_time": matvec,
    "mulw": mulw,
    "mul": mul,
    "add": add,
    "sub": sub,
    "shift": shift,
    "round_shift": round_shift,
    "saturate": saturate,
    "larger": larger,
    "smaller": smaller,
    "above": above,
    "table": table,
    "max": maximum,
    "sum": total,
    "restart": restart,
    "within": within,
    "mean_over_steps": mean_over_steps,
    "slide": slide,
    "concat": concat,
    "slice": slice_features,
    "step_at": step_at,
    "argmax": argmax,
    "lookup": lookup,
    "divide": divide,
    "log": log,
    "headroom": headroom,
    "lift": lift,
    "drop": drop,
    "rsqrt": rsqrt,
}
"""Every integer operation by its name in a program."""
