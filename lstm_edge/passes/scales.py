"""Which sums a kernel can scale itself: those that are only multiplied by one number per row.

The multipliers follow the tile in the stream, and the kernel has the sums in registers anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.passes.schedule import Phase


@dataclass(frozen=True)
class Scaling:
    """`result` is `mulw` of a sum and the multipliers of its rows, a constant."""

    result: str
    multipliers: str


def scalings(program: Program, phase: Phase) -> Mapping[str, Scaling]:
    """Matvec -> what becomes of its sum; empty where some sum of the phase is wanted as it is.

    A kernel scales all four sums of a tile or none, and a tile may have rows of any matvec.
    """
    found = {}
    for op in phase.matvecs:
        readers = [o for o in (*phase.ops, *phase.reductions) if op.dest in o.args]
        alone = len(readers) == 1 and op.dest not in phase.stores
        if not alone or OPERATIONS[op.kind].running or not _scales(program, readers[0], op.dest):
            return {}
        found[op.dest] = Scaling(readers[0].dest, readers[0].args[1])
    return found


def _scales(program: Program, op: Op, total: str) -> bool:
    return op.kind == "mulw" and op.args[0] == total and op.args[1] in program.constants
