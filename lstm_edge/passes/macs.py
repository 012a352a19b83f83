"""Multiply-accumulates of a program's layers, from its matrices: the numbers in them, times how
often their layer runs. Profile, compile and manifest mean this.
"""

from __future__ import annotations

from collections.abc import Iterable

from lstm_edge.ir.program import ONCE, Program
from lstm_edge.passes.schedule import Phase, schedule


def macs_of_step(program: Program, phases: Iterable[Phase], steps: int) -> float:
    """Of a step, on the mean over a sequence of so many: what runs once counts in its share."""
    return sum(_macs(program, phase, steps) for phase in phases) / steps


def macs_by_layer(program: Program, steps: int) -> tuple[float, ...]:
    """Of each phase of the schedule, in one call on so many steps."""
    return tuple(_macs(program, phase, steps) for phase in schedule(program).phases)


def _macs(program: Program, phase: Phase, steps: int) -> float:
    return float(_once(program, phase) * times(program, phase, steps))


def _once(program: Program, phase: Phase) -> int:
    """Of one run of the phase."""
    total = 0
    for op in phase.matvecs:
        numbers = sum(program.constants[name].size for name in op.matrices) * op.positions
        over_time = op.kind == "matvec_over_time"
        total += numbers // (len(program.constants[op.matrices[0]]) if over_time else 1)
    return total


def times(program: Program, phase: Phase, steps: int) -> int:
    """How often a phase runs in a sequence of so many steps."""
    if phase.sweep < 0:
        return int(phase.sweep == ONCE)
    ticks = program.lengths[phase.sweep].of(steps)
    return sum(phase.clock.runs(tick, ticks) for tick in range(ticks + phase.clock.extra))
