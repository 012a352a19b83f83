"""Cut the matrix products of a phase into tiles of four rows.

Rows of a unit that multiply the same vectors go together: all four of an LSTM, of a GRU z and r, n,
and hn. Enough units make a group that fills its tiles: one unit of an LSTM, two rows of two units,
one row of four. Which unit a row belongs to does not matter to a kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, lcm

import numpy as np

from lstm_edge.formats import signed_bits
from lstm_edge.ir.program import Program
from lstm_edge.kernels.kernel import ROWS, Product
from lstm_edge.operations import multiplied, read_by
from lstm_edge.operations.call import Op
from lstm_edge.passes.schedule import Phase

MOST_COLUMNS = 2
"""The multiple that a kernel reads of an operand, at most."""


@dataclass(frozen=True)
class RowSet:
    """Rows of a unit over the same vectors, end to end: one of each matvec.

    operands: names of the vectors, in the order of the columns.
    """

    operands: tuple[str, ...]
    matvecs: tuple[Op, ...]

    @property
    def positions(self) -> int:
        """How often the rows are multiplied, at places of the operands `stride` numbers apart."""
        return self.matvecs[0].positions

    @property
    def stride(self) -> int:
        """See positions."""
        return self.matvecs[0].stride

    @property
    def units(self) -> int:
        """Units whose rows fill a tile, 0 where a unit's rows lie in several."""
        return ROWS // len(self.matvecs) if ROWS % len(self.matvecs) == 0 else 0

    def tiles(self, group: int) -> int:
        """Tiles for a group of units; the last one may have rows of zeros."""
        return -(-len(self.matvecs) * group // ROWS)


def columns_of(program: Program, rows: RowSet) -> tuple[int, ...]:
    """Of each operand, the numbers that a row multiplies."""
    return tuple(program.constants[m].shape[-1] for m in rows.matvecs[0].matrices)


def row_sets(program: Program, phase: Phase) -> tuple[RowSet, ...]:
    """The matvecs of a phase by what they multiply, in the order of the first of each."""
    found: dict[tuple[str, ...], list[Op]] = {}
    for op in phase.matvecs:
        found.setdefault(read_by(op, program.constants), []).append(op)
    return tuple(RowSet(multiplied(ops[0]), tuple(ops)) for ops in found.values())


def group_of(sets: tuple[RowSet, ...], units: int) -> int:
    """Units at a time, so that rows fill tiles: 1, 2 or 4, or all where there are fewer.

    The least number that fills the tiles of all sets: a GRU has 2 rows, 1 and 1 of a unit, hence 4.
    """
    wanted = lcm(*(ROWS // gcd(ROWS, len(rows.matvecs)) for rows in sets))
    return min(wanted, units)


def product_of(program: Program, rows: RowSet) -> Product:
    """What a kernel is asked about these rows, by the bounds of their formats.

    sums holds for any order of summation and for partial sums. Where weights change with the step,
    the sum over all steps counts.
    """
    formats = [program.values[name].format for name in rows.operands]
    lengths = columns_of(program, rows)
    if rows.positions > 1:  # what lies behind them meets weights of 0, but counts for the sum of x
        lengths = tuple(-(-n // MOST_COLUMNS) * MOST_COLUMNS for n in lengths)
    bits = rows.matvecs[0].n
    if program.is_float:
        return Product(bits, 0, 0, 0)
    sums = 0
    for op in rows.matvecs:
        if program.decisions:  # other weights may reach as far as is declared
            sums = max(sums, program.values[op.dest].format.magnitude)
            continue
        reach = np.abs(program.constants[op.bias].astype(np.int64))
        for matrix, fmt in zip(op.matrices, formats, strict=True):
            weights = np.abs(program.constants[matrix].astype(np.int64)).sum(axis=-1)
            reach = reach + weights.reshape(-1, weights.shape[-1]).max(axis=0) * fmt.magnitude
        sums = max(sums, int(reach.max()))
    values = sum(fmt.magnitude * n for fmt, n in zip(formats, lengths, strict=True))
    wide = max(signed_bits(fmt.low, fmt.high) for fmt in formats)
    return Product(bits, wide, sums, values)
