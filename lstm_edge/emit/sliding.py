"""A window that takes in a vector, as a C function: its numbers move up, the vector goes behind."""

from __future__ import annotations

from lstm_edge.emit.elements import Elements
from lstm_edge.emit.memory import c_name
from lstm_edge.emit.parameters import Parameters
from lstm_edge.emit.spell import literal, spell
from lstm_edge.emit.view import Block, Constant, PhaseView, flat
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op
from lstm_edge.passes.schedule import Phase


def sliding_view(
    program: Program, phase: Phase, function: str, given: Parameters, elements: Elements
) -> PhaseView:
    """The view of a phase of one slide."""
    op = phase.ops[0]
    window = given.read[op.args[0]]
    ctype = given.types[window]
    size = program.values[op.args[1]].length
    kept = phase.units - size
    pad, constants = _pad(program, phase, op)
    cast = "" if ctype in ("int32_t", "float") else f"({ctype})"
    entering = elements.term(op.args[1], f"unit - {kept}" if kept else "unit").full
    behind = f"behind ? {pad} : " if phase.clock.extra > op.n else ""
    text = spell(op, ("", entering, ""), is_float=program.is_float, behind=behind)
    text = f"{cast}({text})" if cast and behind else f"{cast}{text}"
    head = f"for (int32_t unit = {kept}; unit < {phase.units}; unit++)"
    before = _room(window, f"{cast}{pad}", kept, size) if kept else ("(void)step;",)
    return PhaseView(
        function,
        f"{phase.name}: the last {phase.units // size} vectors of {c_name(op.args[1])}",
        given.declared,
        given.arguments,
        given.sides,
        (*before, *flat((Block(head, (f"{window}[unit] = {text};",)),))),
        tuple(constants),
    )


def _room(window: str, pad: str, kept: int, size: int) -> tuple[str, ...]:
    """The lines that make room for a vector, or fill the window anew."""
    return (
        "if (step == 0) {",
        f"    for (int32_t unit = 0; unit < {kept}; unit++) {{",
        f"        {window}[unit] = {pad};",
        "    }",
        "} else {",
        f"    memmove({window}, &{window}[{size}], {kept} * sizeof {window}[0]);",
        "}",
    )


def _pad(program: Program, phase: Phase, op: Op) -> tuple[str, list[Constant]]:
    """The text of what pads the window at `unit`, and the array that it needs."""
    numbers = program.constants[op.args[2]]
    if len(numbers) == 1:
        return literal(numbers[0], program.is_float), []
    array = f"{program.name}_{c_name(phase.name)}_pad"
    ctype = "float" if program.is_float else "int32_t"
    return f"{array}[unit]", [Constant(array, ctype, numbers.shape, numbers, "what pads a window")]
