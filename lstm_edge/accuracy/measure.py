"""Run a program and its float reference side by side and measure the error of what both compute."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.accuracy.compared import Both, compared
from lstm_edge.accuracy.ports import inputs, outputs
from lstm_edge.accuracy.results import Accuracy, LayerAccuracy, Measured, ValueAccuracy
from lstm_edge.accuracy.tally import RangeTally, Tally
from lstm_edge.errors import InternalError
from lstm_edge.interpret.feed import Feed, Results, stored_feed, walk_calls
from lstm_edge.ir.program import FORWARD, ONCE, Program
from lstm_edge.operations.call import Op

Array = npt.NDArray[Any]


@dataclass
class _Pair:
    """A value in both programs, and what is known of it so far."""

    both: Both
    tally: Tally
    used: RangeTally


@dataclass
class _Seen:
    """What the last ticks gave: wanted value -> [samples, length]. bounded: saturations that do not
    count, see `_bounded`.
    """

    wanted: frozenset[str]
    bounded: frozenset[str] = frozenset()
    now: dict[str, Array] = field(default_factory=dict)
    clipped: dict[str, int] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)

    def observe(self, op: Op, args: tuple[Array, ...], result: Array) -> None:
        """Keep a wanted result, and count what a saturation changed."""
        if op.dest in self.wanted:
            self.now[op.dest] = result
        if op.kind == "saturate":
            counts = op.dest not in self.bounded
            clipped = int(np.count_nonzero(args[0] != result)) if counts else 0
            self.clipped[op.dest] = self.clipped.get(op.dest, 0) + clipped
            self.passed[op.dest] = self.passed.get(op.dest, 0) + result.size


def measure(program: Program, reference: Program, feed: Feed, *, exact: bool = True) -> Measured:
    """Compare `program` with the float `reference` on a feed of real numbers.

    Of values inside, sums are kept only, so that long sequences fit. `exact=False` lets the matrix
    library choose the order of the reference's sums.
    """
    stored = stored_feed(program, feed)
    pairs = _pairs(program, reference, feed)
    ours = _Seen(frozenset(pair.both.ours for pair in pairs), _bounded(program))
    real = _Seen(frozenset(pair.both.real for pair in pairs))
    first, second = _side_by_side(
        _Walked(program, stored, ours, exact), _Walked(reference, feed, real, exact), pairs
    )
    streams, calls, steps = feed.shape
    layers = _layers(program, pairs, ours)
    return Measured(
        Accuracy(
            streams * calls,
            steps,
            inputs(program, feed, stored),
            layers,
            outputs(program, reference, first, second, ours.clipped),
            ours.clipped,
            streams if calls > 1 or feed.apart else 0,
        ),
        first,
        second,
    )


def _bounded(program: Program) -> frozenset[str]:
    """What is saturated that cannot be more than a unit beyond its range: a bound of 1 is 128 of
    int8, and is stored as 127.
    """
    found = set()
    for op in (op for block in program.blocks for op in block.ops if op.kind == "saturate"):
        own, given = (program.values[name].format for name in (op.dest, op.args[0]))
        if given.high <= own.high + 1 and given.low >= own.low - 1:
            found.add(op.dest)
    return frozenset(found)


class _Walked:
    """A run that can be looked at between its ticks; `results` once it is through."""

    def __init__(self, program: Program, feed: Feed, seen: _Seen, exact: bool) -> None:
        self.program, self.seen = program, seen
        self.results = Results({}, {})
        self.ticks = self._walk(feed, exact)

    def _walk(self, feed: Feed, exact: bool) -> Any:
        self.results = yield from walk_calls(self.program, feed, self.seen.observe, exact=exact)


def _side_by_side(ours: _Walked, real: _Walked, pairs: list[_Pair]) -> tuple[Results, Results]:
    """Both runs tick by tick, every pair compared when the program has made its value anew."""
    clocks = ours.program.clock_of
    with np.errstate(over="ignore", invalid="ignore"):
        while True:
            tick, other = next(ours.ticks, None), next(real.ticks, None)
            if tick != other:
                raise InternalError(f"program {ours.program.name}: not in step with its reference")
            if tick is None:
                return ours.results, real.results
            call, (_, t) = tick
            for pair in pairs:
                both = pair.both
                q, x = ours.seen.now.pop(both.ours, None), real.seen.now.get(both.real)
                if q is None or x is None:
                    continue
                sweep, clock = clocks[both.ours]
                at = call * both.length + (0 if sweep == ONCE else clock.step(t))
                computed = ours.program.values[both.ours].format.real(q)
                pair.tally.add(x[:, None], computed[:, None], at)
                pair.used.add(q)


def _pairs(program: Program, reference: Program, feed: Feed) -> list[_Pair]:
    _, calls, _ = feed.shape
    found = []
    for both in compared(program, reference, feed):
        sweep, _ = program.clock_of[both.ours]
        backward = sweep >= 0 and program.sweeps[sweep] != FORWARD
        used = RangeTally(program.values[both.ours].format.magnitude)
        found.append(_Pair(both, Tally(max(calls * both.length, 1), backward), used))
    return found


def _layers(program: Program, pairs: list[_Pair], seen: _Seen) -> tuple[LayerAccuracy, ...]:
    """The figures of each layer, in the order of the program."""
    blocks = [block for block in program.blocks if block.sweep >= ONCE]
    layer_of = {op.dest: block.layer for block in blocks for op in block.ops}
    layer_of |= {port.value: f"input {port.name}" for port in program.inputs}
    shown = _shown(program, pairs)
    found = []
    for layer in dict.fromkeys(block.layer for block in blocks):
        ops = [op for block in blocks if block.layer == layer for op in block.ops]
        reads = (layer_of.get(name, layer) for op in ops for name in op.args)
        clips = [op.dest for op in ops if op.dest in seen.passed and op.dest in shown]
        clipped: Counter[str] = Counter()
        numbers: Counter[str] = Counter()
        for name in clips:
            clipped[shown[name]] += seen.clipped[name]
            numbers[shown[name]] += seen.passed[name]
        found.append(
            LayerAccuracy(
                layer,
                tuple(_value(program, p) for p in pairs if p.both.layer == layer),
                dict(clipped),
                dict(numbers),
                tuple(dict.fromkeys(name for name in reads if name != layer)),
            )
        )
    return tuple(found)


def _shown(program: Program, pairs: list[_Pair]) -> dict[str, str]:
    """Saturation -> the name of the value that it becomes, through shifts. Others, such as those
    before a table, belong to the meaning of an operation and lose nothing.
    """
    names = {pair.both.ours: pair.both.name for pair in pairs}
    names |= {s.next: s.name for s in program.states}
    for block in reversed(program.blocks):
        for op in reversed(block.ops):
            if op.kind in ("shift", "round_shift", "saturate") and op.dest in names:
                names.setdefault(op.args[0], names[op.dest])
    return names


def _value(program: Program, pair: _Pair) -> ValueAccuracy:
    fmt = program.values[pair.both.ours].format
    return ValueAccuracy(
        pair.both.name, fmt.describe(), fmt.coarsest, pair.tally.error(), pair.used.used()
    )
