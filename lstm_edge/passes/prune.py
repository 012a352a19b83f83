"""Leave out what nobody reads: of a value that is kept in two forms, the one without a reader."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.ir.program import Block, Program
from lstm_edge.operations.call import Op


def prune(program: Program) -> Program:
    """The program without operations of which no output and no state depends on the result."""
    read = {port.value for port in program.outputs}
    read |= {name for state in program.states for name in (state.next, state.given)}
    blocks: list[Block] = []
    dropped: set[str] = set()
    for block in reversed(program.blocks):
        kept: list[Op] = []
        for op in reversed(block.ops):
            if op.dest in read:
                kept.append(op)
                read.update(op.args)
            else:
                dropped.add(op.dest)
        if kept:
            blocks.append(replace(block, ops=tuple(reversed(kept))))
    values = {name: v for name, v in program.values.items() if name not in dropped}
    return replace(program, blocks=tuple(reversed(blocks)), values=values)
