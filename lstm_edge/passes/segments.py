"""Long streams, cut into segments that are run side by side.

A step of one stream takes about as long as one of sixteen. The float program is run once from end
to end, and its states are kept where segments begin: from there all programs go on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.interpret.feed import Feed, run_numpy
from lstm_edge.ir.clock import EVERY_TICK
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Timing

Array = npt.NDArray[Any]

SEGMENT = 1024
"""Steps of a segment: enough for most errors of a state to reach what they stay at."""
LEAST_SEGMENTS = 4
"""Fewer are not worth a run of their own, nor enough to choose by every fourth."""


def can_be_cut(program: Program) -> bool:
    """True where a step depends on the states alone, which a caller can set, and on its input."""
    ports = (*program.inputs, *program.outputs)
    if not program.streams or not all(port.per_step for port in ports):
        return False
    made = {op.dest for block in program.blocks if block.clock == EVERY_TICK for op in block.ops}
    ops = (op for block in program.blocks for op in block.ops)
    return all(s.given and s.next in made for s in program.states if s.along == 1) and all(
        OPERATIONS[op.kind].timing is Timing.NONE for op in ops
    )


def segments_of(program: Program, feed: Feed) -> int:
    """How many segments each stream has; 0 where it is short, or cannot be cut."""
    streams, calls, steps = feed.shape
    count = steps // SEGMENT
    long = calls == 1 and count > 1 and count * streams >= LEAST_SEGMENTS
    return count if long and not feed.states and can_be_cut(program) else 0


class Passed:
    """What states become at the end of each segment: `next` of a state -> [streams, n] each.

    All streams are to be run at once, from their first step on.
    """

    def __init__(self, program: Program) -> None:
        self.found: dict[str, list[Array]] = {state.next: [] for state in program.settable}
        self._seen = dict.fromkeys(self.found, 0)

    def observe(self, op: Op, args: tuple[Array, ...], result: Array) -> None:
        """Keep what a state becomes at the end of a segment."""
        if op.dest in self._seen:
            self._seen[op.dest] += 1
            if self._seen[op.dest] % SEGMENT == 0:
                self.found[op.dest].append(result)


def in_segments(program: Program, feed: Feed, passed: Passed | None = None) -> Feed:
    """A feed of the float program with one segment after the other as streams, each from the states
    that it has there; as it is where there are none. The rest of a stream that fills no segment is
    left out. passed: what an earlier run of the same streams saw.
    """
    streams, _, _ = feed.shape
    count = segments_of(program, feed)
    if not count:
        return feed
    used = {name: a[:, :, : count * SEGMENT] for name, a in feed.inputs.items()}
    if passed is None:
        passed = Passed(program)
        before = {name: a[:, :, : (count - 1) * SEGMENT] for name, a in used.items()}
        run_numpy(program, replace(feed, inputs=before), passed.observe, exact=False, gives=False)
    inputs = {n: a.reshape(streams * count, 1, SEGMENT, a.shape[-1]) for n, a in used.items()}
    states = {}
    for state in program.settable:
        first = np.tile(state.initial, (streams, 1))
        each = np.stack([first, *passed.found[state.next][: count - 1]], axis=1)
        states[state.name] = each.reshape(streams * count, 1, -1)
    return Feed(inputs, states)
