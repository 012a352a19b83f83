"""Tables of functions as a dialect stores them, and the helper functions that read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.dialects.dialect import Dialect
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class StoredTable:
    """A table of 513 entries as 512 words. most: fractional bits that ways are stored for, at least
    those of the finest use. flat: the first and the last way are 0. lines: an entry is where the
    line of its segment is at 0, so that a whole number, not its fraction, is multiplied by the way.
    """

    numbers: Ints
    most: int
    flat: bool
    lines: bool


@dataclass(frozen=True)
class Reader:
    """A function that interpolates: `n` as in `numerics.table`; of_half: in a >> 1.

    factor: what the way is multiplied by, a number of `shift` fractional bits.
    """

    name: str
    n: int
    of_half: bool
    flat: bool
    lines: bool
    factor: str
    scale: int

    @property
    def shift(self) -> int:
        """The fractional bits of its argument."""
        return self.n + self.of_half

    @property
    def reach(self) -> int:
        """Bits of a number within the table."""
        return self.shift + 9


def stored_tables(
    program: Program, dialect: Dialect, uses: Iterable[Op]
) -> Mapping[str, StoredTable]:
    """The tables that the dialect can keep as words, by name; uses: the table operations
    that count.
    """
    if dialect.tables is None:
        return {}
    finest: dict[str, int] = {}
    for op in uses:
        shift = op.n + (op.kind == "half_table")
        finest[op.table] = max(finest.get(op.table, 0), shift)
    found = {}
    for name, most in finest.items():
        entries = program.constants[name].astype(np.int64)
        ways = np.diff(entries)
        steepest = int(np.abs(ways).max())
        while dialect.tables.scaled and most <= 16 and steepest << (16 - most) >= 2**15:
            most += 1
        if most <= dialect.tables.most_bits and steepest < 2**15:
            scale = 1 << (16 - most) if dialect.tables.scaled else 1
            firsts = _at_zero(entries, ways, most, half=dialect.tables.half)
            lines = firsts is not None
            numbers = dialect.tables.words(entries[:-1] if firsts is None else firsts, ways * scale)
            found[name] = StoredTable(_signed(numbers), most, not (ways[0] or ways[-1]), lines)
    return found


def _at_zero(entries: Ints, ways: Ints, most: int, *, half: bool) -> Ints | None:
    """Where the line of each segment is at 0, None where that or a product would not fit.

    In segment k, that is a >> n, the fraction is a - (k << n), so that
    entry + (way * fraction >> n) = entry - way * k + (way * a >> n). half: all is modulo 2 ** 16.
    """
    k = np.arange(len(ways)) - len(ways) // 2
    firsts = entries[:-1] - ways * k
    farthest = np.maximum(np.abs(k), np.abs(k + 1)) << most
    fits = bool(np.all((firsts >= -(2**15)) & (firsts < 2**15)))
    fits = fits and int((np.abs(ways) * farthest).max()) < 2**31
    return firsts if half or fits else None


def reader(dialect: Dialect, table: StoredTable, op: Op) -> Reader:
    """The function for one use of a table."""
    of_half = op.kind == "half_table"
    shift = op.n + of_half
    raised = table.most - shift if dialect.tables is not None and dialect.tables.scaled else 0
    mask = (1 << shift) - 1 - of_half
    factor = f"(int32_t)((uint32_t)a << {raised})" if raised else "a"
    if not table.lines:
        factor += f" & {mask << raised:#x}"
    elif of_half:
        factor += f" & -{2 << raised}"
    name = f"le_table{op.n}" + (f"_of_{table.most}" if raised else "")
    name += ("_of_half" if of_half else "") + ("" if table.flat else "_clamped")
    scale = 1 << (16 - table.most) if dialect.tables is not None and dialect.tables.scaled else 1
    name += f"_by_{scale}" if scale not in (1, 4) and not raised else ""
    name += "" if table.lines else "_by_entries"
    return Reader(name, op.n, of_half, table.flat, table.lines, factor, scale)


def _signed(numbers: Ints) -> Ints:
    low = numbers & 0xFFFFFFFF
    return np.asarray(np.where(low >= 2**31, low - 2**32, low))
