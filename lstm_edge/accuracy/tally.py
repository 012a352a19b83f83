"""Sums from which the error of one value follows, taken step by step in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

POINTS = 16
"""The error by time step is kept at this many steps at most."""


@dataclass(frozen=True)
class Error:
    """The error of a value against float, over all samples, steps and units.

    sqnr_db: signal to quantization noise; None where there is no error, no signal, or a number that
    is not finite. max_abs, rms: None where a number is not finite. signal: rms of the float value;
    moving: rms of it about the mean of each unit.
    by_step: rms at some steps, counted on over the calls of a stream. drift: rms in the last
    quarter of the steps over that in the first, in the order of computation; sqnr_drop: by how many
    dB the last quarter's SQNR is below the first's. Both None with fewer than four steps.
    """

    max_abs: float | None
    rms: float | None
    signal: float
    sqnr_db: float | None
    by_step: Mapping[int, float | None]
    drift: float | None
    sqnr_drop: float | None
    numbers: int
    moving: float = 0.0

    @property
    def without_mean_db(self) -> float | None:
        """As sqnr_db, of the signal about the mean of each unit, to which a value far from 0 owes
        its dB; None as well where no unit moves.
        """
        return None if self.rms is None else sqnr_db(self.moving**2, self.rms**2)

    @property
    def exact(self) -> bool:
        """No number differs."""
        return self.max_abs == 0.0


@dataclass(frozen=True)
class Used:
    """What of a format was used. bins[k]: how many numbers left just the k upper bits of their
    magnitude unused; the last bin counts zeros. unused_bits: those that no number used. low, high:
    the least and the largest stored integer, 0 included.
    """

    bins: tuple[int, ...]
    unused_bits: int
    low: int = 0
    high: int = 0


def sqnr_db(signal: float, noise: float) -> float | None:
    """Sums of squares in dB; None where there is no error, no signal, or one is not finite."""
    if noise == 0.0 or signal == 0.0 or not np.isfinite(noise + signal):
        return None
    return 10.0 * float(np.log10(signal / noise))


def joined(errors: Sequence[Error]) -> Error:
    """The error of what several runs gave, as if it were one; nothing by step. The mean of a unit
    is that of its own run.
    """
    numbers = sum(each.numbers for each in errors)
    roots = [(each.rms, each.signal, each.moving) for each in errors]
    shares = np.array([each.numbers for each in errors]) / max(numbers, 1)
    noise, signal, moving = shares @ np.array(roots, np.float64) ** 2  # None is NaN
    largest = [each.max_abs for each in errors]
    return Error(
        None if None in largest else max(each for each in largest if each is not None),
        _finite(np.sqrt(noise)),
        float(np.sqrt(signal)),
        sqnr_db(signal, noise),
        {},
        None,
        None,
        numbers,
        float(np.sqrt(moving)),
    )


class Tally:
    """Sums of one value's errors. steps: how many there will be; backward: computed from the last
    to the first.
    """

    def __init__(self, steps: int, backward: bool = False) -> None:
        self.points = {int(t): 0.0 for t in np.linspace(0, steps - 1, POINTS)}
        self.backward = backward
        self.quarter = steps // 4
        self.steps = steps
        self.per_step = 0
        self.numbers = 0
        self.largest = self.noise = self.signal = 0.0
        self.origin: Doubles = np.zeros(0)
        self.moved: Doubles = np.zeros(0)
        self.spread = 0.0
        """Sums of differences to the first vector, by unit, and of their squares: a large mean
        costs no digits.
        """
        self.ends = np.zeros((2, 2))
        """Noise and signal of the first and of the last quarter."""

    def add(self, real: Array, ours: Array, first: int) -> None:
        """Numbers [samples, steps, n] from step `first` on."""
        exact = real.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            error = ours - exact
            noise, signal = (np.sum(a * a, axis=(0, 2)) for a in (error, exact))
        self.per_step = real.shape[0] * real.shape[2]
        self.numbers += real.size
        self.largest = float(np.maximum(self.largest, np.abs(error).max(initial=0.0)))
        self.noise += float(noise.sum())
        self.signal += float(signal.sum())
        self._move(exact)
        at = np.arange(first, first + real.shape[1])
        for end, inside in enumerate((at < self.quarter, at >= self.steps - self.quarter)):
            self.ends[end] += noise[inside].sum(), signal[inside].sum()
        for step in self.points.keys() & set(at.tolist()):
            self.points[step] += float(noise[step - first])

    def _move(self, exact: Doubles) -> None:
        if not self.origin.size and exact.size:
            self.origin, self.moved = exact[0, 0].copy(), np.zeros(exact.shape[2])
        with np.errstate(over="ignore", invalid="ignore"):
            moved = exact - self.origin if exact.size else exact
            self.moved = self.moved + moved.sum(axis=(0, 1))
            self.spread += float(np.sum(moved * moved))

    def error(self) -> Error:
        """The figures of all that was added."""
        rms, signal = (np.sqrt(s / max(self.numbers, 1)) for s in (self.noise, self.signal))
        (noise, power), (late, late_power) = self.ends[::-1] if self.backward else self.ends
        drift = float(np.sqrt(late / noise)) if noise > 0.0 and late > 0.0 else None
        start, end = sqnr_db(power, noise), sqnr_db(late_power, late)
        per_step = max(self.per_step, 1)
        count = self.numbers // max(self.moved.size, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            varying = self.spread - float(np.sum(self.moved**2)) / max(count, 1)
        return Error(
            _finite(self.largest),
            _finite(rms),
            float(signal),
            sqnr_db(self.signal, self.noise),
            {t: _finite(np.sqrt(s / per_step)) for t, s in self.points.items()},
            None if drift is None else _finite(drift),
            None if start is None or end is None else start - end,
            self.numbers,
            float(np.sqrt(max(varying, 0.0) / max(self.numbers, 1))),
        )


class RangeTally:
    """How a format with numbers up to `magnitude` is used."""

    def __init__(self, magnitude: int) -> None:
        self.bits = int(magnitude).bit_length()
        self.counts = np.zeros(self.bits + 1, np.int64)
        self.low = self.high = 0

    def add(self, stored: Array) -> None:
        """Stored integers of any shape."""
        _, bits = np.frexp(np.abs(stored).ravel().astype(np.float64))
        self.counts += np.bincount(self.bits - bits, minlength=self.bits + 1)
        self.low = min(self.low, int(stored.min(initial=0)))
        self.high = max(self.high, int(stored.max(initial=0)))

    def used(self) -> Used:
        """The counts, from numbers that use all bits to those that use none."""
        unused = int(np.argmax(self.counts > 0))
        return Used(tuple(int(n) for n in self.counts), unused, self.low, self.high)


def _finite(number: Any) -> float | None:
    """None for NaN and infinity, which JSON has not."""
    return float(number) if np.isfinite(number) else None
