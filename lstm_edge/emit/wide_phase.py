"""A phase on vectors of four units as a C function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.memory import c_name
from lstm_edge.emit.names import LocalNames
from lstm_edge.emit.parameters import Parameters
from lstm_edge.emit.spell import integer_literal
from lstm_edge.emit.view import Block, Constant
from lstm_edge.emit.wide_rows import WideCode, packed_rows
from lstm_edge.emit.wide_tables import wide_table
from lstm_edge.emit.wide_units import Lanes, WideUnits, one_for_all
from lstm_edge.ir.program import Program
from lstm_edge.kernels.mve import UNITS, Role
from lstm_edge.operations import OPERATIONS
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.wide import Wide

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WideConstants:
    """Constants of units: words [vectors, names, 4]. terms: how each reads."""

    words: Ints
    terms: dict[str, Lanes]


def wide_constants(program: Program, phase: Phase) -> WideConstants:
    """The constants that a phase's operations read, vector by vector."""
    used = dict.fromkeys(n for op in phase.ops for n in op.args if n in program.constants)
    terms: dict[str, Lanes] = {}
    columns: list[Ints] = []
    for name in used:
        numbers = program.constants[name].astype(np.int64)
        if program.is_number(name):
            terms[name] = one_for_all(integer_literal(int(numbers[0])))
            continue
        text = f"vldrwq_s32(&constant[{UNITS * len(columns)}])"
        if _multiplies(phase, name):
            terms[name] = Lanes(text, upper=text)
            numbers = numbers << 16
        else:
            terms[name] = Lanes(text)
        columns.append(np.broadcast_to(numbers, (phase.units,)) if len(numbers) == 1 else numbers)
    vectors = -(-phase.units // UNITS)
    words = np.zeros((vectors * UNITS, len(columns)), np.int64)
    if columns:
        words[: phase.units] = np.stack(columns, axis=1)
    return WideConstants(words.reshape(vectors, UNITS, -1).transpose(0, 2, 1), terms)


def _multiplies(phase: Phase, name: str) -> bool:
    """True for what `mulw` multiplies by and nothing else reads."""
    readers = [op for op in phase.ops if name in op.args]
    return all(op.kind == "mulw" and op.args[1] == name != op.args[0] for op in readers)


def arrays_of(program: Program, phase: Phase, wide: Wide) -> tuple[Constant, ...]:
    """The weights of a phase and the constants of its units."""
    array = f"{program.name}_{c_name(phase.name)}"
    found = []
    if wide.sets:
        words = packed_rows(program, phase, wide)
        what = "blocks of 4 rows: biases, then weights, four in a word"
        found.append(Constant(f"{array}_weights", "int32_t", words.shape, words, what))
    constants = wide_constants(program, phase).words
    if constants.size:
        what = "by 4 units: multipliers << 16, and other constants"
        found.append(Constant(f"{array}_constants", "int32_t", constants.shape, constants, what))
    return tuple(found)


def wide_lines(
    program: Program,
    phase: Phase,
    wide: Wide,
    given: Parameters,
    names: LocalNames,
    units: WideUnits,
    functions: WideCode,
) -> list[str | Block]:
    """The lines of the function, but what reductions start from and where they go."""
    array = f"{program.name}_{c_name(phase.name)}"
    constants = wide_constants(program, phase)
    lines: list[str | Block] = []
    running = any(OPERATIONS[op.kind].running for op in phase.matvecs)
    if wide.staged:
        lines.append(f"int8_t staged[{wide.staged}];")
    if wide.sets:
        lines.append(f"int32_t sums[{wide.vectors * wide.rows * UNITS}];")
        lines.append(f"const int32_t *w = {array}_weights{'[step]' if running else ''};")
    if constants.words.size:
        lines.append(f"const int32_t *constant = {array}_constants[0][0];")
    lines += _staging(wide, given, functions.helpers)
    for table, pointers in units.tables.items():
        places = wide_table(program, table).pointers
        for pointer, (ctype, entry) in zip(pointers, places, strict=True):
            lines += [f"const {ctype} *{pointer} = &{entry};", f"LE_KEEP({pointer});"]
    terms = dict(constants.terms)
    calls = _calls(wide, functions)
    exact = vectors_of(phase) % wide.vectors == 0
    middle = UNITS * wide.vectors * (wide.rows - 1) // 2 if exact else 0
    _sums(wide, terms, UNITS * wide.vectors if exact else 0, middle)
    if units.counts:
        lines.append("int32_t at = 0;")
    if units.dead:
        lines.append(f"int32_t there = {phase.units};")
    body = units.lines(terms)
    for pointer, (ctype, name) in units.staying.items():
        lines.append(f"const {ctype} *const {name} = {pointer};")
    body += [f"sum += {UNITS};"] if wide.sets else []
    body += [f"constant += {UNITS * constants.words.shape[1]};"] if constants.words.size else []
    start = f"sums + {middle}" if middle else "sums"
    return [*lines, *_loops(phase, wide, calls, start, tuple(body))]


def _loops(
    phase: Phase, wide: Wide, calls: list[str], start: str, body: tuple[str, ...]
) -> list[str | Block]:
    """A loop over vectors, in one over tiles where there are several."""
    vectors = vectors_of(phase)
    ragged = vectors % wide.vectors
    count = "vectors" if ragged else str(wide.vectors)
    tile: list[str | Block] = [call.replace("{vectors}", count) for call in calls]
    if wide.sets:
        tile += [f"const int32_t *sum = {start};", "LE_KEEP(sum);"]
    tile.append(Block(f"for (int32_t left = {count}; left > 0; left--)", body))
    if vectors <= wide.vectors:
        return tile
    tiles = -(-vectors // wide.vectors)
    if ragged:
        text = f"tile + 1 < {tiles} ? {wide.vectors} : {ragged}"
        row = [f"const int32_t row = {UNITS} * vectors;"] if wide.rows > 1 else []
        tile[:0] = [f"const int32_t vectors = {text};", *row]
    return [Block(f"for (int32_t tile = 0; tile < {tiles}; tile++)", tuple(tile))]


def vectors_of(phase: Phase) -> int:
    """Vectors of four units."""
    return -(-phase.units // UNITS)


def _staging(wide: Wide, given: Parameters, helpers: set[str]) -> list[str]:
    """Copies of the operands, each once."""
    segments = {segment.at: segment for each in wide.sets for segment in each.segments}
    lines = []
    for at, segment in sorted(segments.items()):
        pointer = given.runs[segment.run]
        source = f"{pointer} + {segment.offset}" if segment.offset else pointer
        how = "planes" if segment.role is Role.BOTH else "halves" if segment.halves else "bytes"
        arguments = [source, str(segment.columns), f"staged + {at}" if at else "staged"]
        if how == "bytes":
            arguments.insert(2, str(segment.places))
        helpers.add(f"le_{how}")
        lines.append(f"le_{how}({', '.join(arguments)});")
    return lines


def _calls(wide: Wide, functions: WideCode) -> list[str]:
    """The calls that fill the sums of a tile: row by row, vector by vector."""
    calls = []
    before = 0
    for each in wide.sets:
        rows = len(each.rows.matvecs)
        target = f"sums + {UNITS * before} * {{vectors}}" if before else "sums"
        for start, what in each.calls:
            x = f"staged + {start}" if start else "staged"
            blocks = f"{rows} * {{vectors}}" if rows > 1 else "{vectors}"
            calls.append(f"w = {functions.name(what)}(w, {x}, {target}, {blocks});")
        before += rows
    return calls


def _sums(wide: Wide, terms: dict[str, Lanes], row: int, middle: int) -> None:
    """How the sums of a vector read. row: words of a row in a tile, 0 where tiles differ. middle:
    where the pointer is, since an offset has few bits.
    """
    at = 0
    for each in wide.sets:
        for op in each.rows.matvecs:
            offset = at * row - middle
            place = f"sum {'-' if offset < 0 else '+'} {abs(offset)}" if offset else "sum"
            if not row and at:
                place = f"sum + {at} * row"
            terms[op.dest] = Lanes(f"vldrwq_s32({place})")
            at += 1
