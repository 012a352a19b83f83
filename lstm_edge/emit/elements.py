"""Numbers that a phase reads from memory, unit by unit; a model's input is limited to its range.

An input may be anything that its type holds; `interpret/execute.py` limits it in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.emit.dialects.term import Term, plain
from lstm_edge.emit.parameters import Parameters
from lstm_edge.emit.speller import Speller
from lstm_edge.emit.view import Block
from lstm_edge.formats import Format, whole_range
from lstm_edge.ir.program import Program
from lstm_edge.passes.schedule import Phase


@dataclass(frozen=True)
class Elements:
    """Reads of one phase."""

    program: Program
    speller: Speller
    phase: Phase
    given: Parameters

    def term(self, value: str, index: str) -> Term:
        """Number `index` of a value."""
        pointer = self.given.read[value]
        text = f"{pointer}[{index}]"
        limits = self._limits(value)
        if limits is None:
            return plain(text)
        return plain(self.speller.limited(text, limits.low, limits.high))

    def copied(self, value: str, pointer: str, ctype: str, units: int) -> list[str | Block]:
        """The lines that copy a value."""
        source = self.given.read[value]
        limits = self._limits(value)
        bits = 16 if limits is None else _bits(limits)
        types = (self.given.types[source], ctype)
        if self.speller.dialect.pairs and types == ("int16_t", "int16_t") and bits is not None:
            self.speller.takes.add(bits)
            return [f"le_take{bits}({source}, {pointer}, {units});"]
        if self._widens(value, ctype):
            return [self._widening(value, pointer, 0, units)]
        text = self.term(value, "unit").full
        text = text if ctype in ("int32_t", "float", types[0]) else f"({ctype}){text}"
        if limits is not None and ctype not in ("int32_t", "float"):
            text = f"({ctype}){self.term(value, 'unit').full}"
        head = f"for (int32_t unit = 0; unit < {units}; unit++)"
        return [Block(head, (f"{pointer}[unit] = {text};",))]

    def shifted(self) -> list[str | Block]:
        """The lines of a phase that only shifts an int8 vector left; none for any other phase."""
        phase = self.phase
        if phase.matvecs or phase.reductions or len(phase.ops) != 1 or not phase.stores:
            return []
        op, targets = phase.ops[0], self.given.written[phase.stores[0]]
        if op.kind != "shift" or op.n >= 0 or phase.loads != op.args[:1]:
            return []
        value = op.args[0]
        if not all(self._widens(value, ctype) for _, ctype in targets):
            return []
        return [self._widening(value, pointer, -op.n, phase.units) for pointer, _ in targets]

    def _widens(self, value: str, ctype: str) -> bool:
        """True where the dialect makes halfwords of a vector of bytes, two at a time."""
        types = (self.given.types[self.given.read[value]], ctype)
        pairs = self.speller.dialect.pairs and self._limits(value) is None
        return pairs and types == ("int8_t", "int16_t")

    def _widening(self, value: str, pointer: str, places: int, units: int) -> str:
        self.speller.widenings.add(places)
        return f"le_widen{places}({self.given.read[value]}, {pointer}, {units});"

    def _limits(self, value: str) -> Format | None:
        """The range of an input, where its type holds more."""
        port = next((p for p in self.program.inputs if p.value == value), None)
        if port is None or self.program.is_float:
            return None
        fmt = self.program.values[value].format
        full = whole_range(self.given.types[self.given.read[value]])
        return None if (fmt.low, fmt.high) == full else fmt


def _bits(fmt: Format) -> int | None:
    """n where a format holds just the integers of n bits."""
    bits = fmt.high.bit_length() + 1
    exact = (fmt.low, fmt.high) == (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    return bits if exact else None
