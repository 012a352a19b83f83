"""Long streams, cut into segments that are run side by side.

A step of one stream takes about as long as one of sixteen. The float program is run once from end
to end, and its states are kept where segments begin: from there all programs go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
    return all(s.given and s.next in made for s in program.states) and all(
        OPERATIONS[op.kind].timing is Timing.NONE for op in ops
    )


def in_segments(program: Program, feed: Feed) -> Feed:
    """A feed of the float program with one segment after the other as streams, each from the states
    that it has there; as it is where it is short or cannot be cut. The rest of a stream that fills
    no segment is left out.
    """
    streams, calls, steps = feed.shape
    count = steps // SEGMENT
    if calls > 1 or feed.states or count * streams < LEAST_SEGMENTS or not can_be_cut(program):
        return feed
    if count < 2:
        return feed
    used = {name: a[:, :, : count * SEGMENT] for name, a in feed.inputs.items()}
    passed = _Passed(program)
    before = {name: a[:, :, : (count - 1) * SEGMENT] for name, a in used.items()}
    run_numpy(program, replace(feed, inputs=before), passed.observe, exact=False)
    inputs = {n: a.reshape(streams * count, 1, SEGMENT, a.shape[-1]) for n, a in used.items()}
    states = {
        state.name: np.stack(
            [np.tile(state.initial, (streams, 1)), *passed.found[state.next]], axis=1
        ).reshape(streams * count, 1, -1)
        for state in program.settable
    }
    return Feed(inputs, states)


@dataclass
class _Passed:
    """What states are at the ends of segments: the value that they take -> [streams, n] each."""

    program: Program
    found: dict[str, list[Array]] = field(init=False)
    seen: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.found = {state.next: [] for state in self.program.settable}
        self.seen = dict.fromkeys(self.found, 0)

    def observe(self, op: Op, args: tuple[Array, ...], result: Array) -> None:
        """Keep one of a state at the end of a segment."""
        if op.dest in self.found:
            self.seen[op.dest] += 1
            if self.seen[op.dest] % SEGMENT == 0:
                self.found[op.dest].append(result)
