"""First values of states that follow from others."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.interpret.execute import initial_state, set_state
from lstm_edge.ir.program import LOAD, Program


def with_derived_initials(program: Program) -> Program:
    """The program with the narrow form of a state that is kept twice starting as if the wide one
    had been set: rounded once more, not from the real number.
    """
    if not any(block.sweep == LOAD for block in program.blocks):
        return program
    first = set_state(program, initial_state(program, 1), {})
    states = tuple(replace(s, initial=first[s.name][0]) for s in program.states)
    return replace(program, states=states)
