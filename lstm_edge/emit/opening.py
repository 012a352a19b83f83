"""What a phase does before its loop: reductions start, and rows of tables are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lstm_edge.emit.memory import c_name
from lstm_edge.emit.names import LocalNames
from lstm_edge.emit.nibbles import packed
from lstm_edge.emit.spell import spell
from lstm_edge.emit.view import Constant
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Form, Reduction
from lstm_edge.passes.schedule import Phase, Schedule

LEAST = {True: "-3.402823466e+38f", False: "INT32_MIN"}
"""Where the search for a largest number starts, for float and integers."""
ROW_TYPES = {0: "float", 4: "uint8_t", 8: "int8_t", 16: "int16_t"}
"""By the bits of a number in a table; float32 has none, of 4 bits there are two in a byte."""


@dataclass(frozen=True)
class Opening:
    """lines: (type, name, value) of each variable. best: argmax -> the largest unit so far.
    elements: lookup -> its value for one unit, {unit} in braces. rows: lookup -> the pointer to its
    row, the C type of that, and the variable with its factor, "" where there is none.
    """

    lines: tuple[tuple[str, str, str], ...]
    best: Mapping[str, str]
    elements: Mapping[str, str]
    rows: Mapping[str, tuple[str, str, str]]


def opening(program: Program, phase: Phase, names: LocalNames, read: Mapping[str, str]) -> Opening:
    """The variables of `phase`; read: value -> the pointer to it."""
    lines: list[tuple[str, str, str]] = []
    sum_type = "float" if program.is_float else "int32_t"
    best = {}
    for op in phase.reductions:
        reduction = OPERATIONS[op.kind].reduces
        zero = "0.0f" if program.is_float and reduction is Reduction.TOTAL else "0"
        kind = "int32_t" if reduction is Reduction.INDEX else sum_type
        start = LEAST[program.is_float] if reduction is Reduction.EXTREME else zero
        lines.append((kind, names.of(op.dest), start))
        if reduction is Reduction.INDEX:
            best[op.dest] = names.reserve("best")
            lines.append((sum_type, best[op.dest], LEAST[program.is_float]))
    elements = {}
    found: dict[str, tuple[str, str, str]] = {}
    for op in phase.ops:
        if not _is_lookup(op):
            continue
        matrix = op.matrices[0]
        row, entries = names.reserve("row"), names.reserve("entries")
        number = f"{read[op.args[0]]}[{op.n}]"
        rows = len(program.constants[matrix])
        text = spell(op, [number], is_float=program.is_float, rows=rows)
        lines.append(("const int32_t", row, text))
        row_type = ROW_TYPES[op.count]
        lines.append((f"const {row_type} *const", entries, f"{_array(program, matrix)}[{row}]"))
        elements[op.dest] = f"{entries}[{{unit}}]"
        if op.count == 4:
            elements[op.dest] = f"le_half({entries}, {{unit}})"
        if op.bias:
            factor = names.reserve("factor")
            lines.append(("const int32_t", factor, f"{_array(program, op.bias)}[{row}]"))
            elements[op.dest] += f" * {factor}"
        found[op.dest] = (entries, row_type, factor if op.bias else "")
    return Opening(tuple(lines), best, elements, found)


def _is_lookup(op: Op) -> bool:
    return OPERATIONS[op.kind].form is Form.ROW


def _array(program: Program, constant: str) -> str:
    """The C array of a table or of its factors: several lookups in equal tables share one."""
    numbers = program.constants[constant]
    lookups = (op for block in program.blocks for op in block.ops if _is_lookup(op))
    names = (name for op in lookups for name in (*op.matrices, op.bias) if name)
    first = next(name for name in names if np.array_equal(program.constants[name], numbers))
    return f"{program.name}_{c_name(first)}"


def looked_up(program: Program, plan: Schedule) -> list[Constant]:
    """Tables of the lookups, and the factors of their rows."""
    found: dict[str, Constant] = {}
    for op in (op for phase in plan.phases for op in phase.ops if _is_lookup(op)):
        for name, ctype, what in (
            (op.matrices[0], ROW_TYPES[op.count], "table of an embedding, row by row"),
            (op.bias, "int16_t", "per row of the table: multiplier"),
        ):
            if name:
                array, numbers = _array(program, name), program.constants[name]
                numbers = packed(numbers) if ctype == "uint8_t" else numbers
                found[array] = Constant(array, ctype, numbers.shape, numbers, what)
    return list(found.values())
