"""Writes operations in a dialect, one a line, and keeps which helper functions the lines call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lstm_edge.emit.dialects.dialect import Dialect, Spelling
from lstm_edge.emit.dialects.tables import Reader, StoredTable, reader
from lstm_edge.emit.dialects.term import Term
from lstm_edge.emit.spell import helpers_of, spell
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op


@dataclass
class Speller:
    """The lines of one model. tables: those that the dialect keeps as words.

    helpers: names of functions; saturations: bits, and those that are dropped before; readers: of
    tables; takes: bits; widenings: bits that int8 numbers are shifted left by.
    """

    program: Program
    dialect: Dialect
    tables: Mapping[str, StoredTable]
    helpers: set[str] = field(default_factory=set)
    saturations: set[tuple[int, int]] = field(default_factory=set)
    readers: dict[str, Reader] = field(default_factory=dict)
    takes: set[int] = field(default_factory=set)
    widenings: set[int] = field(default_factory=set)

    def text(self, op: Op, terms: list[Term], **names: object) -> tuple[str, bool]:
        """The C expression of an operation, and whether only its lower half is the number."""
        if op.kind in ("table", "half_table") and op.table in self.tables:
            return self._table(op, terms[0])
        if op.kind == "saturate" and self.dialect.ssat:
            return f"{self.saturate(op.n)}({terms[0].full})", False
        if op.kind == "saturate_shift" and self.dialect.ssat:
            self.saturations.add((op.n, op.count))
            return f"le_saturate{op.n}_of_{op.count}({terms[0].full})", False
        spelling = self.dialect.spellings.get(op.kind)
        if spelling is None:
            return self._common(op, terms, names)
        return self._own(op, terms, spelling)

    def called(self, op: Op) -> None:
        """The lines call the common helpers of an operation."""
        self.helpers |= helpers_of([op], is_float=self.program.is_float)

    def saturate(self, bits: int) -> str:
        """The function that limits a number to so many bits."""
        self.saturations.add((bits, 0))
        return f"le_saturate{bits}"

    def limited(self, text: str, low: int, high: int) -> str:
        """A number limited to low .. high."""
        bits = high.bit_length() + 1
        if self.dialect.ssat and low == -high - 1 and high == (1 << (bits - 1)) - 1:
            return f"{self.saturate(bits)}({text})"
        self.helpers.add("le_clamp")
        return f"le_clamp({text}, {low}, {high})"

    def _own(self, op: Op, terms: list[Term], spelling: Spelling) -> tuple[str, bool]:
        last = terms[-1]
        shifted = last.high and (not last.low or self.dialect.raised)
        if spelling.upper is not None and shifted:
            spelling = spelling.upper
        if spelling.helper:
            self.helpers.add(spelling.helper)
        safe = [Term(t.full, t.low or t.full, t.high) for t in terms]
        return spelling.text.format(*safe, count=op.count, n=op.n), False

    def _table(self, op: Op, term: Term) -> tuple[str, bool]:
        table, text = self.tables[op.table], term.full
        if op.kind == "half_table" and self.dialect.tables and not self.dialect.tables.halves:
            op, text = replace(op, kind="table"), f"{text} >> 1"
        read = reader(self.dialect, table, op)
        self.readers[read.name] = read
        if not table.flat and self.dialect.ssat:
            self.saturations.add((read.reach, 0))
        half = self.dialect.tables is not None and self.dialect.tables.half
        return f"{read.name}(&{self.program.name}_{op.table}[256], {text})", half

    def _common(self, op: Op, terms: list[Term], names: Mapping[str, object]) -> tuple[str, bool]:
        table = {"table": f"{self.program.name}_{op.table}"} if op.table else {}
        args = [term.full for term in terms]
        text = spell(op, args, is_float=self.program.is_float, **table, **names)
        self.called(op)
        return text, False
