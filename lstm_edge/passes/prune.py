"""Leave out what nobody reads: of a value that is kept in two forms, the one without a reader."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.ir.needed import needed
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op


def prune(program: Program) -> Program:
    """The program without operations of which no output and no state depends on the result."""
    wanted = {port.value for port in program.outputs}
    wanted |= {n for state in program.states for n in (state.next, state.given, state.begins)}
    placed = [(k, op) for k, block in enumerate(program.blocks) for op in block.ops]
    kept, _ = needed(placed, wanted, lambda at: at[1].args, lambda at: (at[1].dest,))
    ops: dict[int, list[Op]] = {}
    for k, op in kept:
        ops.setdefault(k, []).append(op)
    dropped = {op.dest for _, op in placed} - {op.dest for _, op in kept}
    return replace(
        program,
        blocks=tuple(replace(program.blocks[k], ops=tuple(found)) for k, found in ops.items()),
        values={name: v for name, v in program.values.items() if name not in dropped},
    )
