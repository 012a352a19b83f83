"""Which values of a program can be compared with its float reference, and where they are shown."""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.clock import EVERY_TICK
from lstm_edge.ir.program import ONCE, Program


@dataclass(frozen=True)
class Both:
    """A value that both programs have. name: of the state that it becomes, else of the value in the
    float program. ours, real: its names in the programs. length: its steps in one call.
    """

    layer: str
    name: str
    ours: str
    real: str
    length: int


def compared(program: Program, reference: Program, feed: Feed) -> tuple[Both, ...]:
    """States, and what one layer reads of another or an output shows, where both programs have it,
    in the order of the program.
    """
    clocks = program.clock_of
    layer_of = {op.dest: b.layer for b in program.blocks for op in b.ops if b.sweep >= ONCE}
    read = {
        name
        for block in program.blocks
        for op in block.ops
        for name in op.args
        if layer_of.get(name, block.layer) != block.layer
    }
    read |= {port.value for port in program.outputs}
    state_of = {s.next: s.name for s in program.states if not s.accumulator}
    in_reference = reference.clock_of
    _, _, steps = feed.shape
    found = []
    for name, layer in layer_of.items():
        seen = program.stands_for.get(name, "")
        if seen not in in_reference or name not in read | state_of.keys():
            continue
        sweep, _ = clocks.get(name, (ONCE, EVERY_TICK))
        length = 1 if sweep == ONCE else program.length_of(name).of(steps)
        found.append(Both(layer, state_of.get(name, seen), name, seen, length))
    return tuple(found)
