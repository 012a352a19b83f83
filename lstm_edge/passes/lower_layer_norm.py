"""Layer normalization in integers: (x - mean) / sqrt(variance + epsilon), whatever the scale of x.

The largest distance to the mean decides how far all distances are shifted left, so that their
squares use all the bits that there are; 1 / sqrt of the mean square is a mantissa and a shift.
epsilon is a distance too, one that every unit has: sqrt(epsilon) in units of x, at least 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_edge.formats import INT32_MAX, INT32_MIN, Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.passes import tables
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.shifts import fraction_of, saturate, shift_right, with_fraction

MOST_FRACTION = 20
"""Fractional bits of the result, fewer for more than 2**15 units."""
LARGEST_ROOT = 2.0**29
"""What sqrt(epsilon) may be in units of x."""
FULL = Format("int32", 1.0, INT32_MIN, INT32_MAX)
UPPER = Format("int32", 1.0, -(2**15), 2**15 - 1)


def lower_layer_norm(b: Builder, x: Value, epsilon: float, name: str) -> Value:
    """The fixed-point vector x with mean 0 and variance 1; the result is named `name`.

    No unit of it exceeds sqrt(n), n the number of units.
    """
    x = _with_room(b, x, epsilon, name)
    root = max(1, round(float(np.sqrt(epsilon)) * 2.0 ** fraction_of(x)))
    mean, largest = _extent(b, x, root, name)
    span = x.format.high - x.format.low
    distance = _emit(b, "sub", f"{name}_distance", (x, mean), -span, span)
    few, many = (30 - (bound.bit_length() - 1) for bound in (largest.format.high, root))
    places = _emit(b, "headroom", f"{name}_places", (largest,), few, many)
    lifted = b.emit("lift", f"{name}_lifted", (distance, places), FULL)
    least = max(2**25 // x.length, 1)
    square = _mean_square(b, lifted, b.integers(f"{name}_root", root), places, least, name)
    most_pairs = (31 - least.bit_length()) // 2
    fraction = min(MOST_FRACTION, 30 - most_pairs)
    entries = b.constant("rsqrt_table", tables.rsqrt_table())
    mantissa = _emit(b, "rsqrt", f"{name}_mantissa", (square,), 2**13, 2**15 - 1, table=entries)
    scaled = b.emit("mulw", f"{name}_scaled", (lifted, mantissa), FULL)
    free = _emit(b, "headroom", f"{name}_free", (square,), 0, 31 - least.bit_length())
    pairs = _emit(b, "shift", f"{name}_pairs", (free,), 0, most_pairs, n=1)
    down = b.integers(f"{name}_down", 30 - fraction)
    shift = _emit(
        b, "sub", f"{name}_shift", (down, pairs), 30 - fraction - most_pairs, 30 - fraction
    )
    wide = fixed(fraction, INT32_MIN, INT32_MAX, "int32")
    result = b.emit("drop", f"{name}_wide", (scaled, shift), wide)
    whole = int(np.ceil(np.log2(x.length) / 2.0 + 2.0**-8))
    return saturate(b, result, fraction + whole + 1, name)


def _emit(
    b: Builder, kind: str, name: str, args: tuple[Value, ...], low: int, high: int, **fields: Any
) -> Value:
    """An operation on plain integers from `low` to `high`."""
    return b.emit(kind, name, args, Format("int32", 1.0, low, high), **fields)


def _with_room(b: Builder, x: Value, epsilon: float, name: str) -> Value:
    """x with as many fractional bits as leave room for the sum of its units and for `epsilon`."""
    span = max(x.format.magnitude, x.format.high - x.format.low, 1)
    room = int(np.floor(np.log2((INT32_MAX // x.length - 2) / span)))
    most = int(np.floor(np.log2(LARGEST_ROOT / max(float(np.sqrt(epsilon)), 2.0**-60))))
    return with_fraction(b, x, min(fraction_of(x) + room, most), f"{name}_in")


def _extent(b: Builder, x: Value, root: int, name: str) -> tuple[Value, Value]:
    """The mean of x to nearest, and the largest distance to it or `root`."""
    n, low, high = x.length, x.format.low, x.format.high
    zero, count = b.integers("zero_bound", 0), b.integers(f"{name}_count", n)
    total = _emit(b, "sum", f"{name}_sum", (x,), n * low, n * high, length=1)
    top = _emit(b, "max", f"{name}_top", (x,), low, high, length=1)
    turned = _emit(b, "sub", f"{name}_turned", (zero, x), -high, -low)
    bottom = _emit(b, "max", f"{name}_bottom", (turned,), -high, -low, length=1)
    up = max(0, -low)
    by, back = n * up + n // 2, b.integers(f"{name}_back", up)
    ends = (n * low + by, n * high + by)
    raised = _emit(b, "add", f"{name}_raised", (total, b.integers(f"{name}_up", by)), *ends)
    quotient = _emit(b, "divide", f"{name}_quotient", (raised, count), low + up, high + up)
    mean = _emit(b, "sub", f"{name}_mean", (quotient, back), low, high, comment="sum / n, rounded")
    span = high - low
    over = _emit(b, "sub", f"{name}_over", (top, mean), -span, span)
    under = _emit(b, "add", f"{name}_under", (bottom, mean), -span, span)
    further = _emit(b, "larger", f"{name}_further", (over, under), -span, span)
    least = b.integers(f"{name}_root", root)
    return mean, _emit(b, "larger", f"{name}_largest", (further, least), root, max(root, span))


def _mean_square(
    b: Builder, lifted: Value, root: Value, places: Value, least: int, name: str
) -> Value:
    """(variance + epsilon) / 4 of the upper 16 bits of `lifted`.

    Each square and epsilon together stay below 2**31: shifted right by log2(n), so does their sum.
    One square is 2**28 or more, so the result exceeds `least`: a fact for the proof.
    """
    n = lifted.length
    upper = b.emit("shift", f"{name}_upper", (lifted,), UPPER, n=16)
    lifted_root = _emit(b, "lift", f"{name}_lifted_root", (root, places), 0, INT32_MAX)
    upper_root = _emit(b, "shift", f"{name}_upper_root", (lifted_root,), 0, 2**15 - 1, n=16)
    largest = (2**15 - 1) ** 2
    epsilon = _emit(b, "mul", f"{name}_epsilon", (upper_root, upper_root), 0, largest)
    square = _emit(b, "mul", f"{name}_square", (upper, upper), -(2**30), 2**30)
    both = _emit(b, "add", f"{name}_both", (square, epsilon), -(2**30), 2**30 + largest)
    bits = (n - 1).bit_length()
    part = shift_right(b, both, bits, f"{name}_part")
    low, high = n * part.format.low, n * part.format.high
    total = _emit(b, "sum", f"{name}_squares", (part,), low, high, length=1)
    share = min(round(2.0 ** (bits + 14) / n), 2**15 - 1)
    factor = b.integers(f"{name}_share", share, storage="int16")
    mean = _emit(b, "mulw", f"{name}_mean_square", (total, factor), low * share >> 16, high)
    bound = b.integers(f"{name}_least", least)
    return _emit(b, "larger", f"{name}_variance", (mean, bound), least, high)
