"""What a vector of four units does with its sums, in intrinsics of Helium."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lstm_edge.emit.names import LocalNames
from lstm_edge.emit.opening import Opening
from lstm_edge.emit.parameters import Parameters
from lstm_edge.emit.remarks import Remarks
from lstm_edge.emit.spell import integer_literal
from lstm_edge.emit.view import define
from lstm_edge.emit.wide_tables import wide_table
from lstm_edge.formats import INT32_MAX, whole_range
from lstm_edge.ir.program import Program
from lstm_edge.kernels.mve import UNITS
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Form
from lstm_edge.passes.schedule import Phase

LOAD = {"int8_t": "vldrbq", "int16_t": "vldrhq", "int32_t": "vldrwq", "uint8_t": "vldrbq"}
GATHER = {
    "int8_t": "vldrbq_gather_offset_s32",
    "uint8_t": "vldrbq_gather_offset_u32",
    "int16_t": "vldrhq_gather_shifted_offset_s32",
    "int32_t": "vldrwq_gather_shifted_offset_s32",
}
STORE = {"int8_t": "vstrbq", "int16_t": "vstrhq", "int32_t": "vstrwq"}
_MEANS = (("add", "shift"), ("shift", "add"))
COMMUTES = frozenset(["add", "mul", "larger", "smaller"])


@dataclass(frozen=True)
class Lanes:
    """How a value reads. vector: of four units. number: where it is one for all units. upper: the
    vector shifted left by 16.
    """

    vector: str
    number: str = ""
    upper: str = ""


def one_for_all(text: str) -> Lanes:
    """A number that all units have in common."""
    return Lanes(f"vdupq_n_s32({text})", text)


@dataclass
class WideUnits:
    """Writes the operations of a phase. helpers: those that the lines call; common: of those, what
    scalar code has, too. tables: pointers to the middle of each. moving: pointers that go on by a
    vector. staying: type and name of those that stay where such a one was at first.
    """

    program: Program
    phase: Phase
    given: Parameters
    names: LocalNames
    opened: Opening
    helpers: set[str]
    common: set[str]
    tables: dict[str, tuple[str, str]]
    remarks: Remarks
    moving: dict[str, None] = field(default_factory=dict)
    staying: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def dead(self) -> bool:
        """True where the last vector has units that are not there."""
        return self.phase.units % UNITS != 0

    @property
    def counts(self) -> bool:
        """True where something depends on the number of the unit, `at`."""
        return bool(self.opened.best or self.opened.rows)

    def lines(self, terms: dict[str, Lanes]) -> list[str]:
        """The lines of a vector; terms: constants and sums of matvecs."""
        lines = []
        if self.dead:
            lines.append("const mve_pred16_t live = vctp32q((uint32_t)there);")
        lines += self._read(terms)
        means = self._means()
        left_out = {without for without, _, _ in means.values()}
        for op in self.phase.ops:
            if op.dest in left_out:
                continue
            name = self.names.of(op.dest)
            text = self._text(op, terms, means)
            remark = self.remarks.of(op, "", 40)
            lines.append(define("int32x4_t", name, text, remark))
            terms[op.dest] = Lanes(name)
        for op in self.phase.reductions:
            result = self.names.of(op.dest)
            best = self.opened.best.get(op.dest, "")
            text = self._spelled(op, [terms[op.args[0]]], result=result, best=best)
            lines.append(f"{result} = {text};")
        lines += self._stores(terms)
        lines += [f"{pointer} += {UNITS};" for pointer in self.moving]
        if self.counts:
            lines.append(f"at += {UNITS};")
        if self.dead:
            lines.append(f"there -= {UNITS};")
        return lines

    def _read(self, terms: dict[str, Lanes]) -> list[str]:
        """What is read from memory, and sums over the steps so far."""
        lines = []
        for value in self._taken_whole():
            name = self.names.reserve(f"{self.names.short(value)}_here")
            lines.append(f"const int32x4_t {name} = {self._loaded(value, 0)};")
            terms[value] = Lanes(name)
        for value in self.phase.scalars:
            terms[value] = self._number_of_all(value)
        for op in self.phase.matvecs:
            if OPERATIONS[op.kind].running:
                name = self.names.of(op.dest)
                before = f"step == 0 ? vdupq_n_s32(0) : {terms[op.args[0]].vector}"
                text = f"vaddq_s32({terms[op.dest].vector}, {before})"
                lines.append(f"const int32x4_t {name} = {text};")
                terms[op.dest] = Lanes(name)
        return lines

    def _taken_whole(self) -> list[str]:
        """Values in memory of which each unit is read: of others only some are."""
        read = {arg for op in self.phase.ops if not _is_part(op) for arg in op.args}
        read |= {arg for op in self.phase.reductions for arg in op.args}
        for op in self.phase.matvecs:
            read.update(op.args[: OPERATIONS[op.kind].running])
        return [v for v in self.phase.loads if v in read or v in self.phase.stores]

    def _stores(self, terms: Mapping[str, Lanes]) -> list[str]:
        lines = []
        for value in self.phase.stores:
            for pointer, ctype in self.given.written[value]:
                self.moving[pointer] = None
                target = f"{pointer}, {terms[value].vector}"
                text = f"{STORE[ctype]}_p_s32({target}, live)" if self.dead else ""
                lines.append(f"{text or f'{STORE[ctype]}_s32({target})'};")
        if lines:
            lines.append("LE_FENCE();")
        return lines

    def _number_of_all(self, value: str) -> Lanes:
        """A value of length 1 in memory; of an input within its range."""
        pointer = self.given.read[value]
        limits = self._limits(value, self.given.types[pointer])
        if limits is None:
            return one_for_all(f"{pointer}[0]")
        self.common.add("le_clamp")
        return one_for_all(f"le_clamp({pointer}[0], {limits})")

    def _loaded(self, value: str, offset: int) -> str:
        """Four units of a value in memory; of an input within its range."""
        pointer = self.given.read[value]
        ctype = self.given.types[pointer]
        self.moving[pointer] = None
        at = f"{pointer} + {offset}" if offset else pointer
        kind = "u32" if ctype[0] == "u" else "s32"
        text = f"{LOAD[ctype]}_z_{kind}({at}, live)" if self.dead else f"{LOAD[ctype]}_{kind}({at})"
        return self._limited(value, ctype, text)

    def _gathered(self, value: str, places: str) -> str:
        """Four units of a value in memory, anywhere; of units that are not there the first."""
        pointer = self.given.read[value]
        ctype = self.given.types[pointer]
        if pointer not in self.staying:
            self.staying[pointer] = ctype, self.names.reserve(f"{self.names.short(value)}_all")
        _, first = self.staying[pointer]
        text = f"{GATHER[ctype]}({first}, vreinterpretq_u32_s32({places}))"
        return self._limited(value, ctype, text)

    def _limited(self, value: str, ctype: str, text: str) -> str:
        """An input may be anything that its type holds."""
        text = f"vreinterpretq_s32_u32({text})" if ctype[0] == "u" else text
        limits = self._limits(value, ctype)
        if limits is None:
            return text
        self.helpers.add("le_v_within")
        return f"le_v_within({text}, {limits})"

    def _limits(self, value: str, ctype: str) -> str | None:
        """The ends of an input's range where its type holds more."""
        if not any(port.value == value for port in self.program.inputs):
            return None
        fmt = self.program.values[value].format
        if (fmt.low, fmt.high) == whole_range(ctype):
            return None
        return f"{integer_literal(fmt.low)}, {integer_literal(fmt.high)}"

    def _means(self) -> dict[str, tuple[str, str, int]]:
        """Results that are (a + number) >> 1, one instruction: result -> what is left out, a, and
        the number.

        A number is added and the sum halved, or a half has a number added.
        """
        found: dict[str, tuple[str, str, int]] = {}
        made = {op.dest: op for op in self.phase.ops}
        for op in self.phase.ops:
            for before in (made[arg] for arg in op.args if arg in made):
                alone = before.dest not in self.phase.stores and self._readers(before.dest) == 1
                kinds = (before.kind, op.kind)
                if not alone or before.dest in found or kinds not in _MEANS:
                    continue
                shift, add = (op, before) if kinds == ("add", "shift") else (before, op)
                number = self._number(add, but=before.dest if add is op else "")
                if shift.n != 1 or number is None or 2 * abs(number) > INT32_MAX:
                    continue
                whole = (
                    shift.args[0]
                    if add is op
                    else next(arg for arg in add.args if arg not in self.program.constants)
                )
                found[op.dest] = (before.dest, whole, 2 * number if add is op else number)
        return found

    def _readers(self, value: str) -> int:
        """How often a value is read in the phase."""
        every = (*self.phase.ops, *self.phase.reductions)
        return sum(op.args.count(value) for op in every)

    def _number(self, add: Op, but: str) -> int | None:
        """The number that is added for all units, if it is one. but: the operand that is not it."""
        for arg in add.args:
            numbers = self.program.constants.get(arg)
            if arg != but and numbers is not None and self.program.is_number(arg):
                return int(numbers[0]) if abs(int(numbers[0])) < 2**30 else None
        return None

    def _text(
        self, op: Op, terms: Mapping[str, Lanes], means: Mapping[str, tuple[str, str, int]]
    ) -> str:
        if op.dest in means:
            _, whole, number = means[op.dest]
            return f"vhaddq_n_s32({terms[whole].vector}, {integer_literal(number)})"
        if op.dest in self.opened.rows:
            return self._row(op)
        if OPERATIONS[op.kind].form is Form.ELEMENT:
            return self._loaded(op.args[0], op.n)
        if OPERATIONS[op.kind].form is Form.ANYWHERE:
            return self._gathered(op.args[0], terms[op.args[1]].vector)
        return self._spelled(op, [terms[name] for name in op.args])

    def _row(self, op: Op) -> str:
        """Four numbers of a row of a table, times its factor."""
        entries, ctype, factor = self.opened.rows[op.dest]
        at = f"{entries} + at"
        text = f"{LOAD[ctype]}_z_s32({at}, live)" if self.dead else f"{LOAD[ctype]}_s32({at})"
        return f"vmulq_n_s32({text}, {factor})" if factor else text

    def _spelled(self, op: Op, args: list[Lanes], result: str = "", best: str = "") -> str:
        spelling = OPERATIONS[op.kind].c_wide
        assert spelling is not None
        if op.kind in COMMUTES and args[0].number and not args[1].number:
            args = [args[1], args[0]]
        texts = [each.vector for each in args]
        text = spelling.text
        if spelling.dead and self.dead:
            text = spelling.dead
        elif spelling.negative and op.n < 0:
            text = spelling.negative
        elif spelling.none and op.n == 0:
            text = spelling.none
        elif spelling.upper and args[-1].upper:
            text, texts[-1] = spelling.upper, args[-1].upper
        elif spelling.number and args[-1].number:
            text, texts[-1] = spelling.number, args[-1].number
        elif spelling.from_number and args[0].number:
            text, texts[0] = spelling.from_number, args[0].number
        names = {
            "n": op.n,
            "left": -op.n,
            "mask": (1 << max(op.n, 0)) - 1,
            "result": result,
            "best": best,
        }
        if op.table:
            names["reader"] = wide_table(self.program, op.table).reader(op)
            names["table"] = ", ".join(self.tables[op.table])
        written = text.format(*texts, **names)
        self.helpers |= set(re.findall(r"\ble_v_\w+", text.format(*texts, **names)))
        return written


def _is_part(op: Op) -> bool:
    return OPERATIONS[op.kind].form in (Form.ELEMENT, Form.ANYWHERE)
