"""Which value of the float program each integer value stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import Ranges


def with_meanings(program: Program, seen_as: Mapping[str, str], ranges: Ranges) -> Program:
    """The program with `stands_for`: integer value -> the value of the float program that it is.

    seen_as: those that have another name there; all others have the same. "" is for values in the
    scales of an input's features, which cannot be read by their format alone. Left out are these,
    and sums of products before they are requantized. `ranges` lists the values of the float
    program.
    """
    sums = {product.dest for product in program.products}
    sums |= {state.name for state in program.states if state.next in sums}
    found = {}
    for name in program.values:
        seen = seen_as.get(name, name)
        if seen in ranges.low and name not in sums:
            found[name] = seen
    return replace(program, stands_for=found)
