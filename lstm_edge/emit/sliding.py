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
    if op.positions > 1:
        return _at_positions(program, phase, function, given, elements)
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


def _at_positions(
    program: Program, phase: Phase, function: str, given: Parameters, elements: Elements
) -> PhaseView:
    """The same of a vector with several positions: each has its own place in the window."""
    op = phase.ops[0]
    window = given.read[op.args[0]]
    ctype = given.types[window]
    size = program.values[op.args[1]].length // op.positions
    first, kept = op.count * op.stride, op.positions * op.stride - size
    pad = literal(program.constants[op.args[2]][0], program.is_float)
    cast = "" if ctype in ("int32_t", "float") else f"({ctype})"
    entering = elements.term(op.args[1], f"position * {size} + unit").full
    behind = f"behind ? {pad} : " if phase.clock.extra > op.n else ""
    text = f"{cast}({behind}{entering})"
    target = f"{window}[{first + op.stride - size} + position * {op.stride} + unit]"
    inner = Block(f"for (int32_t unit = 0; unit < {size}; unit++)", (f"{target} = {text};",))
    start = f"&{window}[{first}]" if first else window
    move = f"(void)memmove({start}, &{window}[{first + size}], {kept}u * sizeof {window}[0]);"
    fill = f"for (int32_t unit = 0; unit < {phase.units}; unit++)"
    lines: tuple[str | Block, ...] = (
        Block("if (step == 0)", (Block(fill, (f"{window}[unit] = {cast}{pad};",)),)),
        *((Block("else", (move,)),) if kept else ()),
        Block(f"for (int32_t position = 0; position < {op.positions}; position++)", (inner,)),
    )
    frames = op.stride // size
    return PhaseView(
        function,
        f"{phase.name}: the last {frames} vectors of {c_name(op.args[1])}, position by position",
        given.declared,
        given.arguments,
        given.sides,
        flat(lines),
        (),
    )


def _room(window: str, pad: str, kept: int, size: int) -> tuple[str, ...]:
    """The lines that make room for a vector, or fill the window anew."""
    return (
        "if (step == 0) {",
        f"    for (int32_t unit = 0; unit < {kept}; unit++) {{",
        f"        {window}[unit] = {pad};",
        "    }",
        "} else {",
        f"    (void)memmove({window}, &{window}[{size}], {kept}u * sizeof {window}[0]);",
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
