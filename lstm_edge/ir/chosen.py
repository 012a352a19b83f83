"""The formats of a program that were chosen, not computed, as lines to show."""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.choices import Why
from lstm_edge.ir.program import Program


@dataclass(frozen=True)
class FormatLine:
    """A value as it is stored, `why` with this range. scales: the smallest and the largest real
    value of 1 of its numbers.
    """

    name: str
    length: int
    format: str
    scales: tuple[float, float]
    why: Why


def format_lines(program: Program) -> tuple[FormatLine, ...]:
    """In the order of the program, none of float32. What becomes a state is stored as that is."""
    inputs = {port.value: f"input {port.name}" for port in program.inputs}
    renewed = {state.next for state in program.states}
    found = []
    for name, why in program.chosen.items():
        if name in renewed:
            continue
        value = program.values[name]
        scales = abs(value.format.scales(value.length))
        ends = (float(scales.min()), float(scales.max()))
        shown = inputs.get(name, name)
        found.append(FormatLine(shown, value.length, value.format.describe(), ends, why))
    return tuple(found)
