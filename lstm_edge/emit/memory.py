"""Where values live in the C code: the state struct, the caller's arrays, or a local variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lstm_edge.emit.clocks import length_text, suffix_of
from lstm_edge.formats import STORAGE_BITS, signed_bits
from lstm_edge.ir.clock import Length
from lstm_edge.ir.program import FORWARD, LATEST, ONCE, Port, Program
from lstm_edge.operations import reads_whole
from lstm_edge.passes.operands import Entry, OperandArray, Run
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.select import Selection
from lstm_edge.passes.widths import ctype_of

FIRST, LAST = "0", "(steps - 1)"
"""Indices of a sequence's ends, in the run function."""
NOW, NEXT, CURRENT = "now", "next", "state->current"
"""Which of two buffers: the one that a step reads, the one that it writes, and, between steps, the
one that is read next. A clock's suffix follows.
"""


@dataclass(frozen=True)
class Member:
    """An array in the state struct. `buffers`: 2 where a step writes one and reads the other.
    steps: how many of a sequence it keeps.
    """

    name: str
    ctype: str
    length: int
    buffers: int
    comment: str
    bytes: int
    suffix: str = ""
    steps: int = 1

    def home(self, side: str, offset: int = 0) -> Home:
        """A place in one of its buffers, or in the only one; side: NOW, NEXT or CURRENT."""
        chosen = f"{side}{self.suffix}" if self.buffers == 2 else ""
        return Home(f"state->{self.name}", self.ctype, offset, side=chosen)


@dataclass(frozen=True)
class Home:
    """An array that holds a value, as the step or run function sees it, from `offset` on.

    side: the C expression that chooses one of two buffers, "" where there is one.
    """

    array: str
    ctype: str
    offset: int = 0
    stride: int = 0
    step: str = "t"
    side: str = ""
    apart: int = 0

    @property
    def text(self) -> str:
        """The C expression of its address; `stride` numbers for each step of a sequence, `apart`
        for each position of a repeated phase.
        """
        array = f"{self.array}[{self.side}]" if self.side else self.array
        terms = [f"{self.step} * {self.stride}"] if self.stride else []
        terms += [str(self.offset)] if self.offset else []
        terms += [f"le_position * {self.apart}"] if self.apart else []
        return f"&{array}[{' + '.join(terms)}]" if terms else array

    @property
    def in_first_buffer(self) -> Home:
        """The same place in the first of two buffers."""
        return replace(self, side="0") if self.side else self


@dataclass(frozen=True)
class Memory:
    """What a step needs in RAM: states live on, scratch only within a step.

    read: value -> where it is read. write: value -> all arrays that the phase which makes it must
    fill, several for a state that is also an output. copied: copy phase -> what it fills. ends:
    per-step value -> the step that its sweep computes last. current: state -> the arrays that hold
    it between two steps. arrays: operand array -> its member.
    """

    states: tuple[Member, ...]
    scratch: tuple[Member, ...]
    read: Mapping[str, Home]
    write: Mapping[str, tuple[Home, ...]]
    copied: Mapping[str, tuple[Home, ...]]
    ends: Mapping[str, str]
    current: Mapping[str, tuple[Home, ...]]
    arrays: Mapping[str, Member]
    counts_steps: bool

    @property
    def state_bytes(self) -> int:
        """Bytes of the state proper."""
        return sum(m.bytes for m in self.states)

    @property
    def scratch_bytes(self) -> int:
        """Bytes that need not live from step to step."""
        return sum(m.bytes for m in self.scratch)

    @property
    def kept_bytes(self) -> int:
        """Those of them that keep all steps of a sequence."""
        return sum(m.bytes for m in self.scratch if m.steps > 1)


def home_of(memory: Memory, run: Run) -> Home:
    """Where a kernel finds a part of its operand."""
    member = memory.arrays[run.array]
    home = member.home(NEXT if run.after else NOW, run.offset)
    return replace(home, apart=run.step) if run.step else home


def c_name(value: str) -> str:
    """A value's name as a C identifier."""
    return value.replace(".", "_")


def allocate(program: Program, selection: Selection, port_names: Mapping[str, str]) -> Memory:
    """A home for every stored value. port_names: port -> the C name of the caller's array."""
    plan = _Plan(program, selection, port_names)
    states = plan.states()
    plan.ports()
    plan.operands()
    held, scratch = plan.between_phases()
    states = (*states, *held)
    plan.parts()
    members = [member.name for member in (*states, *scratch)]
    assert len(members) == len(set(members)), members
    return Memory(
        states=states,
        scratch=scratch,
        read=plan.read,
        write={name: tuple(homes) for name, homes in plan.write.items()},
        copied=plan.copied(),
        ends={
            value: _last(program, value) if program.sweeps[sweep] == FORWARD else FIRST
            for value, sweep in program.sweep_of().items()
            if sweep >= 0
        },
        current={name: tuple(homes) for name, homes in plan.current.items()},
        arrays=plan.arrays,
        counts_steps=program.counts_steps,
    )


class _Plan:
    """Homes while they are found: states first, then ports, then what has none yet."""

    def __init__(
        self, program: Program, selection: Selection, port_names: Mapping[str, str]
    ) -> None:
        self.program = program
        self.selection = selection
        self.schedule = selection.schedule
        self.suffixes = {
            value: suffix_of(program, sweep, clock)
            for value, (sweep, clock) in program.clock_of.items()
        }
        self.read: dict[str, Home] = {}
        self.write: dict[str, list[Home]] = {}
        self.current: dict[str, list[Home]] = {}
        self.arrays = {name: self._array(a) for name, a in selection.arrays.items()}
        self.outputs = {p.name: self._port(p, port_names) for p in program.outputs}
        self.inputs = {p.value: self._port(p, port_names) for p in program.inputs}

    def _port(self, port: Port, port_names: Mapping[str, str]) -> Home:
        """The caller's array: one step of it where the program streams, else all of them."""
        length = self.program.values[port.value].length
        stride = length if port.per_step and not self.program.streams else 0
        return Home(port_names[port.name], ctype_of(self.program, port.value), 0, stride)

    def _array(self, array: OperandArray) -> Member:
        """An operand array as a member; its states say when its buffers change."""
        text = ", ".join(f"{c_name(e.value)} [{e.padded}]" for e in array.entries)
        buffers = 2 if array.double else 1
        member = _member(array.name, array.ctype, array.length, buffers, text)
        renewed = {s.name: s.next for s in self.program.states}
        suffixes = [self.suffixes.get(renewed[e.value], "") for e in array.entries if e.state]
        return replace(member, suffix=suffixes[0] if suffixes else "")

    def states(self) -> tuple[Member, ...]:
        """Members for the states: those in operand arrays, which are aligned, come first."""
        members = [self.arrays[name] for name, a in self.selection.arrays.items() if a.has_state]
        for state in self.program.states:
            homes = self._places(state.name)
            double = state.name in self.schedule.double_buffered
            if not homes:
                value = self.program.values[state.name]
                length = value.length + (value.length // state.along if state.along > 1 else 0)
                ctype, text = (
                    ctype_of(self.program, state.name),
                    _described(self.program, state.name),
                )
                member = _member(c_name(state.name), ctype, length, 1 + double, text)
                member = replace(member, suffix=self.suffixes.get(state.next, ""))
                members.append(member)
                homes = [(member, 0)]
            for member, offset in homes:
                current, after = member.home(CURRENT, offset), member.home(NEXT, offset)
                if state.along > 1:  # what a position leaves is where the next one begins
                    after = _inside(after, self.program.values[state.name].length // state.along)
                self.read.setdefault(state.name, member.home(NOW, offset))
                if state.given:
                    self.read.setdefault(state.given, current)
                    self.write.setdefault(state.given, []).append(current)
                if state.begins:
                    self.read.setdefault(state.begins, current)
                    self.write.setdefault(state.begins, []).append(current)
                self.current.setdefault(state.name, []).append(current)
                self.write.setdefault(state.next, []).append(after)
                if self.program.streams or not double:
                    self.read.setdefault(state.next, after)
        return tuple(members)

    def _places(self, state: str) -> list[tuple[Member, int]]:
        """Where a state lies in operand arrays."""
        return [
            (self.arrays[name], entry.offset)
            for name, array in self.selection.arrays.items()
            for entry in array.entries
            if entry.state and entry.value == state
        ]

    def operands(self) -> None:
        """What a phase makes for a kernel is written into the kernel's array."""
        taken = set(self.selection.takes.values())
        for name, array in self.selection.arrays.items():
            for entry in array.entries:
                if entry.state or (name, entry) in taken:
                    continue
                home = self._operand(name, entry)
                self.write.setdefault(entry.value, []).append(home)
                stays = self.program.streams and entry.value not in self._read_behind()
                if stays or not array.double:
                    self.read.setdefault(entry.value, home)

    def _read_behind(self) -> frozenset[str]:
        """Values that are read after the last of several ticks of a call, when nothing tells any
        more in which of two buffers that tick put them.
        """
        if not any(block.clock.extra > 0 for block in self.program.blocks):
            return frozenset()
        behind = (p for p in self.schedule.phases if (p.sweep, p.before) == (ONCE, LATEST))
        return frozenset(n for p in behind for n in (*p.loads, *p.scalars, *p.whole))

    def _operand(self, array: str, entry: Entry) -> Home:
        return self.arrays[array].home(NOW, entry.offset)

    def ports(self) -> None:
        """Inputs are read, outputs written where the caller keeps them."""
        for value, home in self.inputs.items():
            self.read.setdefault(value, home)
        copied = {m.into for p in self.schedule.phases for m in p.moves}
        copied -= self.selection.arrays.keys()
        for port in self.program.outputs:
            if port.name not in copied:
                self.write.setdefault(port.value, []).append(self.outputs[port.name])

    def between_phases(self) -> tuple[tuple[Member, ...], tuple[Member, ...]]:
        """Values that one phase leaves for another and that have no other home: those that are read
        more often than they are made, which stay as states do, and the others.

        Of a sequence that several sweeps need, every step is kept.
        """
        program, phases = self.program, self.schedule.phases
        arrays = self.selection.arrays
        found = {name: self.arrays[name] for name, array in arrays.items() if not array.has_state}
        sum_type = "float" if program.is_float else "int32_t"
        for phase, tiles in self.selection.tiles.items():
            if tiles.sums:
                name = f"{c_name(phase)}_sums"
                found[name] = _member(name, sum_type, tiles.sums, 1, "of a group's rows")
        read_later = {n for p in phases for n in (*p.loads, *p.scalars)}
        read_later |= {n for p in phases for op in p.ops if reads_whole(op) for n in op.args}
        made = [n for p in phases for n in (*p.stores, *(op.dest for op in p.reductions))]
        made += [m.into for m in self.schedule.joined]
        made += [m.into for p in phases for m in p.moves if m.into in program.values]
        sequences = program.sequences()
        for value in dict.fromkeys(made):
            whole = value in sequences
            if value not in read_later or (value in self.read and not whole):
                continue
            length = program.values[value].length
            steps = program.length_of(value).of(program.steps or 0) if whole else 1
            comment = _described(program, value)
            if whole:
                comment = f"{steps} steps of {length}, {comment}"
            member = _member(c_name(value), ctype_of(program, value), length * steps, 1, comment)
            member = replace(member, steps=steps)
            found[value] = member
            home = Home(f"state->{member.name}", member.ctype, 0, length if whole else 0)
            self.read[value] = home
            self.write.setdefault(value, []).append(home)
        stays = self._read_later()
        states = tuple(member for name, member in found.items() if name in stays)
        return states, tuple(member for name, member in found.items() if name not in stays)

    def _read_later(self) -> frozenset[str]:
        """Values that phases of their sweep read more often than they are made."""
        made = self.program.clock_of
        return frozenset(
            name
            for phase in self.schedule.phases
            for name in (*phase.loads, *phase.scalars, *phase.whole)
            if name in made and made[name][0] == phase.sweep
            if made[name][1].stride != phase.clock.stride
        )

    def parts(self) -> None:
        """Parts of a concat are written inside it, too."""
        for move in reversed(self.schedule.joined):
            homes = [_inside(home, move.offset) for home in self.write.get(move.into, [])]
            self.write.setdefault(move.value, []).extend(homes)

    def copied(self) -> dict[str, tuple[Home, ...]]:
        """What each copy phase fills."""
        found: dict[str, tuple[Home, ...]] = {}
        for phase in self.schedule.phases:
            if phase.name in self.selection.takes:
                found[phase.name] = (self._operand(*self.selection.takes[phase.name]),)
                continue
            homes: list[Home] = []
            for move in phase.moves:
                own = self.outputs.get(move.into)
                targets = [own] if own is not None else self.write.get(move.into, [])
                homes += [_inside(home, move.offset) for home in targets]
            if phase.is_copy:
                found[phase.name] = tuple(homes)
        return found


def _last(program: Program, value: str) -> str:
    """The index of the last step of a sequence."""
    length = program.length_of(value)
    return LAST if length == Length() else f"({length_text(length, 'steps')} - 1)"


def _at(program: Program, value: str, step: int) -> str:
    """The index of a step of a sequence, from its end where it is negative."""
    if step >= 0:
        return str(step)
    last = _last(program, value)
    return last if step == -1 else f"({last} - {-1 - step})"


def source_of(program: Program, memory: Memory, phase: Phase, value: str) -> Home:
    """Where a phase reads a value: a copy may want another step than the current one."""
    home = memory.read[value]
    steps = [m.step for m in phase.moves if m.value == value and m.step is not None]
    if steps and home.stride:
        return replace(home, step=_at(program, value, steps[0]))
    if phase.sweep == ONCE and home.stride:
        return replace(home, step=memory.ends.get(value, LAST))
    return home


def _inside(home: Home, offset: int) -> Home:
    return replace(home, offset=home.offset + offset)


def _described(program: Program, name: str) -> str:
    """The format of a value, without scales that come with weights which may be replaced."""
    fmt = program.values[name].format
    sums = {op.dest for op in program.products} | {s.name for s in program.states if s.accumulator}
    if program.decisions and name in sums:
        return f"{fmt.storage}, {signed_bits(fmt.low, fmt.high)} bits, in the scales of its weights"
    return fmt.describe()


def _member(name: str, ctype: str, length: int, buffers: int, comment: str) -> Member:
    """A member of whole words, so that the one after it is aligned."""
    width = 4 if ctype == "float" else STORAGE_BITS[ctype.removesuffix("_t")] // 8
    per_word = 4 // width
    length = -(-length // per_word) * per_word
    return Member(name, ctype, length, buffers, comment, width * length * buffers)
