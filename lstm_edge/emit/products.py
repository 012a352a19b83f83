"""The matrix products of a phase in C: what is called for a group of units, and what it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lstm_edge.emit.memory import c_name
from lstm_edge.emit.names import LocalNames
from lstm_edge.emit.parameters import Parameters
from lstm_edge.emit.spell import literal
from lstm_edge.emit.stream import Tile, packed_group
from lstm_edge.emit.view import Array, Block, Constant
from lstm_edge.ir.program import Program
from lstm_edge.kernels.kernel import ROWS, Kernel
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.passes.operands import Run
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.select import Tiles

WEIGHT_TYPES = {0: "float", 4: "uint8_t", 8: "int8_t", 16: "int16_t"}
"""Of plain C, by the bits of a weight; float32 has none, of 4 bits there are two in a byte."""


@dataclass
class Products:
    """The products of one phase; without any, all is empty."""

    program: Program
    phase: Phase
    chosen: Tiles | None
    given: Parameters
    names: LocalNames
    operands: dict[Run, str] = field(default_factory=dict)
    structs: dict[int, str] = field(default_factory=dict)

    @property
    def kernel(self) -> Kernel | None:
        """The kernel, None where there are no products or they are straight-line code."""
        return None if self.chosen is None else self.chosen.kernel

    @property
    def streams(self) -> bool:
        """True where constants are in the stream."""
        return self.kernel is not None and self.kernel.streams

    @property
    def group(self) -> int:
        """Units at a time."""
        return 1 if self.chosen is None else self.chosen.group

    @property
    def over_time(self) -> tuple[Op, ...]:
        """Matvecs whose weights change with the step."""
        return tuple(op for op in self.phase.matvecs if OPERATIONS[op.kind].running)

    @property
    def calls(self) -> tuple[Tile, ...]:
        """All tiles of a group in the order of the stream. In plain C a row's parts share a sum."""
        if self.chosen is None or self.kernel is None:
            return ()
        found, at = [], 0
        for k, (rows, runs) in enumerate(zip(self.chosen.sets, self.chosen.runs, strict=True)):
            for tile in range(rows.tiles(self.group)):
                for number, run in enumerate(runs):
                    if number and self.streams:
                        at += ROWS
                    found.append(Tile(k, tile, number, run, at))
                at += ROWS
        return tuple(found)

    @property
    def at_once(self) -> bool:
        """True where each tile's sums are used at once, in a struct."""
        return self.streams and self.chosen is not None and self.chosen.sums == 0

    def opening(self) -> Iterator[str]:
        """Lines before the loop: the weights, and operands of their own."""
        kernel = self.kernel
        if kernel is None:
            return
        step = "[step]" if self.over_time else ""
        array = f"{self.program.name}_{c_name(self.phase.name)}"
        if not kernel.streams:
            yield f"const {self.weight_type} *w = {array}_weights{step};"
            yield f"const {self.sum_type} *bias = {array}_bias;"
            return
        if self.at_once:
            self.structs = {call.at: self.names.reserve("sums") for call in self.calls}
        runs = sorted(dict.fromkeys(call.run for call in self.calls), key=lambda r: r.length)
        totals: dict[Run, str] = {}
        for run in runs:
            pointer = self.given.runs[run]
            self.operands[run] = self.names.reserve(f"{pointer}_operand")
            totals[run] = self.names.reserve(f"{pointer}_sum")
            parts = _halves(run, totals)
            text = " + ".join(parts) if parts else f"le_sum({pointer}, {run.length})"
            yield f"const int32_t {totals[run]} = {text};"
            symbol, ones = f"LE_{kernel.symbol.upper()}", run.length // kernel.columns
            text = f"LE_OPERAND({symbol}, {pointer}, {ones}, {totals[run]})"
            yield f"const le_operand {self.operands[run]} = {text};"
        yield f"const int32_t *w = {array}_weights{step};"

    @property
    def weight_type(self) -> str:
        """C type of the weights in plain C."""
        return WEIGHT_TYPES[self.phase.matvecs[0].n]

    @property
    def sum_type(self) -> str:
        """C type of sums and biases."""
        return "float" if self.program.is_float else "int32_t"

    @property
    def function(self) -> str:
        """The function in plain C, by the types that it multiplies."""
        types = (self.weight_type, self.value_type)
        weights = "int4" if self.phase.matvecs[0].n == 4 else types[0].removesuffix("_t")
        return f"le_rows_{weights}_{types[1].removesuffix('_t')}"

    @property
    def value_type(self) -> str:
        """C type of the numbers of an operand."""
        return self.given.types[self.given.runs[self.calls[0].run]]

    def tiles(self) -> tuple[str | Block, ...]:
        """The lines that compute a group's sums."""
        if self.kernel is None:
            return ()
        if not self.streams:
            return self._plain_tiles()
        if not self.at_once:
            return tuple(f"le_store(&sums[{c.at}], {self._rows4(c)});" for c in self.calls)
        return tuple(f"const le_sums {self.structs[c.at]} = {self._rows4(c)};" for c in self.calls)

    def _plain_tiles(self) -> tuple[str | Block, ...]:
        """In plain C: from the biases on, part after part of a row."""
        size = max(call.at for call in self.calls) + ROWS
        lines: list[str | Block] = [f"{self.sum_type} sums[{size}];"]
        lines += ["memcpy(sums, bias, sizeof sums);", f"bias += {size};", *self._running()]
        for call in self.calls:
            pointer = self.given.runs[call.run]
            arguments = f"w, {pointer}, {call.run.length}, &sums[{call.at}]"
            lines.append(f"w = {self.function}({arguments});")
        return tuple(lines)

    def _rows4(self, call: Tile) -> str:
        assert self.kernel is not None
        return f"le_{self.kernel.symbol}(&w, &{self.operands[call.run]})"

    def _running(self) -> list[str | Block]:
        """In plain C the sum over the steps so far comes first; float32 counts on that order."""
        lines: list[str | Block] = []
        for op in self.over_time:
            pointer = self.given.read[op.args[0]]
            first = "unit" if self.group == 1 else "group"
            whole = self.phase.units % self.group == 0
            more = "" if whole else f" && {first} + k < {self.phase.units}"
            target = self._index(op, "k")
            loop = Block(
                f"for (int32_t k = 0; k < {self.group}{more}; k++)",
                (f"sums[{target}] = {pointer}[{first} + k];",),
            )
            lines.append(Block("if (step != 0)", (loop,)))
        return lines

    def _place(self, op: Op) -> tuple[int, int, int]:
        """The set of a matvec, its row among those of a unit, and how many a unit has."""
        assert self.chosen is not None
        for k, rows in enumerate(self.chosen.sets):
            if op in rows.matvecs:
                return k, rows.matvecs.index(op), len(rows.matvecs)
        raise AssertionError(op.dest)

    def _bases(self, rows: int, tile: int) -> list[int]:
        """Where the sums of a tile begin, one for each part that has sums of its own."""
        return list(dict.fromkeys(c.at for c in self.calls if (c.rows, c.tile) == (rows, tile)))

    def sums(self, unit: int) -> dict[str, str]:
        """Matvec -> the text of its sum, for a unit of the group."""
        found = {}
        for op in self.phase.matvecs:
            if self.kernel is None:
                found[op.dest] = self.names.of(op.dest)
                continue
            k, row, count = self._place(op)
            tile, at = divmod(unit * count + row, ROWS)
            bases = self._bases(k, tile)
            if self.streams:
                found[op.dest] = " + ".join(f"{self.structs[base]}.s{at}" for base in bases)
            else:
                found[op.dest] = f"sums[{bases[0] + at}]"
            if len(bases) > 1:
                found[op.dest] = f"({found[op.dest]})"
        return found

    def sums_at(self, index: str) -> dict[str, str]:
        """The same for the unit that a variable counts, from an array."""
        found = {}
        for op in self.phase.matvecs:
            text = self._index(op, index)
            found[op.dest] = text if text.startswith("(") else f"sums[{text}]"
        return found

    def _index(self, op: Op, index: str) -> str:
        """Where in the array a sum is; a text in parentheses where it is a sum of several."""
        k, row, count = self._place(op)
        bases = [c.at for c in self.calls if c.rows == k and c.tile == 0]
        factor = f"{count} * {index}" if count > 1 else index
        parts = list(dict.fromkeys(bases))
        if len(parts) > 1:
            return self._spread(k, row, count, index)
        return f"{factor} + {parts[0] + row}" if parts[0] + row else factor

    def _spread(self, k: int, row: int, count: int, index: str) -> str:
        """Several parts, each with sums of its own, tile by tile: q / 4 tiles of 4 * parts."""
        assert self.chosen is not None
        parts = len(self.chosen.runs[k])
        first = min(c.at for c in self.calls if c.rows == k)
        place = f"{count} * {index} + {row}"
        texts = [
            f"sums[({place}) / 4 * {ROWS * parts} + ({place}) % 4 + {first + ROWS * part}]"
            for part in range(parts)
        ]
        return f"({' + '.join(texts)})"

    def constants(self, streamed: Array) -> tuple[Constant, ...]:
        """The arrays of weights and biases; streamed: words of each unit."""
        if self.chosen is None or self.kernel is None:
            return ()
        array = f"{self.program.name}_{c_name(self.phase.name)}"
        parts = packed_group(self.program, self.phase, self.chosen, self.calls, streamed)
        ctype = "int32_t" if self.streams else self.weight_type
        comment = "tiles of 4 rows, constants of their units behind them" if self.streams else ""
        found = [
            Constant(
                f"{array}_weights",
                ctype,
                parts.words.shape,
                parts.words,
                comment or "tiles of 4 rows, column by column",
            )
        ]
        if not self.streams:
            biases: Array = parts.biases
            found.append(
                Constant(f"{array}_bias", self.sum_type, biases.shape, biases, "per row of a tile")
            )
        return tuple(found)

    @property
    def unused(self) -> tuple[str, ...]:
        """Pointers that straight-line code does not read, since all weights are 0."""
        read = {pointer for k in range(self.phase.units) for pointer, _, _ in self._terms(k)}
        return tuple(dict.fromkeys(p for p in self.given.runs.values() if p not in read))

    def straight(self, unit: int) -> tuple[str, ...]:
        """Multiply-accumulates of one unit with its weights as literals, but those that are 0."""
        is_float = self.program.is_float
        lines = [
            f"{self.sum_type} {self.names.of(op.dest)} = "
            f"{literal(self.program.constants[op.bias][unit], is_float)};"
            for op in self.phase.matvecs
        ]
        for pointer, (name, number), column in self._terms(unit):
            lines.append(f"{name} += {number} * {pointer}[{column}];")
        return tuple(lines)

    def _terms(self, unit: int) -> Iterator[tuple[str, tuple[str, str], int]]:
        if self.chosen is None:
            return
        is_float = self.program.is_float
        for rows, runs in zip(self.chosen.sets, self.chosen.runs, strict=True):
            first = 0
            for run in runs:
                column = 0
                for number in range(first, first + run.values):
                    length = self.program.values[rows.operands[number]].length
                    for k in range(length):
                        for op in rows.matvecs:
                            weight = self.program.constants[op.matrices[number]][unit, k]
                            if weight != 0 or is_float:
                                text = (self.names.of(op.dest), literal(weight, is_float))
                                yield self.given.runs[run], text, column + k
                    column += length
                first += run.values


def _halves(run: Run, totals: Mapping[Run, str]) -> list[str]:
    """The sums of two operands that make up this one, if there are such."""
    here = [other for other in totals if (other.array, other.after) == (run.array, run.after)]
    for first in here:
        for second in here:
            follows = second.offset == first.offset + first.length
            whole = first.length + second.length == run.length
            if follows and whole and first.offset == run.offset:
                return [totals[first], totals[second]]
    return []


def products_of(
    program: Program,
    phase: Phase,
    tiles: Tiles | None,
    given: Parameters,
    names: LocalNames,
) -> Products:
    """The products of a phase."""
    return Products(program, phase, tiles, given, names)
