"""What the code around a kernel computes for each unit, as the target's dialect has it."""

from __future__ import annotations

from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op
from lstm_edge.passes.fuse import fuse
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.select import Tiles


def operations_of(
    program: Program, phase: Phase, tiles: Tiles | None, *, fuses: bool
) -> tuple[Op, ...]:
    """The operations of a phase but those that its kernel does. fuses: whether some are joined."""
    done = {each.result for each in tiles.scalings.values()} if tiles else set()
    ops = tuple(op for op in phase.ops if op.dest not in done)
    return fuse(program, ops, _wanted(phase)) if fuses else ops


def _wanted(phase: Phase) -> frozenset[str]:
    """Results that are stored or reduced."""
    return frozenset((*phase.stores, *(name for op in phase.reductions for name in op.args)))
