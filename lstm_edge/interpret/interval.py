"""The integer operations on intervals: for operands within bounds, the bounds of the result.

Bounds are pairs of int64 arrays (low, high), one entry per unit. They hold for every input and
every state within the declared formats, hence after any number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from lstm_edge import numerics
from lstm_edge.ir.program import NUMBERED, Op

Ints = npt.NDArray[np.int64]
Bounds = tuple[Ints, Ints]
Constants = Mapping[str, Ints]
BoundsOf = Callable[[Op, list[Bounds], Constants], Bounds]


def _products(weights: Ints, x: Bounds) -> Bounds:
    """Bounds of weights @ x, row by row; weights [..., rows, columns]."""
    ends = (weights * x[0], weights * x[1])
    return np.minimum(*ends).sum(axis=-1), np.maximum(*ends).sum(axis=-1)


def _matvec(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    low = high = constants[op.bias]
    for matrix, x in zip(op.matrices, args, strict=True):
        parts = _products(constants[matrix], x)
        low, high = low + parts[0], high + parts[1]
    return low, high


def _matvec_over_time(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    """Bounds over all steps: the sum restarts at the bias, so they follow from the weights."""
    low, high = _products(constants[op.matrices[0]], args[1])
    bias = constants[op.bias]
    return bias + low.cumsum(axis=0).min(axis=0), bias + high.cumsum(axis=0).max(axis=0)


def _product(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    corners = [a * b for a in args[0] for b in args[1]]
    return np.minimum.reduce(corners), np.maximum.reduce(corners)


def _mulw(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    low, high = _product(op, args, constants)
    return low >> 16, high >> 16


def _increasing(op: Op, args: list[Bounds], _: Constants) -> Bounds:
    """Operations that never fall as their operand rises: apply them to both ends."""
    extra = (op.n,) if op.kind in NUMBERED else ()
    function = numerics.OPERATIONS[op.kind]
    return function(args[0][0], *extra), function(args[0][1], *extra)


def _pairwise(op: Op, args: list[Bounds], _: Constants) -> Bounds:
    """Operations that never fall as either operand rises."""
    function = numerics.OPERATIONS[op.kind]
    (low, high), (least, most) = args
    return function(low, least), function(high, most)


def _above(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    low, high = args[0]
    return np.minimum(low, 0), np.maximum(high, 0)


def _table(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    entries = constants[op.table]
    half = numerics.TABLE_SEGMENTS // 2 << op.n
    first, last = (np.clip(a, -half, half - 1) >> op.n for a in args[0])
    offset = numerics.TABLE_SEGMENTS // 2
    parts = [
        entries[i + offset : j + offset + 2]
        for i, j in zip(np.atleast_1d(first), np.atleast_1d(last), strict=True)
    ]
    return np.array([p.min() for p in parts]), np.array([p.max() for p in parts])


def _log(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    entries = constants[op.table]
    low, high = (numerics.log(np.maximum(a, 1), entries) for a in args[0])
    return low, high


def _headroom(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    low, high = args[0]
    return numerics.headroom(high), numerics.headroom(np.maximum(low, 1))


def _shifted(op: Op, args: list[Bounds], _: Constants) -> Bounds:
    """lift and drop never fall as their operand rises, whatever the count: try all counts."""
    function = numerics.OPERATIONS[op.kind]
    (low, high), (least, most) = args
    counts = [np.clip(n, least, most) for n in range(int(least.min()), int(most.max()) + 1)]
    return (
        np.minimum.reduce([function(low, n) for n in counts]),
        np.maximum.reduce([function(high, n) for n in counts]),
    )


def _rsqrt(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    """It falls from each odd power of two up to the next: try the ends of these stretches."""
    low, high = np.maximum(args[0][0], 1), args[0][1]
    ends = [np.int64(1) << odd for odd in range(1, 31, 2)]
    tried = [low, high, *(np.clip(e - k, low, high) for e in ends for k in (0, 1))]
    found = [numerics.rsqrt(np.asarray(a), constants[op.table]) for a in tried]
    return np.minimum.reduce(found), np.maximum.reduce(found)


def _divide(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    (low, high), (least, most) = args
    return low // most, high // np.maximum(least, 1)


def _add(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    return args[0][0] + args[1][0], args[0][1] + args[1][1]


def _sub(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    return args[0][0] - args[1][1], args[0][1] - args[1][0]


def _unchanged(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    return args[0]


def _restart(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    (low, high), (least, most) = args[:2]
    return np.minimum(low, least), np.maximum(high, most)


def _slide(op: Op, args: list[Bounds], _: Constants) -> Bounds:
    """Each place holds what the one behind it held, the last the vector that enters; or padding."""
    (low, high), (least, most), pad = args
    size = len(least)
    ends = (np.broadcast_to(end, low.shape) for end in pad)
    pad_low, pad_high = (np.concatenate([end[size:], end[-size:]]) for end in ends)
    return (
        np.minimum(np.concatenate([low[size:], least]), pad_low),
        np.maximum(np.concatenate([high[size:], most]), pad_high),
    )


def _mean_over_steps(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    low, high = args[0]
    return np.minimum(low, 0), np.maximum(high, 0)


def _slice(op: Op, args: list[Bounds], _: Constants) -> Bounds:
    low, high = args[0]
    end = op.n + op.count
    return low[op.n : end], high[op.n : end]


def _concat(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    low, high = zip(*args, strict=True)
    return np.concatenate(low), np.concatenate(high)


def _max(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    low, high = args[0]
    return low.max(keepdims=True), high.max(keepdims=True)


def _sum(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    low, high = args[0]
    return low.sum(keepdims=True), high.sum(keepdims=True)


def _argmax(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    return np.zeros(1, np.int64), np.full(1, len(args[0][0]) - 1)


def _lookup(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    """Of the rows that the operand may name."""
    rows = constants[op.matrices[0]] * (constants[op.bias][:, None] if op.bias else 1)
    first, last = (int(np.clip(a[op.n], 0, len(rows) - 1)) for a in args[0])
    found = rows[first : last + 1]
    return found.min(axis=0), found.max(axis=0)


OPERATIONS: dict[str, BoundsOf] = {
    "matvec": _matvec,
    "matvec_over_time": _matvec_over_time,
    "mulw": _mulw,
    "mul": _product,
    "add": _add,
    "sub": _sub,
    "shift": _increasing,
    "round_shift": _increasing,
    "saturate": _increasing,
    "larger": _pairwise,
    "smaller": _pairwise,
    "above": _above,
    "table": _table,
    "restart": _restart,
    "within": _restart,
    "mean_over_steps": _mean_over_steps,
    "slide": _slide,
    "concat": _concat,
    "slice": _slice,
    "step_at": _unchanged,
    "max": _max,
    "sum": _sum,
    "argmax": _argmax,
    "lookup": _lookup,
    "divide": _divide,
    "log": _log,
    "headroom": _headroom,
    "lift": _shifted,
    "drop": _shifted,
    "rsqrt": _rsqrt,
}
"""Bounds of every integer operation, by the names of `numerics.OPERATIONS`."""
