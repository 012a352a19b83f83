"""States that go along positions within a step: what follows from them, position by position."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.program import Block, Program, State
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Call, Moment, Op, pieces
from lstm_edge.operations.record import Function

Array = npt.NDArray[Any]
Meant = tuple[Op, Function]
Watch = Callable[[Op, tuple[Array, ...], Array], None]


@dataclass(frozen=True)
class Carried:
    """The states of a block, all of which go along as many positions."""

    program: Program
    block: Block
    states: tuple[State, ...]

    @cached_property
    def inside(self) -> frozenset[str]:
        """Results that are computed from the states."""
        found = {state.name for state in self.states}
        for op in self.block.ops:
            if not found.isdisjoint(op.args):
                found.add(op.dest)
        return frozenset(found)

    def run(
        self, calls: list[Meant], values: dict[str, Array], moment: Moment, observe: Watch | None
    ) -> None:
        """Run operations of `inside`, in their order; results, and the states of all positions, go
        to `values`.
        """
        positions = self.states[0].along
        made: dict[str, list[Array]] = {op.dest: [] for op, _ in calls}
        before: dict[str, list[Array]] = {}
        for state in self.states:
            first = state.initial[: len(state.initial) // positions]
            before[state.name] = [np.tile(first, (moment.samples, 1))]
        for position in range(positions):
            for op, function in calls:
                args = tuple(
                    (made.get(name) or before.get(name) or [])[position]
                    if name in self.inside
                    else self._piece(op, k, position, values)
                    for k, name in enumerate(op.args)
                )
                call = Call(replace(op, positions=1), args, values, moment)
                made[op.dest].append(function(*OPERATIONS[op.kind].bind(call)))
            for state in self.states:
                before[state.name].append(made[state.next][position])
        for state in self.states:
            values[state.name] = np.concatenate(before[state.name][:-1], axis=-1)
        for op, _ in calls:
            values[op.dest] = np.concatenate(made[op.dest], axis=-1)
            if observe is not None:
                observe(op, tuple(values[name] for name in op.args), values[op.dest])

    def _piece(self, op: Op, k: int, position: int, values: Mapping[str, Array]) -> Array:
        """What an operation reads at a position of an operand from outside."""
        array, positions = values[op.args[k]], self.states[0].along
        if OPERATIONS[op.kind].multiplies:
            columns = values[op.matrices[k]].shape[-1]
            return pieces(op, array, columns)[..., position, :]
        units = self.program.values[op.dest].length // positions
        if array.shape[-1] in (1, units):  # one number, or a constant that repeats
            return array
        return array[..., position * units : (position + 1) * units]
