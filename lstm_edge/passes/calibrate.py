"""Watch the float program on data: ranges of every value, second moments of what is multiplied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import QuantizationError
from lstm_edge.interpret.feed import Feed, walk_calls
from lstm_edge.interpret.streams import cut_in_streams
from lstm_edge.interpret.symbols import all_unseen
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS, read_by
from lstm_edge.operations.call import Op, as_vectors
from lstm_edge.operations.record import Timing
from lstm_edge.passes.moments import TOGETHER, Halves, Moments
from lstm_edge.passes.segments import Passed, segments_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

CHAIN = 64
"""Samples in a row that a stateful network is calibrated on."""
CHUNK_VALUES = 2**20
"""Samples are fed in chunks of about this many input numbers."""
CHOOSING_SHARE = 4
"""Every fourth stream says which rounding is best, and takes no part in making any."""


Limits = tuple[Doubles, Doubles]
"""The lowest and the highest number of each unit."""


@dataclass(frozen=True)
class Ranges:
    """What calibration saw. low, high: value name -> [length]; moments: operand names -> Moments,
    of those that were seen often enough in data.

    `from_data` is False where the inputs were made up: then ranges hint at magnitudes only.
    """

    low: Mapping[str, Doubles]
    high: Mapping[str, Doubles]
    moments: Mapping[tuple[str, ...], Moments]
    from_data: bool
    passed: Passed | None = None
    """Of long streams, where they were watched in their order."""
    without: Mapping[str, Limits] = field(default_factory=dict)
    """The same of low and high without the streams to choose by; none where there are no such."""

    def largest(self, name: str) -> float:
        """Largest magnitude that any unit of the value took."""
        return float(max(np.abs(self.low[name]).max(), np.abs(self.high[name]).max()))


class _Watcher:
    """Running minima, maxima and, of data, sums over all samples and steps: nothing is rounded by
    those of made-up inputs.
    """

    def __init__(self, program: Program, passed: Passed | None, *, from_data: bool) -> None:
        self.passed = passed
        self.from_data = from_data
        self.constants = program.constants
        self.limits: tuple[dict[str, Limits], dict[str, Limits]] = {}, {}
        """Of what roundings are made from, and of what they are chosen by."""
        self.waiting: dict[str, list[Array]] = {}
        self.sums: dict[tuple[str, ...], Halves] = {}
        self.first: dict[tuple[str, ...], str] = {}
        """Of products with the same operands, as those of gates, the one that is watched."""
        self.calls: dict[str, int] = {}
        """How often each matvec_over_time was run: it has weights of its own at each step."""
        self._choosing = False
        self.only_ranges = False

    @property
    def choosing(self) -> bool:
        """Whether what comes next is to choose by."""
        return self._choosing

    @choosing.setter
    def choosing(self, value: bool) -> None:
        if value != self._choosing:
            self.settle()
        self._choosing = value

    def record(self, name: str, array: Array) -> None:
        """Vectors of a value; few wait for more."""
        flat = array.reshape(-1, array.shape[-1])
        waiting = self.waiting.setdefault(name, [])
        waiting.append(flat)
        if len(waiting) * len(flat) >= TOGETHER:
            self._settle(name)

    def _settle(self, name: str) -> None:
        """Limits with those that wait."""
        waiting = self.waiting.pop(name)
        flat = waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
        low, high = flat.min(axis=0).astype(np.float64), flat.max(axis=0).astype(np.float64)
        self._widen(self._choosing, name, (low, high))

    def _widen(self, choosing: bool, name: str, seen: Limits) -> None:
        known = self.limits[choosing].get(name, seen)
        self.limits[choosing][name] = (
            np.minimum(known[0], seen[0]),
            np.maximum(known[1], seen[1]),
        )

    def pass_on(self, name: str, other: str) -> None:
        """What one value is becomes another one."""
        for choosing in (False, True):
            if name in self.limits[choosing]:
                self._widen(choosing, other, self.limits[choosing][name])

    def all_limits(self) -> dict[str, Limits]:
        """Of everything that was seen."""
        found = dict(self.limits[False])
        for name, (low, high) in self.limits[True].items():
            known = found.get(name, (low, high))
            found[name] = np.minimum(known[0], low), np.maximum(known[1], high)
        return found

    def settle(self) -> None:
        """Afterwards `limits` know all values."""
        for name in list(self.waiting):
            self._settle(name)

    def observe(self, op: Op, args: tuple[Array, ...], result: Array) -> None:
        self.record(op.dest, result)
        if self.only_ranges:
            return
        if self.passed is not None:
            self.passed.observe(op, args, result)
        if not op.matrices or not self.from_data:
            return
        record = OPERATIONS[op.kind]
        if not record.multiplies:
            return
        key = read_by(op, self.constants)
        if self.first.setdefault((*op.args[: record.running], *key), op.dest) != op.dest:
            return
        if record.timing is Timing.STEP:
            call = self.calls[op.dest] = self.calls.get(op.dest, -1) + 1
            step = call % len(self.constants[op.matrices[0]])
            key = key_at(key, step)
        if key not in self.sums:
            self.sums[key] = Halves()
        entering = as_vectors(op, args[record.running :], self.constants)
        self.sums[key].add(entering.reshape(-1, entering.shape[-1]), self.choosing)

    def moments(self) -> dict[tuple[str, ...], Moments]:
        made = {key: halves.moments() for key, halves in self.sums.items()}
        return {key: moments for key, moments in made.items() if moments is not None}


def key_at(operands: tuple[str, ...], step: int) -> tuple[str, ...]:
    """Names the moments of operands at one step of a sequence."""
    return (*operands, str(step))


def chained(program: Program, feed: Feed) -> Feed:
    """Samples of a network that is fed its own states, one after the other as calls of a stream:
    from a reset state alone, no call would show what states are like later.
    """
    _, calls, _ = feed.shape
    fed_back = any(port.partner for port in program.state_inputs)
    if calls > 1 or feed.apart or feed.states or not fed_back or not program.streams:
        return feed
    return in_chains(feed)


def in_chains(feed: Feed) -> Feed:
    """Samples of a call each as calls of streams, CHAIN of them or a few more each."""
    samples, _, _ = feed.shape
    return cut_in_streams(feed, samples // max(1, samples // CHAIN))


def parts_to_choose_by(feed: Feed, size: int) -> Iterator[tuple[bool, Feed]]:
    """The streams in parts of `size`; True with those to choose by, which come last.

    Of few streams all are False: see `choosing_from`.
    """
    streams, _, _ = feed.shape
    few = streams < CHOOSING_SHARE
    choosing = (np.arange(streams) % CHOOSING_SHARE == CHOOSING_SHARE - 1) & (not few)
    for last in (False, True):
        which = np.flatnonzero(choosing == last)
        for start in range(0, len(which), size):
            yield last, feed.pick(which[start : start + size])


def choosing_from(feed: Feed) -> int | None:
    """Of few streams, the step, counted over all calls, from which on the rest is to choose by."""
    streams, calls, steps = feed.shape
    total = calls * steps
    return total - total // CHOOSING_SHARE if streams < CHOOSING_SHARE <= total else None


def calibrate(
    program: Program,
    feed: Feed,
    *,
    from_data: bool,
    progress: Callable[[int], None] = lambda _: None,
    recordings: Sequence[Feed] = (),
) -> Ranges:
    """Run the float program over what is fed, in chunks of streams, and keep the statistics.

    Where an output feeds a state back, samples are calls of a stream: see `chained`. `progress` is
    told the number of samples after each chunk. recordings: of several lengths, in place of `feed`.
    Ids and features of 0 and 1 that never come count for the ranges of all that follows from them.
    """
    feeds = recordings or (chained(program, feed),)
    alone = len(feeds) == 1 and feeds[0].shape[0] < CHOOSING_SHARE
    cut = alone and segments_of(program, feeds[0]) > 0
    watcher = _Watcher(program, Passed(program) if cut else None, from_data=from_data)
    for state in program.states:
        watcher.record(state.name, state.initial[None, :])
    for each in feeds:
        _watch_all(program, each, watcher, progress)
    unseen = all_unseen(program, feeds)
    if unseen is not None:
        watcher.only_ranges = True
        _watch_all(program, unseen, watcher, lambda _: None)
    watcher.settle()
    for state in program.states:
        watcher.pass_on(state.next, state.name)
        watcher.pass_on(state.begins, state.name)
    limits = watcher.all_limits()
    low, high = ({name: ends[k] for name, ends in limits.items()} for k in (0, 1))
    _check_finite(low, high)
    without = watcher.limits[False] if watcher.limits[True] else {}
    return Ranges(low, high, watcher.moments(), from_data, watcher.passed, without)


def _watch_all(
    program: Program, feed: Feed, watcher: _Watcher, progress: Callable[[int], None]
) -> None:
    """Run all streams of a feed, in chunks; few streams at once, which `Passed` relies on."""
    first, (streams, calls, _) = choosing_from(feed), feed.shape
    per_stream = sum(a[0].size for a in feed.inputs.values())
    chunk = max(1, CHUNK_VALUES // max(1, per_stream * 8)) if first is None else streams
    for watcher.choosing, part in parts_to_choose_by(feed, chunk):
        for port in program.inputs:
            watcher.record(port.value, part.inputs[port.name])
        for name, given in part.states.items():
            watcher.record(name, given)
        _watch(program, part, watcher, first)
        progress(part.shape[0] * calls)


def _check_finite(lows: Mapping[str, Doubles], highs: Mapping[str, Doubles]) -> None:
    """QuantizationError where the float program leaves the range of float32."""
    for name, high in highs.items():
        if not (np.isfinite(high).all() and np.isfinite(lows[name]).all()):
            raise QuantizationError(
                f"{name} leaves the range of float32 on the calibration data; give data on which "
                "the float model stays finite, or use --scheme float32"
            )


def _watch(program: Program, feed: Feed, watcher: _Watcher, first: int | None) -> None:
    """Run a part of what is fed; from step `first` on, what is seen is to choose by."""
    _, _, steps = feed.shape
    with np.errstate(over="ignore", invalid="ignore"):
        for call, (_, tick) in walk_calls(program, feed, watcher.observe, exact=False, gives=False):
            if first is not None:
                watcher.choosing = call * steps + tick + 1 >= first
