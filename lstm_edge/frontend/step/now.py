"""What a step reads of its own number: rings that come round, and tables of all steps.

A ring is a state that is moved by one place at each step: exact in any format, and for sequences of
any length. A table is a vector for each step of sequences of one length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Axis, View
from lstm_edge.frontend.model.operators.pending import step_table, steps_counted
from lstm_edge.frontend.model.walk import OnnxNode, Walk
from lstm_edge.frontend.step.body import Read
from lstm_edge.frontend.step.counted import LONGEST_ROUND, Array, Counted, rings_of
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.place import StateIn
from lstm_edge.frontend.step.symbols import Symbols


class NewRing(Exception):
    """A ring was met that is no state yet: the step is to be read again, with it."""


class Numbers:
    """The rings and tables of one node with a body."""

    def __init__(self, walk: Walk, node: OnnxNode) -> None:
        self.walk, self.node = walk, node
        self.rings: dict[bytes, StateIn] = {}
        self._tables: dict[tuple[bytes, str], View] = {}

    def ring(
        self,
        counted: Counted,
        more: Callable[[int], Array | None],
        before: dict[str, Symbols],
        leaves: Leaves,
    ) -> Symbols | None:
        """The number of this step of what comes round, from the states before it; None for any
        other. more: the numbers of so many steps. Raises NewRing.
        """
        period = counted.period
        if period is None or period > LONGEST_ROUND:
            return None
        long = len(counted.numbers) >= period
        numbers = counted.numbers[:period] if long else more(period)
        found = None if numbers is None else rings_of(numbers)
        if found is None:
            return None
        rings, which = found
        known = len(self.rings)
        for ring in rings:
            if len(ring) > 1 and ring.tobytes() not in self.rings:
                name = f"phase{len(self.rings)}"
                state = StateIn(name, ring, f"{name} before", f"{name} after")
                self.rings[ring.tobytes()] = state
        if len(self.rings) > known:
            raise NewRing
        firsts = [
            before[self.rings[ring.tobytes()].before] if len(ring) > 1 else leaves.lift(ring)
            for ring in rings
        ]
        leaf, unit = (
            np.array([tensor.reshape(-1)[0] for tensor in tensors])[which]
            for tensors in ([f.leaf for f in firsts], [f.unit for f in firsts])
        )
        return Symbols(leaf, unit).moved(lambda a: a.reshape(counted.numbers.shape[1:]))

    def table(self, numbers: Array, beside: Read) -> Read:
        """A sequence of the numbers of all steps, beside one that the step reads."""
        view, walk, steps = beside.view, self.walk, len(numbers)
        time = self.fitting(beside, steps)
        walk.fix_time(self.node)
        rows = numbers.reshape(steps, -1).astype(np.float64)
        rows = rows[::-1] if beside.backward else rows
        key = (rows.tobytes(), view.tensor)
        if key not in self._tables:
            named = replace(view, pending=self.node.label)
            made = step_table(walk, named, steps_counted(walk, named, steps), rows)
            feature = walk.new_axis("units", rows.shape[1], "feature")
            self._tables[key] = View(made, (time, feature))
        return Read(self._tables[key], 0, beside.backward)

    def fitting(self, read: Read, steps: int) -> Axis:
        """The axis of time of a sequence, which has so many steps; where any number, the walk
        starts again with that.
        """
        assert read.axis is not None
        time = read.view.axes[read.axis]
        if any(a.open for a in self.walk.pieces(time)) or read.view.shape[read.axis] != steps:
            raise self.walk.need_size(
                self.node,
                time,
                steps,
                f"has numbers for {steps} steps, and a sequence of {read.view.shape[read.axis]}; "
                "give both the same length",
            )
        return time

    def without_length(self) -> ModelError:
        """The error of numbers that do not come round, for sequences of any length."""
        return self.node.error(
            "computes with the number of the step, which grows without end in sequences of any "
            "length; say how long they are (--steps), take it modulo a constant, or make what it "
            "computes an input, with a number for each step"
        )
