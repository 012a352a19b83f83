"""What the float program does on the data that integer programs are rounded and chosen on.

It does not depend on the widths of numbers, so it is run once for all programs of a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.interpret.feed import Feed, Results, run_numpy
from lstm_edge.ir.program import ONCE, Program
from lstm_edge.operations import OPERATIONS, multiplied, read_by
from lstm_edge.operations.call import Constants, Op, as_vectors
from lstm_edge.operations.record import Timing
from lstm_edge.passes.calibrate import (
    CHOOSING_SHARE,
    chained,
    choosing_from,
    parts_to_choose_by,
)
from lstm_edge.passes.moments import Mean
from lstm_edge.passes.segments import Passed, in_segments

Array = npt.NDArray[Any]

MOST_VECTORS = 2**14
"""Steps that are run in integers at most: calibration data beyond them are left out here."""
PART_NUMBERS = 2**23
"""Streams are run side by side that have about so many numbers of operands."""
Means = Mapping[tuple[str, ...], tuple[Mean, ...]]
"""Arguments of a product -> the mean of the operands, for each step with weights of its own."""


class RealRun:
    """The float program, and what it gives on some of the streams that it was calibrated on.

    Every fourth stream chooses between roundings. Of fewer than four it is the steps from `first`
    on, counted over all calls; then the others are what roundings are made from.
    """

    def __init__(self, program: Program, feed: Feed, passed: Passed | None = None) -> None:
        """passed: what calibration saw of the states, if it saw them."""
        self.program = program
        self._given, self._passed = feed, passed

    @cached_property
    def feed(self) -> Feed:
        """Some of the streams, long ones in segments."""
        return some_streams(self.program, self._given, self._passed)

    @property
    def first(self) -> int | None:
        """The step from which on few streams choose."""
        return choosing_from(self.feed)

    @property
    def chooses(self) -> bool:
        """False where all outputs follow from what roundings are made from."""
        streams, calls, _ = self.feed.shape
        if self.first is None:
            return streams >= CHOOSING_SHARE
        return calls > 1 or all(port.per_step for port in self.program.outputs)

    def parts(self) -> Iterator[tuple[bool, Feed]]:
        """The streams, some at a time; True with those that are only to choose by, which come
        last. Of few streams all come at once.
        """
        if self.first is not None:
            yield False, self.feed
            return
        _, calls, steps = self.feed.shape
        lengths = (
            sum(self.program.values[name].length for name in args)
            for args in self._watched.values()
        )
        numbers = calls * steps * sum(lengths)
        yield from parts_to_choose_by(self.feed, max(1, PART_NUMBERS // max(numbers, 1)))

    def gives(self, choosing: bool) -> bool:
        """True for a part whose outputs choose."""
        return choosing or self.first is not None

    def made_from(self, runs: int, steps: int) -> int:
        """How many of the `runs` of a product in a part that does not only choose are there to make
        roundings from; steps: how many have weights of their own.
        """
        _, calls, length = self.feed.shape
        share = 1.0 if self.first is None else self.first / (calls * length)
        return round(runs * share) // steps * steps

    def run(self) -> None:
        """Once, if it was not run before: who asks for results need not."""
        _ = self._run

    @property
    def outputs(self) -> Results:
        """Of the streams that choose."""
        return self._run[0]

    @property
    def means(self) -> Means:
        """Of what enters products, over what roundings are made from."""
        return self._run[1]

    @cached_property
    def arguments(self) -> dict[str, tuple[str, ...]]:
        """Product -> its arguments."""
        known = self.program.constants
        return {op.dest: arguments(op, known) for op in self.program.products}

    @cached_property
    def _watched(self) -> dict[str, tuple[str, ...]]:
        """Of products with the same arguments, as those of gates, one -> its operands."""
        known = self.program.constants
        first = {arguments(op, known): op for op in reversed(self.program.products)}
        return {op.dest: multiplied(op) for op in first.values()}

    @cached_property
    def _run(self) -> tuple[Results, Means]:
        sums = _Sums(self, runs_of(self.program, self.feed))
        given = []
        for choosing, part in self.parts():
            sums.begin()
            observe = None if choosing else sums.observe
            gives = self.gives(choosing)
            results = run_numpy(self.program, part, observe, exact=False, gives=gives)
            if gives:
                given.append(results)
        return joined(given), {args: tuple(each) for args, each in sums.means.items()}

    @property
    def watched(self) -> frozenset[str]:
        """The products that are looked at."""
        return frozenset(self._watched)


class _Sums:
    """Means of the operands of the watched products; runs: how often each is run in a part."""

    def __init__(self, real: RealRun, runs: Mapping[str, int]) -> None:
        self.real, self.runs = real, runs
        self.means: dict[tuple[str, ...], list[Mean]] = {}
        self.seen: dict[str, int] = {}

    def begin(self) -> None:
        """Another part."""
        self.seen = dict.fromkeys(self.real.watched, 0)

    def observe(self, op: Op, args: tuple[Array, ...], result: Array) -> None:
        """Add the operands of a watched product."""
        number = self.seen.get(op.dest)
        if number is None:
            return
        self.seen[op.dest] = number + 1
        record, steps = OPERATIONS[op.kind], 1
        if record.timing is Timing.STEP:
            steps = len(self.real.program.constants[op.matrices[0]])
        if number < self.real.made_from(self.runs[op.dest], steps):
            known = self.real.program.constants
            means = self.means.setdefault(arguments(op, known), [Mean() for _ in range(steps)])
            vectors = as_vectors(op, args[record.running :], known)
            means[number % steps].add(vectors.reshape(-1, vectors.shape[-1]))


def arguments(op: Op, constants: Constants) -> tuple[str, ...]:
    """Of a product: its operands, and what it reads of them."""
    return (*op.args[: OPERATIONS[op.kind].running], *read_by(op, constants))


def runs_of(program: Program, feed: Feed) -> dict[str, int]:
    """How often each operation is run over a feed, all its streams at once."""
    _, calls, steps = feed.shape
    found = {}
    for block in program.blocks:
        length = program.lengths[block.sweep].of(steps) if block.sweep >= 0 else 1
        each = 1 if block.sweep == ONCE else max(0, block.clock.length.of(length))
        found.update({op.dest: calls * each for op in block.ops})
    return found


def joined(parts: list[Results]) -> Results:
    """Of several streams."""
    if len(parts) == 1:
        return parts[0]
    return Results(
        {name: np.concatenate([p.outputs[name] for p in parts]) for name in parts[0].outputs},
        {name: np.concatenate([p.states[name] for p in parts]) for name in parts[0].states},
    )


def some_streams(program: Program, feed: Feed, passed: Passed | None = None) -> Feed:
    """As many streams, and steps of long ones, as are worth their time, spread over all: in runs,
    so that those to choose by are the same.
    """
    feed = chained(program, feed).first_steps(program, MOST_VECTORS)
    feed = in_segments(program, feed, passed)
    streams, calls, steps = feed.shape
    wanted = max(1, MOST_VECTORS // (CHOOSING_SHARE * calls * steps))
    runs = streams // CHOOSING_SHARE
    if wanted >= runs:
        return feed
    first = np.linspace(0, runs - 1, wanted).astype(np.int64) * CHOOSING_SHARE
    return feed.pick((first[:, None] + np.arange(CHOOSING_SHARE)).ravel())
