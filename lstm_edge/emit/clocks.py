"""How clocks and lengths are written in C."""

from __future__ import annotations

from lstm_edge.ir.clock import EVERY_TICK, Clock, Length
from lstm_edge.ir.program import Program


def suffix_of(program: Program, sweep: int, clock: Clock) -> str:
    """What names of a clock's variables end in; "" for every step of the model's sequence."""
    known: list[tuple[int, Clock]] = []
    for block in program.blocks:
        key = (block.sweep, block.clock)
        if block.sweep < 0 or key in known:
            continue
        if block.clock != EVERY_TICK or program.lengths[block.sweep] != Length():
            known.append(key)
    return f"_{known.index((sweep, clock)) + 1}" if (sweep, clock) in known else ""


def step_text(clock: Clock) -> str:
    """The C expression of a step's number at tick t."""
    late = f"(t - {clock.first})" if clock.first else "t"
    if clock.stride > 1:
        return f"{late} / {clock.stride}"
    return late


def length_text(length: Length, steps: str) -> str:
    """The C expression of a length."""
    if length == Length():
        return steps
    sign, offset = ("+", length.offset) if length.offset >= 0 else ("-", -length.offset)
    moved = f"({steps} {sign} {offset})" if offset else steps
    return f"{moved} / {length.stride} + 1" if length.stride > 1 else f"{moved} + 1"


def has_clocks(program: Program) -> bool:
    """True where some blocks do not run at every step."""
    return any(block.clock != EVERY_TICK for block in program.blocks)
