"""Tensors that are results of steps: of one step, or of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lstm_edge.frontend.step.symbols import Integers, Symbols


@dataclass(frozen=True)
class Parts:
    """values[k], of the step times[k]; side by side along `axis`, None for a single one.

    Times are evenly apart. Constants are of the steps that are missing; where these would be before
    the first one, all parts are of the step after the one at which they are known.
    """

    axis: int | None
    times: Sequence[int]
    values: Sequence[Symbols]


def _filled(times: Integers) -> list[int]:
    """With the steps of constants, as the others are apart."""
    known = np.flatnonzero(times >= 0)
    if len(known) > 1 and len(known) < len(times):
        apart = (times[known[1]] - times[known[0]]) // (known[1] - known[0])
        times = np.where(
            times < 0, times[known[0]] + apart * (np.arange(len(times)) - known[0]), times
        )
    return [int(time) for time in times]


def parts_of(value: Symbols, time: Sequence[int]) -> Parts | None:
    """A tensor by the steps at which its parts are known; None where it has none in order."""
    when = np.asarray(time)[value.leaf]
    for axis in range(when.ndim):
        latest = when.max(axis=tuple(k for k in range(when.ndim) if k != axis))
        if (latest == latest[0]).all():
            continue
        changes = np.flatnonzero(np.diff(latest)) + 1
        count = len(latest) // int(np.gcd.reduce([*changes, len(latest)]))
        blocks = latest.reshape(count, -1)
        times = _filled(blocks[:, 0])
        apart = set(np.diff(times).tolist())
        if (blocks != blocks[:, :1]).any() or len(apart) > 1 or min(times) < -1:
            return None
        times = [time - min(0, *times) for time in times]
        leaves = np.split(value.leaf, count, axis)
        units = np.split(value.unit, count, axis)
        values = [Symbols(i, u) for i, u in zip(leaves, units, strict=True)]
        return Parts(axis, times, values)
    single = int(when.max(initial=-1))
    return Parts(None, [single], [value]) if single >= 0 else None
