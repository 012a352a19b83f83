"""Programs as a core's dialect has them: with joined operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op
from lstm_edge.passes.fuse import fuse
from lstm_edge.passes.schedule import Phase, schedule


def wanted(phase: Phase) -> frozenset[str]:
    """Results that others read."""
    return frozenset((*phase.stores, *(name for op in phase.reductions for name in op.args)))


def fused_phases(program: Program) -> Iterator[tuple[Phase, tuple[Op, ...]]]:
    """Phases with the operations that the lines of a dialect compute."""
    for phase in schedule(program).phases:
        yield phase, fuse(program, phase.ops, wanted(phase))


def fused(program: Program) -> Program:
    """The program in which joined operations stand for those that they join."""
    gone: set[str] = set()
    instead: dict[str, tuple[Op, ...]] = {}
    for phase, ops in fused_phases(program):
        before = [op.dest for op in phase.ops]
        gone |= set(before)
        after = {op.dest: op for op in ops}
        instead |= {name: (op,) for name, op in after.items()}
    blocks = []
    for block in program.blocks:
        made: list[Op] = []
        for op in block.ops:
            made += instead.get(op.dest, () if op.dest in gone else (op,))
        blocks.append(replace(block, ops=tuple(made)))
    return replace(program, blocks=tuple(blocks))
