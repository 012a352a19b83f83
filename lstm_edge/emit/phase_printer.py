"""Spells the phases of a program as C functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lstm_edge.emit.calling import calling_view
from lstm_edge.emit.dialects.term import Term, plain
from lstm_edge.emit.elements import Elements
from lstm_edge.emit.memory import Memory, c_name
from lstm_edge.emit.names import LocalNames
from lstm_edge.emit.opening import Opening, opening
from lstm_edge.emit.parameters import Parameters, function_name, mean_count, parameters
from lstm_edge.emit.products import Products, products_of
from lstm_edge.emit.records import Records, records_of
from lstm_edge.emit.remarks import Remarks
from lstm_edge.emit.sliding import sliding_view
from lstm_edge.emit.speller import Speller
from lstm_edge.emit.view import Block, PhaseView, define, flat
from lstm_edge.emit.wide_phase import arrays_of, wide_lines
from lstm_edge.emit.wide_rows import WideCode
from lstm_edge.emit.wide_units import WideUnits
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Form
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.select import Selection, Tiles
from lstm_edge.passes.tiles import columns_of


@dataclass(frozen=True)
class PhasePrinter:
    """Spells the phases of one model. fused: phase -> its operations as the dialect has them."""

    program: Program
    memory: Memory
    selection: Selection
    speller: Speller
    fused: Mapping[str, tuple[Op, ...]]
    straight: bool
    wide: WideCode
    remarks: Remarks

    def print(self, phase: Phase) -> tuple[PhaseView, Products | None]:
        """The view of one phase, and its products where they are plain C."""
        program = self.program
        tiles = self.selection.tiles.get(phase.name)
        names = LocalNames(phase.name, program.name)
        given = parameters(program, self.memory, phase, self.selection, names)
        elements = Elements(program, self.speller, phase, given)
        function = function_name(program, phase)
        if any(OPERATIONS[op.kind].form is Form.WINDOW for op in phase.ops):
            return sliding_view(program, phase, function, given, elements), None
        if any(OPERATIONS[op.kind].form is Form.CALL for op in phase.ops):
            return calling_view(program, phase, function, given, self.speller), None
        if phase.is_copy:
            return self._copy(phase, given, elements), None
        opened = opening(program, phase, names, given.read)
        if phase.name in self.selection.wide:
            return self._wide(phase, given, names, opened, elements), None
        ops = self.fused[phase.name]
        products = products_of(program, phase, tiles, given, names)
        if products.copied:
            self.speller.takes.add(16)
        straight = self.straight and products.kernel is None
        records = records_of(program, phase, ops, products, self.speller.dialect, names, straight)
        scaled = {n: each.result for n, each in tiles.scalings.items()} if tiles else {}
        unit = _Unit(
            *(
                program,
                phase,
                ops,
                self.speller,
                elements,
                given,
                names,
                opened,
                records,
                scaled,
                self.remarks,
            ),
            products,
        )
        lines: list[str | Block] = [f"{t} {name} = {value};" for t, name, value in opened.lines]
        if straight:
            lines += [f"(void){name}; /* all its weights are 0 */" for name in products.unused]
            lines += [
                Block("", (*products.straight(k), *unit.lines(str(k), k, products.sums(k))))
                for k in range(phase.units)
            ]
        else:
            lines += elements.shifted() or self._loop(phase, products, records, unit)
        for op in phase.reductions:
            for pointer, ctype in given.written[op.dest]:
                lines.append(f"{pointer}[0] = {stored(ctype, plain(names.of(op.dest)))};")
        view = PhaseView(
            function,
            self._comment(phase, tiles),
            given.declared,
            given.arguments,
            given.sides,
            flat(tuple(lines)),
            (*products.constants(records.streamed), *records.arrays),
            phase.positions,
        )
        plain_c = products.kernel is not None and not products.streams
        return view, products if plain_c else None

    def _wide(
        self,
        phase: Phase,
        given: Parameters,
        names: LocalNames,
        opened: Opening,
        elements: Elements,
    ) -> PhaseView:
        """A phase on vectors of four units."""
        wide = self.selection.wide[phase.name]
        self.wide.phases = True
        tables = {
            name: (names.reserve(name), names.reserve(f"{name}_ways"))
            for name in dict.fromkeys(op.table for op in phase.ops if op.table)
        }
        helpers = self.wide.helpers, self.speller.helpers
        units = WideUnits(self.program, phase, given, names, opened, *helpers, tables, self.remarks)
        lines: list[str | Block] = [f"{t} {name} = {value};" for t, name, value in opened.lines]
        for op in phase.ops:
            if op.dest in opened.rows:
                self.speller.called(op)
        lines += elements.shifted() or wide_lines(
            self.program, phase, wide, given, names, units, self.wide
        )
        for op in phase.reductions:
            for pointer, ctype in given.written[op.dest]:
                lines.append(f"{pointer}[0] = {stored(ctype, plain(names.of(op.dest)))};")
        return PhaseView(
            function_name(self.program, phase),
            self._comment(phase, self.selection.tiles.get(phase.name)),
            given.declared,
            given.arguments,
            given.sides,
            flat(tuple(lines)),
            arrays_of(self.program, phase, wide),
            phase.positions,
        )

    def _loop(
        self, phase: Phase, products: Products, records: Records, unit: _Unit
    ) -> list[str | Block]:
        """A loop over groups of units, each with its tiles and then what its units make of them."""
        units, group, inner = phase.units, products.group, products.inner
        lines: list[str | Block] = [*products.opening()]
        if group == 1:
            tiles = (*products.kept_tiles(), *products.tiles_at_once())
            body = (*tiles, *unit.lines("unit", None, products.sums(0)))
            head = f"for (int32_t unit = 0; unit < {units}; unit++)"
            lines.append(Block(head, (*body, *records.advance)))
        elif inner == group:
            whole = units - units % group
            if whole:
                head = f"for (int32_t unit = 0; unit < {whole}; unit += {group})"
                names = [_plus("unit", k) for k in range(group)]
                lines.append(Block(head, _together(products, records, unit, names)))
            if whole < units:
                names = [str(k) for k in range(whole, units)]
                lines.append(Block("", _together(products, records, unit, names)))
        else:
            lines.append(self._nested(phase, products, records, unit))
        return lines

    def _nested(self, phase: Phase, products: Products, records: Records, unit: _Unit) -> Block:
        """A loop over groups that keep some sums, and in it one over inner groups."""
        units, group = phase.units, products.group
        inner = products.inner if products.streams else 1
        more = f" && group + k < {units}" if units % group else ""
        lines: list[str | Block] = [*products.tiles_at_once()]
        for k in range(inner):
            body = (*unit.lines(_plus("unit", k), None, products.sums(k, "k")), *records.advance)
            guard = f"if (unit + {k} < {units})" if k and units % inner else ""
            lines += [Block(guard, body)] if inner > 1 else body
        if any(UNIT.search(line) for line in flat(tuple(lines))):
            lines.insert(0, "const int32_t unit = group + k;")
        step = f"k += {inner}" if inner > 1 else "k++"
        loop = Block(f"for (int32_t k = 0; k < {group}{more}; {step})", tuple(lines))
        head = f"for (int32_t group = 0; group < {units}; group += {group})"
        twice = inner > 1 and group == 2 * inner and units % group == 0
        unrolled = ("LE_UNROLLED",) if twice else ()
        return Block(head, (*products.kept_tiles(), *unrolled, loop))

    def _copy(self, phase: Phase, given: Parameters, elements: Elements) -> PhaseView:
        value = phase.loads[0]
        lines: list[str | Block] = []
        for pointer, ctype in given.written[value]:
            lines += elements.copied(value, pointer, ctype, phase.units)
        what = f"{phase.name}: {c_name(value)} as kernels read it"
        comment = what if phase.name in self.selection.takes else self._comment(phase, None)
        view = PhaseView(
            function_name(self.program, phase),
            comment,
            given.declared,
            given.arguments,
            given.sides,
            flat(tuple(lines)),
            (),
        )
        return view

    def _comment(self, phase: Phase, tiles: Tiles | None) -> str:
        units = count(phase.units, "unit")
        units = f"{units} at each of {phase.positions} positions" if phase.positions > 1 else units
        if tiles is None:
            return f"{phase.name}: {units}, elementwise"
        parts = []
        for rows in tiles.sets:
            columns = ", ".join(
                f"{c_name(name)} [{n}]"
                for name, n in zip(rows.operands, columns_of(self.program, rows), strict=True)
            )
            parts.append(f"{count(len(rows.matvecs), 'row')} each over {columns}")
        return f"{phase.name}: {units}, {'; '.join(parts)}"


UNIT = re.compile(r"\bunit\b")
"""Where a line needs the number of the unit: sums that are only reduced do not."""


@dataclass(frozen=True)
class _Unit:
    """Writes what one unit does with its sums. scaled: matvec -> what its kernel makes of it."""

    program: Program
    phase: Phase
    ops: tuple[Op, ...]
    speller: Speller
    elements: Elements
    given: Parameters
    names: LocalNames
    opened: Opening
    records: Records
    scaled: Mapping[str, str]
    remarks: Remarks
    products: Products

    def lines(self, unit: str, number: int | None, sums: Mapping[str, str]) -> tuple[str, ...]:
        """The lines of a unit; sums: matvec -> the text of its sum. number: in straight code."""
        sum_type = "float" if self.program.is_float else "int32_t"
        lines = list(self.records.lines(unit))
        terms: dict[str, Term] = {
            self.scaled.get(name, name): plain(text) for name, text in sums.items()
        }
        terms |= self.records.terms(number)
        terms |= {value: self.elements.term(value, unit) for value in self.phase.loads}
        terms |= {value: self.elements.term(value, "0") for value in self.phase.scalars}
        for op in self.phase.matvecs:
            if OPERATIONS[op.kind].running:
                name = self.names.of(op.dest)
                text = f"{sums[op.dest]} + (step == 0 ? 0 : {terms[op.args[0]].full})"
                if self.program.is_float or not self.records.streams:
                    text = sums[op.dest]
                lines.append(define(sum_type, name, text))
                terms[op.dest] = plain(name)
        for op in self.ops:
            name = self.names.of(op.dest)
            text, half = self._text(op, unit, terms)
            lines.append(define(sum_type, name, text, self.remarks.of(op, text, 50)))
            terms[op.dest] = Term(f"(int16_t){name}", name) if half else plain(name)
        lines += self._reductions(unit, terms)
        for value in self.phase.stores:
            for pointer, ctype in self.given.written[value]:
                lines.append(f"{pointer}[{unit}] = {stored(ctype, terms[value])};")
        return tuple(lines)

    def _text(self, op: Op, unit: str, terms: Mapping[str, Term]) -> tuple[str, bool]:
        if OPERATIONS[op.kind].form is Form.ROW:
            self.speller.called(op)
            return self.opened.elements[op.dest].format(unit=unit), False
        if OPERATIONS[op.kind].form is Form.ELEMENT:
            element = self.elements.term(op.args[0], _plus(unit, op.n))
            return self.speller.text(op, [element])
        if OPERATIONS[op.kind].form is Form.ANYWHERE:
            index = terms[op.args[1]].full
            index = f"(int32_t){index}" if self.program.is_float else index
            return self.speller.text(op, [self.elements.term(op.args[0], index)])
        if op.kind == "sigmoid" and self.products.sigmoid_of(terms[op.args[0]].full):
            self.speller.called(op)
            return self.products.sigmoid_of(terms[op.args[0]].full), False
        return self.speller.text(op, [terms[name] for name in op.args], **mean_count(op))

    def _reductions(self, unit: str, terms: Mapping[str, Term]) -> list[str]:
        lines = []
        for op in self.phase.reductions:
            result = self.names.of(op.dest)
            best = self.opened.best.get(op.dest, "")
            args = [terms[name] for name in op.args]
            text, _ = self.speller.text(op, args, result=result, best=best, unit=unit)
            lines.append(f"{result} = {text};")
            if best:
                text, _ = self.speller.text(replace(op, kind="max"), args, result=best)
                lines.append(f"{best} = {text};")
        return lines


def _together(
    products: Products, records: Records, unit: _Unit, names: list[str]
) -> tuple[str | Block, ...]:
    """The tiles of a group and the units that `names` say, one after the other."""
    lines: list[str | Block] = [*products.kept_tiles(), *products.tiles_at_once(len(names))]
    for k, name in enumerate(names):
        lines += [Block("", unit.lines(name, None, products.sums(k))), *records.advance]
    return tuple(lines)


def stored(ctype: str, term: Term) -> str:
    """A value as an array of some type takes it."""
    if ctype in ("int32_t", "float"):
        return term.full
    return f"({ctype}){term.low}" if term.low.isidentifier() else f"({ctype}){term.full}"


def _plus(unit: str, offset: int) -> str:
    if not offset:
        return unit
    return str(int(unit) + offset) if unit.isdecimal() else f"{unit} + {offset}"


def count(number: int, what: str) -> str:
    """`1 unit`, `2 units`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
