"""Which value of the float program each integer value stands for."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.passes.calibrate import Ranges


def with_meanings(
    program: Program, seen_as: Mapping[str, str], ranges: Ranges, scaled: Container[str]
) -> Program:
    """The program with `stands_for`: integer value -> the value of the float program that it is.

    seen_as: those that have another name there; all others have the same. `ranges` lists the values
    of the float program. Left out is what cannot be read by its format alone: values in the scales
    of an input's features (`scaled`), and sums of products before they are requantized.
    """
    made = {op.dest: op.kind for block in program.blocks for op in block.ops}
    sums = {name for name, kind in made.items() if OPERATIONS[kind].multiplies}
    sums |= {state.name for state in program.states if state.next in sums}
    found = {}
    for name in program.values:
        seen = seen_as.get(name, name)
        if seen in ranges.low and name not in sums and name not in scaled:
            found[name] = seen
    return replace(program, stands_for=found)
