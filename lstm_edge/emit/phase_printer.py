"""Spells the phases of a program as C functions: names, operands, constants, stores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.emit.clocks import has_clocks, length_text, step_text
from lstm_edge.emit.kernels import KERNELS, choose
from lstm_edge.emit.kernels.block import MatvecBlock, Segment
from lstm_edge.emit.memory import Home, Memory, c_name, ctype_of, source_of
from lstm_edge.emit.names import LocalNames
from lstm_edge.emit.opening import Opening, opening
from lstm_edge.emit.sliding import sliding_view
from lstm_edge.emit.spell import literal, spell
from lstm_edge.emit.view import Body, Constant, KernelView, Line, PhaseView, Row
from lstm_edge.ir.clock import EVERY_TICK, Length
from lstm_edge.ir.program import ONCE, REVERSE, Program
from lstm_edge.operations import OPERATIONS, multiplied, shift_counts
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Form, Timing
from lstm_edge.passes.schedule import Phase

Stores = dict[str, list[tuple[str, str]]]
"""Value -> the pointers through which a phase stores it, with their types."""
RECORDS = {
    "bias": "int32_t",
    "multiplier": "int16_t",
    "shift": "int8_t",
    "constant": "int32_t",
}
"""Arrays of per-unit constants, and their types where these are integers."""
WEIGHT_TYPES = {0: "float", 4: "int4", 8: "int8_t", 16: "int16_t"}
"""By the bits of a weight; float32 has none."""


class PhasePrinter:
    """Spells one phase of a program as a C function of the model `prefix`."""

    def __init__(
        self, program: Program, memory: Memory, kernels: tuple[str, ...], unroll: str
    ) -> None:
        self.program = program
        self.memory = memory
        self.kernels = kernels
        self.unroll = unroll

    def print(self, phase: Phase) -> PhaseView:
        """The view of one phase."""
        program = self.program
        unroll = self.unroll if phase.matvecs or self.unroll == "full" else "none"
        names = LocalNames(phase.name, program.name)
        parameters, arguments, pointers, stores = self._parameters(phase, names)
        function = f"{program.name}_{c_name(phase.name)}_units"
        if any(OPERATIONS[op.kind].form is Form.WINDOW for op in phase.ops):
            return sliding_view(program, phase, function, (parameters, arguments, pointers))
        block = self._block(phase, names, pointers, unroll)
        constants, rows, texts = self._constants(phase, names, unroll == "full")
        kernel = None
        over_time = any(OPERATIONS[op.kind].timing is Timing.STEP for op in phase.matvecs)
        if block is not None and (unroll != "full" or over_time):
            chosen = choose(self.kernels, block)
            packed = KERNELS[chosen].pack(block)
            array = f"{program.name}_{c_name(phase.name)}_weights"
            dims = packed.words.shape
            constants.insert(0, Constant(array, packed.ctype, dims, packed.words, packed.layout))
            weights = f"&{array}[step][0][0]" if over_time else f"&{array}[0][0]"
            kernel = KernelView(
                chosen, KERNELS[chosen].view(block), self._sum_type, packed.ctype, weights
            )
        units = range(phase.units) if unroll == "full" else ["unit"]
        opened = opening(program, phase, names, pointers)
        bodies = tuple(
            self._body(phase, block, names, pointers, stores, texts, str(unit), opened)
            for unit in units
        )
        results = tuple(
            (f"{pointer}[0]", _stored(ctype, names.of(op.dest)))
            for op in phase.reductions
            for pointer, ctype in stores[op.dest]
        )
        read = {element.partition("[")[0] for body in bodies for *_, element in body.products}
        operands = [s.operand for s in block.segments] if block is not None else []
        unused = tuple(n for n in operands if kernel is None and n not in read)
        return PhaseView(
            function,
            self._comment(phase),
            tuple(parameters),
            tuple(arguments),
            phase.sweep,
            phase.units,
            self._sum_type,
            kernel,
            tuple(rows),
            opened.lines,
            bodies,
            results,
            unused,
            tuple(constants),
        )

    @property
    def _sum_type(self) -> str:
        return "float" if self.program.is_float else "int32_t"

    def _comment(self, phase: Phase) -> str:
        if not phase.matvecs:
            return f"{phase.name}: {_count(phase.units, 'unit')}, elementwise"
        operands = dict.fromkeys(n for op in phase.matvecs for n in multiplied(op))
        columns = ", ".join(f"{c_name(n)} [{self.program.values[n].length}]" for n in operands)
        units, rows = _count(phase.units, "unit"), _count(len(phase.matvecs), "row")
        return f"{phase.name}: {units}, {rows} each over {columns}"

    def _parameters(
        self, phase: Phase, names: LocalNames
    ) -> tuple[list[str], list[str], dict[str, str], Stores]:
        """C parameters and arguments, and the pointer names by value: to read, and to write."""
        values = (*phase.whole, *phase.loads, *phase.scalars)
        read = {
            v: self._at_step(source_of(self.program, self.memory, phase, v), phase) for v in values
        }
        outgoing = (*phase.stores, *(op.dest for op in phase.reductions))
        written = {
            value: self.memory.copied[phase.name]
            if phase.is_copy
            else self.memory.write.get(value, ())
            for value in outgoing
        }
        written = {
            value: tuple(self._at_step(home, phase) for home in homes)
            for value, homes in written.items()
        }
        renewed = {home for homes in written.values() for home in homes}
        pointers: dict[Home, str] = {}
        parameters, arguments = [], []
        for value, home in read.items():
            if home not in pointers:
                pointers[home] = names.pointer(value)
                const = "" if home in renewed else "const "
                parameters.append(f"{const}{home.ctype} *{pointers[home]}")
                arguments.append(home.text)
        for home in dict.fromkeys(h for homes in written.values() for h in homes):
            if home not in pointers:
                pointers[home] = names.target(home.array)
                parameters.append(f"{home.ctype} *{pointers[home]}")
                arguments.append(home.text)
        every = (*phase.matvecs, *phase.ops)
        stepped = [op for op in every if OPERATIONS[op.kind].timing is not Timing.NONE]
        if stepped:
            parameters.append("int32_t step")
            arguments.append(self._step(phase, stepped))
        for op in stepped:
            if OPERATIONS[op.kind].form is Form.WINDOW and phase.clock.extra > op.n:
                parameters.append("int behind")
                arguments.append(self._behind(phase, op.n))
        sources = {value: pointers[home] for value, home in read.items()}
        stores = {v: [(pointers[h], h.ctype) for h in homes] for v, homes in written.items()}
        return parameters, arguments, sources, stores

    def _at_step(self, home: Home, phase: Phase) -> Home:
        """A step of a sequence is counted by the phase's clock."""
        if not home.stride or home.step != "t":
            return home
        return replace(home, step=step_text(phase.clock))

    def _step(self, phase: Phase, stepped: list[Op]) -> str:
        """The number of the step; of a backward sweep counted from its start for a restart."""
        if phase.sweep == ONCE:
            return "state->step" if self.program.streams else "steps - 1"
        if phase.clock != EVERY_TICK:
            return step_text(phase.clock)
        if self.program.streams:
            return "state->step" if not has_clocks(self.program) else "t"
        backward = self.program.sweeps[phase.sweep] == REVERSE
        restarts = any(OPERATIONS[op.kind].timing is Timing.FIRST for op in stepped)
        return f"{self._length(phase)} - 1 - t" if backward and restarts else "t"

    def _length(self, phase: Phase) -> str:
        """How many steps the phase's sweep has, as the run function names it."""
        return "steps" if self.program.lengths[phase.sweep] == Length() else f"steps_{phase.sweep}"

    def _behind(self, phase: Phase, ends: int) -> str:
        """Whether the sequence that enters a window has ended."""
        length = str(self.program.steps) if self.program.streams else self._length(phase)
        return f"t >= {length} + {ends}" if ends else f"t >= {length}"

    def _block(
        self, phase: Phase, names: LocalNames, pointers: dict[str, str], unroll: str
    ) -> MatvecBlock | None:
        """The phase's matvecs, gathered by operand."""
        if not phase.matvecs:
            return None
        program = self.program
        operands = dict.fromkeys(n for op in phase.matvecs for n in multiplied(op))
        segments = []
        for operand in operands:
            rows, weights = [], []
            for op in phase.matvecs:
                for matrix, name in zip(op.matrices, multiplied(op), strict=True):
                    if name == operand:
                        rows.append(names.of(op.dest))
                        weights.append(program.constants[matrix])
            value = program.values[operand]
            segments.append(
                Segment(
                    pointers[operand],
                    ctype_of(program, operand),
                    value.length,
                    tuple(rows),
                    np.stack(weights, axis=-2),
                    0 if program.is_float else value.format.magnitude,
                )
            )
        weight_type = WEIGHT_TYPES[phase.matvecs[0].n]
        return MatvecBlock(phase.name, phase.units, tuple(segments), unroll, weight_type)

    def _constants(
        self, phase: Phase, names: LocalNames, inline: bool
    ) -> tuple[list[Constant], list[Row], dict[str, list[str]]]:
        """Per-unit constants: biases and vectors, gathered in one record per type.

        texts: constant -> its text for each unit, or one text for all in a loop.
        """
        program, is_float = self.program, self.program.is_float
        vectors = [n for op in phase.ops for n in op.args if n in program.constants]
        used = dict.fromkeys([*(op.bias for op in phase.matvecs), *vectors])
        texts: dict[str, list[str]] = {}
        records: dict[str, list[str]] = {}
        for name in used:
            numbers = program.constants[name]
            if inline or (len(numbers) == 1 and name in vectors):
                texts[name] = [literal(v, is_float) for v in numbers]
            else:
                records.setdefault(self._record(phase, name), []).append(name)
        constants, rows = [], []
        for record, members in records.items():
            array = f"{program.name}_{c_name(phase.name)}_{record}"
            ctype = "float" if is_float else RECORDS[record]
            numbers = np.stack([program.constants[n] for n in members], axis=1)
            comment = "per unit: " + ", ".join(n.split(".", 1)[-1] for n in members)
            constants.append(Constant(array, ctype, numbers.shape, numbers, comment))
            pointer = names.reserve(record)
            rows.append(Row(pointer, ctype, array))
            texts |= {name: [f"{pointer}[{k}]"] for k, name in enumerate(members)}
        return constants, rows, texts

    def _record(self, phase: Phase, name: str) -> str:
        if any(name == op.bias for op in phase.matvecs):
            return "bias"
        if any(name in shift_counts(op) for op in phase.ops):
            return "shift"
        return "multiplier" if ctype_of(self.program, name) == "int16_t" else "constant"

    def _body(
        self,
        phase: Phase,
        block: MatvecBlock | None,
        names: LocalNames,
        pointers: dict[str, str],
        stores: Stores,
        constants: dict[str, list[str]],
        unit: str,
        opened: Opening,
    ) -> Body:
        k = 0 if unit == "unit" else int(unit)
        texts = {name: t[k if len(t) > 1 else 0] for name, t in constants.items()}
        texts |= {value: f"{pointers[value]}[{unit}]" for value in phase.loads}
        texts |= {value: f"{pointers[value]}[0]" for value in phase.scalars}
        accumulators = []
        for op in phase.matvecs:
            start = texts[op.bias]
            if OPERATIONS[op.kind].running:
                start = f"step == 0 ? {start} : {texts[op.args[0]]}"
            accumulators.append((names.of(op.dest), start))
            texts[op.dest] = names.of(op.dest)
        lines = []
        for op in phase.ops:
            form = OPERATIONS[op.kind].form
            if form is Form.ELEMENT:
                texts |= {op.args[0]: _element(pointers[op.args[0]], unit, op.n)}
            more = self._timing(op)
            if form is Form.ROW:
                text = opened.elements[op.dest].format(unit=unit)
            else:
                text = self._spell(op, texts, **more)
            texts[op.dest] = names.of(op.dest)
            lines.append(Line(texts[op.dest], text, self._remark(op, text)))
        for op in phase.reductions:
            result = names.of(op.dest)
            best = opened.best.get(op.dest, "")
            text = self._spell(op, texts, result=result, best=best, unit=unit)
            lines.append(Line("", f"{result} = {text}"))
            if best:
                text = self._spell(replace(op, kind="max"), texts, result=best)
                lines.append(Line("", f"{best} = {text}"))
        for value in phase.stores:
            lines += [
                Line("", f"{pointer}[{unit}] = {_stored(ctype, texts[value])}")
                for pointer, ctype in stores[value]
            ]
        literals = block is not None and unit != "unit" and block.segments[0].weights.ndim == 3
        products = self._products(block, k) if block is not None and literals else ()
        return Body(unit, tuple(accumulators), products, tuple(lines))

    @staticmethod
    def _timing(op: Op) -> dict[str, str]:
        """What the text of an operation says that counts the steps so far."""
        if OPERATIONS[op.kind].timing is Timing.COUNT:
            return {"steps": length_text(Length(op.n, op.count), "(step + 1)")}
        return {}

    def _remark(self, op: Op, text: str) -> str:
        """The equation behind a line, where it says more than the line itself and fits."""
        comment = self.program.values[op.dest].comment
        return "" if comment == text or len(comment) + len(text) > 50 else comment

    def _spell(self, op: Op, texts: dict[str, str], **more: str) -> str:
        table = f"{self.program.name}_{op.table}" if op.table else ""
        args = [texts[name] for name in op.args]
        return spell(op, args, is_float=self.program.is_float, table=table, **more)

    def _products(self, block: MatvecBlock, unit: int) -> tuple[tuple[str, str, str], ...]:
        """Straight-line multiply-accumulates of one unit with its weights as literals.

        Zero weights are left out (integers). Weights that change with the step stay in a table.
        """
        found = []
        for segment in block.segments:
            weights = segment.weights[unit]
            for column in range(segment.columns):
                for row, weight in zip(segment.rows, weights[:, column], strict=True):
                    if weight != 0 or self.program.is_float:
                        number = literal(weight, self.program.is_float)
                        found.append((row, number, f"{segment.operand}[{column}]"))
        return tuple(found)


def _element(pointer: str, unit: str, offset: int) -> str:
    if unit.isdecimal():
        return f"{pointer}[{int(unit) + offset}]"
    return f"{pointer}[{unit} + {offset}]" if offset else f"{pointer}[{unit}]"


def _stored(ctype: str, text: str) -> str:
    return text if ctype in ("int32_t", "float") else f"({ctype}){text}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
