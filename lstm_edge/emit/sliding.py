"""A window that takes in a vector, as a C function: its numbers move up, the vector goes behind."""

from __future__ import annotations

from lstm_edge.emit.memory import c_name, ctype_of
from lstm_edge.emit.spell import literal, spell
from lstm_edge.emit.view import Body, Constant, Line, PhaseView
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op
from lstm_edge.passes.schedule import Phase


def sliding_view(
    program: Program,
    phase: Phase,
    function: str,
    signature: tuple[list[str], list[str], dict[str, str]],
) -> PhaseView:
    """The view of a phase of one slide. signature: parameters, arguments, and pointers by value."""
    parameters, arguments, pointers = signature
    op = phase.ops[0]
    window, ctype = pointers[op.args[0]], ctype_of(program, op.args[0])
    size = program.values[op.args[1]].length
    kept = phase.units - size
    pad, constants = _pad(program, phase, op)
    stored = pad if ctype in ("int32_t", "float") else f"({ctype}){pad}"
    entering = f"{pointers[op.args[1]]}[unit - {kept}]" if kept else f"{pointers[op.args[1]]}[unit]"
    behind = f"behind ? {stored} : " if phase.clock.extra > op.n else ""
    text = spell(op, ("", entering, ""), is_float=program.is_float, behind=behind)
    return PhaseView(
        function,
        f"{phase.name}: the last {phase.units // size} vectors of {c_name(op.args[1])}",
        tuple(parameters),
        tuple(arguments),
        phase.sweep,
        phase.units,
        "float" if program.is_float else "int32_t",
        None,
        (),
        (),
        (Body("unit", (), (), (Line("", f"{window}[unit] = {text}"),)),),
        (),
        (),
        tuple(constants),
        first=kept,
        before=_room(window, stored, kept, size) if kept else ("(void)step;",),
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
