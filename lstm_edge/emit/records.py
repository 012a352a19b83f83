"""Constants of units: in the stream behind their tile, in arrays of records, or as literals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.dialects.dialect import Dialect
from lstm_edge.emit.dialects.term import Term, plain
from lstm_edge.emit.memory import c_name
from lstm_edge.emit.names import LocalNames
from lstm_edge.emit.products import Products
from lstm_edge.emit.spell import literal
from lstm_edge.emit.view import Constant
from lstm_edge.ir.program import Program
from lstm_edge.operations import shift_counts
from lstm_edge.operations.call import Op
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.widths import ctype_of

Array = npt.NDArray[Any]

TYPES = {"multiplier": "int16_t", "shift": "int8_t", "constant": "int32_t"}
"""Arrays of records, and their types where these are integers."""


@dataclass(frozen=True)
class Row:
    """The pointer to a unit's records. alone: there is one a unit, so that the array is flat."""

    name: str
    ctype: str
    array: str
    alone: bool

    def at(self, unit: str) -> str:
        """The C expression of what it points to."""
        element = f"{self.array}[{unit}]"
        return f"&{element}" if self.alone else element


@dataclass(frozen=True)
class Records:
    """The constants of a phase.

    streamed: [units, words] in the stream. arrays: of records, in plain C. rows: the pointers to a
    unit's. texts: constant -> its text for each unit, or one for all.
    """

    streamed: Array
    arrays: tuple[Constant, ...]
    rows: tuple[Row, ...]
    texts: Mapping[str, tuple[Term, ...]]
    streams: bool

    def lines(self, unit: str) -> tuple[str, ...]:
        """The pointers to a unit's records."""
        return tuple(f"const {row.ctype} *const {row.name} = {row.at(unit)};" for row in self.rows)

    def terms(self, number: int | None) -> dict[str, Term]:
        """Constant -> how it reads for a unit."""
        return {
            name: texts[(number or 0) if len(texts) > 1 else 0]
            for name, texts in self.texts.items()
        }

    @property
    def advance(self) -> tuple[str, ...]:
        """The line that goes from a unit's constants in the stream to what is behind them."""
        words = self.streamed.shape[1] if self.streams else 0
        return (f"w += {words};",) if words else ()


def records_of(
    program: Program,
    phase: Phase,
    ops: tuple[Op, ...],
    products: Products,
    dialect: Dialect,
    names: LocalNames,
    straight: bool,
) -> Records:
    """The constants that a phase's operations read. straight: as literals."""
    used = dict.fromkeys(n for op in ops for n in op.args if n in program.constants)
    texts: dict[str, tuple[Term, ...]] = {}
    varying = []
    for name in used:
        numbers = program.constants[name]
        if straight or program.is_number(name):
            texts[name] = tuple(plain(literal(v, program.is_float)) for v in numbers)
        else:
            varying.append(name)
    if products.streams:
        return _stream(program, phase, ops, dialect, tuple(varying), texts)
    arrays, rows = [], []
    records: dict[str, list[str]] = {}
    for name in varying:
        records.setdefault(_kind(program, ops, name), []).append(name)
    for record, members in records.items():
        array = f"{program.name}_{c_name(phase.name)}_{record}"
        ctype = "float" if program.is_float else TYPES[record]
        numbers = np.stack([_each(program, phase, n) for n in members], axis=1)
        numbers = numbers[:, 0] if len(members) == 1 else numbers
        comment = "per unit: " + ", ".join(n.split(".", 1)[-1] for n in members)
        arrays.append(Constant(array, ctype, numbers.shape, numbers, comment))
        pointer = names.reserve(record)
        rows.append(Row(pointer, ctype, array, len(members) == 1))
        texts |= {name: (plain(f"{pointer}[{k}]"),) for k, name in enumerate(members)}
    return Records(np.zeros((0, 0), np.int64), tuple(arrays), tuple(rows), texts, False)


def _stream(
    program: Program,
    phase: Phase,
    ops: tuple[Op, ...],
    dialect: Dialect,
    varying: tuple[str, ...],
    texts: dict[str, tuple[Term, ...]],
) -> Records:
    """Multipliers as the dialect packs them, then all others as words."""
    multipliers = [n for n in varying if _only_multiplies(program, ops, n)]
    words: list[Array] = []
    if multipliers:
        each = (_each(program, phase, n).astype(np.int64) for n in multipliers)
        stacked = np.stack(tuple(each), axis=1)
        words.append(dialect.packed(stacked))
    per_word = 2 if dialect.pairs else 1
    for k, name in enumerate(multipliers):
        texts[name] = (dialect.multiplier(f"w[{k // per_word}]", k % per_word == 1),)
    start = sum(w.shape[1] for w in words)
    others = [n for n in varying if n not in multipliers]
    for k, name in enumerate(others, start):
        texts[name] = (plain(f"w[{k}]"),)
    kind = np.float32 if program.is_float else np.int64
    words += [_each(program, phase, n).astype(kind)[:, None] for n in others]
    streamed = np.concatenate(words, axis=1) if words else np.zeros((phase.units, 0), kind)
    return Records(streamed, (), (), texts, True)


def _each(program: Program, phase: Phase, name: str) -> Array:
    """A constant unit by unit."""
    numbers = program.constants[name]
    return np.broadcast_to(numbers, (phase.units,)) if len(numbers) == 1 else numbers


def _only_multiplies(program: Program, ops: tuple[Op, ...], name: str) -> bool:
    """True for what `mulw` multiplies by and nothing else reads: it has 16 bits.

    Only such a one may lie in half a word: instructions take the half, no line has to take it out.
    """
    places = {"mulw": 1, "mulw_plus": 1, "mulw_add": 2}
    for op in ops:
        for k, arg in enumerate(op.args):
            if arg == name and places.get(op.kind) != k:
                return False
    numbers = program.constants[name]
    return bool(np.abs(numbers).max() < 2**15) and ctype_of(program, name) == "int16_t"


def _kind(program: Program, ops: tuple[Op, ...], name: str) -> str:
    if any(name in shift_counts(op) for op in ops):
        return "shift"
    return "multiplier" if ctype_of(program, name) == "int16_t" else "constant"
