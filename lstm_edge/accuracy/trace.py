"""What every layer gives at every step, in float and in integers, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.accuracy.compared import compared
from lstm_edge.interpret.feed import Feed, stored_feed, walk_calls
from lstm_edge.ir.program import ONCE, Program
from lstm_edge.operations.call import Op

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ValueTrace:
    """A state or result of a layer. real: of the float network; stored: the device's integers;
    integer: the real numbers that these stand for. All are [samples, steps, units].
    """

    layer: str
    name: str
    real: Array
    integer: Array
    stored: Array


def trace(program: Program, reference: Program, feed: Feed) -> tuple[ValueTrace, ...]:
    """Every value that both programs have, in the order of the program. feed: of real numbers.

    Calls of a stream follow each other along the axis of steps.
    """
    shown = compared(program, reference, feed)
    stored = _walked(program, stored_feed(program, feed), {b.ours: b.length for b in shown})
    real = _walked(reference, feed, {b.real: b.length for b in shown})
    return tuple(
        ValueTrace(
            both.layer,
            both.name,
            real[both.real].astype(np.float32),
            program.values[both.ours].format.real(stored[both.ours]).astype(np.float32),
            stored[both.ours],
        )
        for both in shown
    )


def _walked(program: Program, feed: Feed, lengths: dict[str, int]) -> dict[str, Array]:
    """Value -> [streams, calls * length, n]; lengths: of a value, the steps of one call."""
    streams, calls, _ = feed.shape
    now: dict[str, Array] = {}

    def observe(op: Op, args: tuple[Array, ...], result: Array) -> None:
        if op.dest in lengths:
            now[op.dest] = result

    clocks = program.clock_of
    kind = np.float32 if program.is_float else np.int64
    found = {
        name: np.zeros((streams, calls * length, program.values[name].length), kind)
        for name, length in lengths.items()
    }
    with np.errstate(over="ignore", invalid="ignore"):
        for call, (_, t) in walk_calls(program, feed, observe):
            for name, numbers in now.items():
                sweep, clock = clocks[name]
                at = 0 if sweep == ONCE else clock.step(t)
                found[name][:, call * lengths[name] + at] = numbers
            now.clear()
    return found
