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
from lstm_edge.passes.curved import curved_tiles
from lstm_edge.passes.operands import Run
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.select import Tiles
from lstm_edge.passes.tiles import columns_of

WEIGHT_TYPES = {0: "float", 4: "uint8_t", 8: "int8_t", 16: "int16_t"}
"""Of plain C, by the bits of a weight; float32 has none, of 4 bits there are two in a byte."""


@dataclass
class Products:
    """The products of one phase; without any, all is empty.

    operands: part of an operand -> the variable that tells a kernel of it. structs: tile -> the
    variable with its sums, of those that are used at once. curved: of some of these the variable
    with their sigmoids. All are filled by `opening`, which is to be called first.
    """

    program: Program
    phase: Phase
    chosen: Tiles | None
    given: Parameters
    names: LocalNames
    operands: dict[Run, str] = field(default_factory=dict)
    structs: dict[Tile, str] = field(default_factory=dict)
    curved: dict[str, str] = field(default_factory=dict)

    @property
    def kernel(self) -> Kernel | None:
        """The kernel, None where there are no products or they are straight-line code."""
        return None if self.chosen is None else self.chosen.kernel

    @property
    def streams(self) -> bool:
        """True where constants are in the stream."""
        return self.kernel is not None and self.kernel.streams

    @property
    def copied(self) -> frozenset[Run]:
        """Parts of operands that do not begin with a word at each position, where the kernel wants
        that: they are copied.
        """
        if self.chosen is None or self.kernel is None:
            return frozenset()
        every = (run for runs in self.chosen.runs for run in runs)
        return frozenset(run for run in every if not self.kernel.begins_at(run.step))

    @property
    def group(self) -> int:
        """Units at a time."""
        return 1 if self.chosen is None else self.chosen.group

    @property
    def over_time(self) -> tuple[Op, ...]:
        """Matvecs whose weights change with the step."""
        return tuple(op for op in self.phase.matvecs if OPERATIONS[op.kind].running)

    @property
    def kept(self) -> tuple[Tile, ...]:
        """Tiles whose sums a group keeps for all its units. In plain C a row's parts share one."""
        if self.chosen is None or self.kernel is None:
            return ()
        found, at = [], 0
        for k, runs in enumerate(self.chosen.runs):
            if self.streams and self.chosen.at_once[k]:
                continue
            for tile in range(self.chosen.sets[k].tiles(self.group)):
                for part, run in enumerate(runs):
                    if part and self.streams:
                        at += ROWS
                    found.append(Tile(k, tile, part, run, at))
                at += ROWS
        return tuple(found)

    @property
    def used_at_once(self) -> tuple[Tile, ...]:
        """Tiles for the units of an inner group, whose sums are used as soon as they are there."""
        if self.chosen is None or not self.streams:
            return ()
        found = []
        for k, runs in enumerate(self.chosen.runs):
            for tile in range(self.chosen.sets[k].tiles(self.inner)):
                if self.chosen.at_once[k]:
                    found += [Tile(k, tile, part, run, 0) for part, run in enumerate(runs)]
        return tuple(found)

    @property
    def inner(self) -> int:
        """Units whose sums are used together."""
        return 1 if self.chosen is None else self.chosen.inner

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
        self.structs = {tile: self.names.reserve("sums") for tile in self.used_at_once}
        curved = curved_tiles(self.phase, self.chosen) if self.chosen else frozenset()
        for tile, name in self.structs.items():
            if (tile.rows, tile.tile) in curved:
                self.curved[name] = self.names.reserve(f"{name}_sigmoid")
        every = (*self.kept, *self.used_at_once)
        runs = sorted(dict.fromkeys(tile.run for tile in every), key=lambda r: r.length)
        totals: dict[Run, str] = {}
        for run in runs:
            pointer = self.given.runs[run]
            self.operands[run] = self.names.reserve(f"{pointer}_operand")
            if run in self.copied:
                piece = self.names.reserve(f"{pointer}_piece")
                halves, whole = (
                    f"int16_t numbers[{run.length}]",
                    f"int32_t words[{run.length // 2}]",
                )
                yield f"union {{ {whole}; {halves}; }} {piece};"
                yield f"le_take16({pointer}, {piece}.numbers, {run.length});"
                pointer = f"{piece}.numbers"
            symbol, ones = f"LE_{kernel.symbol.upper()}", run.length // kernel.columns
            if kernel.is_float:
                text = f"LE_OPERAND({symbol}, {pointer}, {ones})"
                yield f"const le_operand {self.operands[run]} = {text};"
                continue
            totals[run] = self.names.reserve(f"{self.given.runs[run]}_sum")
            parts = _halves(run, totals)
            text = " + ".join(parts) if parts else f"le_sum({pointer}, {run.length})"
            yield f"const int32_t {totals[run]} = {text};"
            text = f"LE_OPERAND({symbol}, {pointer}, {ones}, {totals[run]})"
            yield f"const le_operand {self.operands[run]} = {text};"
        yield f"const {self.sum_type} *w = {array}_weights{step};"

    @property
    def weight_type(self) -> str:
        """C type of the weights in plain C."""
        return WEIGHT_TYPES[self.phase.matvecs[0].n]

    @property
    def sum_type(self) -> str:
        """C type of sums and biases."""
        return "float" if self.program.is_float else "int32_t"

    @property
    def functions(self) -> Mapping[str, str]:
        """The functions in plain C that are called, with the C type of what they multiply."""
        types = [self.given.types[self.given.runs[tile.run]] for tile in self.kept]
        return {self._function(ctype): ctype for ctype in types}

    def _function(self, ctype: str) -> str:
        """The function in plain C for operands of a type."""
        weights = "int4" if self.phase.matvecs[0].n == 4 else self.weight_type.removesuffix("_t")
        return f"le_rows_{weights}_{ctype.removesuffix('_t')}"

    def kept_tiles(self) -> tuple[str | Block, ...]:
        """The lines that compute the sums that a group keeps."""
        if self.kernel is None:
            return ()
        if not self.streams:
            return self._plain_tiles()
        return tuple(f"le_store(&sums[{c.at}], {self._rows4(c)});" for c in self.kept)

    def tiles_at_once(self, units: int = 0) -> tuple[str, ...]:
        """The lines that compute the sums that an inner group uses at once. units: how many are
        there, where these are fewer; what no unit reads is a step in the stream only.
        """
        lines = []
        for call in self.used_at_once:
            own = len(self.chosen.sets[call.rows].matvecs) if self.chosen else 0
            name, rows = self.structs[call], self._rows4(call)
            if call.tile * ROWS >= own * (units or self.inner):
                lines.append(f"{rows};")
                continue
            lines.append(f"const le_sums {name} = {rows};")
            if name in self.curved:
                lines.append(f"const le_sums {self.curved[name]} = le_sigmoid4({name});")
        return tuple(lines)

    def sigmoid_of(self, text: str) -> str:
        """Where the sigmoid of a sum is there already; "" for all others."""
        struct, _, lane = text.partition(".")
        return f"{self.curved[struct]}.{lane}" if struct in self.curved else ""

    def _plain_tiles(self) -> tuple[str | Block, ...]:
        """In plain C: from the biases on, part after part of a row."""
        size = max(call.at for call in self.kept) + ROWS
        lines: list[str | Block] = [f"{self.sum_type} sums[{size}];"]
        lines += ["(void)memcpy(sums, bias, sizeof sums);", f"bias += {size};", *self._running()]
        for call in self.kept:
            pointer = self.given.runs[call.run]
            arguments = f"w, {pointer}, {call.run.length}, &sums[{call.at}]"
            function = self._function(self.given.types[pointer])
            lines.append(f"w = {function}({arguments});")
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

    def sums(self, unit: int, index: str = "") -> dict[str, str]:
        """Matvec -> the text of its sum, for a unit of the inner group; the variable `index` says
        which unit of the group that begins with.
        """
        found = {}
        for op in self.phase.matvecs:
            if self.kernel is None:
                found[op.dest] = self.names.of(op.dest)
                continue
            k, row, count = self._place(op)
            tile, at = divmod(unit * count + row, ROWS)
            structs = [s for t, s in self.structs.items() if (t.rows, t.tile) == (k, tile)]
            if structs:
                text = " + ".join(f"{struct}.s{at}" for struct in structs)
                found[op.dest] = f"({text})" if len(structs) > 1 else text
            else:
                text = self._index(op, index, unit)
                found[op.dest] = text if text.startswith("(") else f"sums[{text}]"
        return found

    def _index(self, op: Op, index: str, unit: int = 0) -> str:
        """Where in the array a sum is; a text in parentheses where it is a sum of several."""
        k, row, count = self._place(op)
        bases = list(dict.fromkeys(c.at for c in self.kept if c.rows == k and c.tile == 0))
        place = row + count * unit
        if not index:
            return str(bases[0] + place)
        factor = f"{count} * {index}" if count > 1 else index
        if len(bases) > 1:
            return self._spread(bases, f"{factor} + {place}")
        return f"{factor} + {bases[0] + place}" if bases[0] + place else factor

    @staticmethod
    def _spread(bases: list[int], place: str) -> str:
        """Several parts, each with sums of its own, tile by tile."""
        size = ROWS * len(bases)
        texts = [f"sums[({place}) / 4 * {size} + ({place}) % 4 + {base}]" for base in bases]
        return f"({' + '.join(texts)})"

    def constants(self, streamed: Array) -> tuple[Constant, ...]:
        """The arrays of weights and biases; streamed: words of each unit."""
        if self.chosen is None or self.kernel is None:
            return ()
        array = f"{self.program.name}_{c_name(self.phase.name)}"
        parts = packed_group(
            self.program, self.phase, self.chosen, (self.kept, self.used_at_once), streamed
        )
        ctype = self.sum_type if self.streams else self.weight_type
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
            first, columns = 0, columns_of(self.program, rows)
            for run in runs:
                column = 0
                for number in range(first, first + run.values):
                    length = columns[number]
                    for k in range(length):
                        for op in rows.matvecs:
                            weight = self.program.constants[op.matrices[number]][unit, k]
                            if weight != 0 or is_float:
                                text = (self.names.of(op.dest), literal(weight, is_float))
                                yield self.given.runs[run], text, column + k
                    column += length
                first += run.values


def _halves(run: Run, totals: Mapping[Run, str]) -> list[str]:
    """The sums of two operands that make up this one, if there are such: their total is its sum.

    A GRU multiplies x, h and [x; h], so `le_sum` runs over each number once.
    """
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
