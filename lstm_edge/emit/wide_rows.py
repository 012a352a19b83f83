"""The kernels for vectors of units as a model needs them, and their weights as these read them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lstm_edge.emit.view import Array
from lstm_edge.ir.program import Program
from lstm_edge.kernels.mve import BYTES, UNITS, Role, Rows, pack
from lstm_edge.operations import OPERATIONS
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.wide import Wide, WideRows


class WideCode:
    """What a model's lines call: functions of rows, and helpers by name.

    phases: whether there are any lines at all.
    """

    def __init__(self) -> None:
        self._names: dict[Rows, str] = {}
        self.helpers: set[str] = set()
        self.phases = False

    def name(self, rows: Rows) -> str:
        """The function for such rows."""
        return self._names.setdefault(rows, f"le_rows_{len(self._names) + 1}")

    @property
    def kernels(self) -> tuple[str, ...]:
        """Names of the kernels that they are made of."""
        return tuple(sorted({f"mve/int{rows.weight_bits}" for rows in self._names}))

    def code(self) -> list[str]:
        """A definition each."""
        return ["\n".join(_definition(name, rows)) for rows, name in self._names.items()]


def _definition(name: str, rows: Rows) -> Iterator[str]:
    taken = sum(piece.registers for piece in rows.pieces)
    what = "on top of what is there" if not rows.first else "from the biases"
    yield f"/* {rows.columns} columns, {what}. */"
    steps = " \\\n".join(f"    {line}" for line in _pair(rows))
    yield f"#define {name.upper()}(a, b) \\\n{steps}"
    start = "LE_BIASES" if rows.first else "LE_GO_ON"
    end = "LE_SKIP" if rows.skips else "LE_NO_MORE"
    yield f"LE_ROWS({name}, LE_TAKE_{taken}, {start}, {name.upper()}, {end})"


def _pair(rows: Rows) -> Iterator[str]:
    """What is done for two rows, piece by piece of their columns."""
    lanes = "s16" if rows.halves else "s8"
    kernel = f"LE_INT{rows.weight_bits}" + ("_HALVES" if rows.halves else "")
    before, register, aside = "", 0, "NEW"
    for piece in rows.pieces:
        x, low = f"q{register}", f"q{register + 1}"
        if piece.role is Role.LOW:
            now = [f"LE_ADD({lanes}, a, q6, {x})"]
            last = f"LE_ADD({lanes}, b, q7, {x})"
        else:
            now = [f"LE_{aside}({lanes}, r2, q6, {x})"]
            last = f"LE_{aside}({lanes}, r12, q7, {x})"
            aside = "ADD"
        if piece.role is Role.BOTH:
            now += [f"LE_ADD({lanes}, a, q6, {low})", last]
            last = f"LE_ADD({lanes}, b, q7, {low})"
        yield f"LE_PIECE({kernel}, {piece.columns}, {before}, {' '.join(now)})"
        before = last
        register += piece.registers
    yield before
    if rows.aside:
        yield f"LE_SHIFTED(a, b, {rows.places})"
    if rows.weight_bits == 4 and rows.last:
        yield "LE_INT4_APART(a, b)"


def packed_rows(program: Program, phase: Phase, wide: Wide) -> Array:
    """The words of a phase, tile by tile: [n], or [steps, n] where weights change with the step."""
    running = OPERATIONS[phase.matvecs[0].kind].running
    steps = len(program.constants[phase.matvecs[0].matrices[0]]) if running else 1
    made = []
    for step in range(steps):
        words: list[Array] = []
        size = UNITS * wide.vectors
        for first in range(0, phase.units, size):
            units = range(first, min(first + size, phase.units))
            for each in wide.sets:
                words += _set(program, each, units, step)
        made.append(np.concatenate([*words, np.zeros(BYTES // 4, np.int64)]))
    return np.stack(made) if running else made[0]


def _set(program: Program, each: WideRows, units: range, step: int) -> Iterator[Array]:
    """Blocks of four units for each call of a tile: row by row, vector by vector."""
    column = 0
    for _, rows in each.calls:
        for row in range(len(each.rows.matvecs)):
            for vector in range(units.start, units.stop, UNITS):
                weights, biases = _block(program, each, row, range(vector, units.stop), step)
                part = weights[:, column : column + rows.columns]
                yield pack(part, biases, rows)
        column += rows.columns


def _block(
    program: Program, each: WideRows, row: int, units: range, step: int
) -> tuple[Array, Array]:
    """Weights [4, columns] and biases [4] of a row of four units; zeros of those not there."""
    op = each.rows.matvecs[row]
    running = OPERATIONS[op.kind].running
    matrices = [program.constants[m] for m in op.matrices]
    whole = np.concatenate([m[step] if running else m for m in matrices], axis=1).astype(np.int64)
    there = units[:UNITS]
    weights = np.zeros((UNITS, whole.shape[1]), np.int64)
    biases = np.zeros(UNITS, np.int64)
    weights[: len(there)] = whole[list(there)]
    if not (running and step):
        biases[: len(there)] = program.constants[op.bias][list(there)]
    return weights, biases
