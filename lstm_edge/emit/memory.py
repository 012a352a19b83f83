"""Where values live in the C code: the state struct, the caller's arrays, or a local variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lstm_edge.emit.clocks import length_text, suffix_of
from lstm_edge.formats import STORAGE_BITS
from lstm_edge.ir.clock import Length
from lstm_edge.ir.program import FORWARD, ONCE, Port, Program
from lstm_edge.passes.schedule import Phase, Schedule

FIRST, LAST = "0", "(steps - 1)"
"""Indices of a sequence's ends, in the run function."""
CTYPES = {"int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "float32": "float"}


@dataclass(frozen=True)
class Member:
    """An array in the state struct. `buffers`: 2 where a step writes one and reads the other."""

    name: str
    ctype: str
    length: int
    buffers: int
    comment: str
    bytes: int
    suffix: str = ""

    @property
    def padded_bytes(self) -> int:
        """Bytes in the struct, where the member after it may need an address of whole words."""
        return -(-self.bytes // 4) * 4

    @property
    def current(self) -> str:
        """The C expression of the array that holds the value between two steps."""
        return f"state->{self.name}" + (
            f"[state->current{self.suffix}]" if self.buffers == 2 else ""
        )


@dataclass(frozen=True)
class Home:
    """An array that holds a value, as the step or run function sees it, from `offset` on."""

    array: str
    ctype: str
    offset: int = 0
    stride: int = 0
    step: str = "t"

    @property
    def text(self) -> str:
        """The C expression of its address; `stride` numbers for each step of a sequence."""
        terms = [f"{self.step} * {self.stride}"] if self.stride else []
        terms += [str(self.offset)] if self.offset else []
        return f"&{self.array}[{' + '.join(terms)}]" if terms else self.array


@dataclass(frozen=True)
class Memory:
    """What a step needs in RAM: states live on, scratch only within a step.

    read: value -> where it is read. write: value -> all arrays that the phase which makes it must
    fill, several for a state that is also an output. copied: copy phase -> what it fills. ends:
    per-step value -> the step that its sweep computes last.
    """

    states: tuple[Member, ...]
    scratch: tuple[Member, ...]
    read: Mapping[str, Home]
    write: Mapping[str, tuple[Home, ...]]
    copied: Mapping[str, tuple[Home, ...]]
    ends: Mapping[str, str]
    counts_steps: bool

    @property
    def state_bytes(self) -> int:
        """Bytes of the state proper."""
        return sum(m.padded_bytes for m in self.states)

    @property
    def scratch_bytes(self) -> int:
        """Bytes that need not live from step to step."""
        return sum(m.padded_bytes for m in self.scratch)


def c_name(value: str) -> str:
    """A value's name as a C identifier."""
    return value.replace(".", "_")


def ctype_of(program: Program, value: str) -> str:
    """The C type of a stored value; a state's new value has the state's type."""
    if any(port.limit for port in (*program.inputs, *program.outputs) if port.value == value):
        return "int32_t"
    for state in program.states:
        if value in (state.name, state.next, state.given):
            return CTYPES[program.values[state.name].format.storage]
    return CTYPES[program.values[value].format.stored_as]


def allocate(program: Program, schedule: Schedule, port_names: Mapping[str, str]) -> Memory:
    """A home for every stored value. port_names: port -> the C name of the caller's array."""
    plan = _Plan(program, schedule, port_names)
    states = plan.states()
    plan.ports()
    scratch = plan.scratch()
    plan.parts()
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
        counts_steps=program.counts_steps,
    )


class _Plan:
    """Homes while they are found: states first, then ports, then what has none yet."""

    def __init__(self, program: Program, schedule: Schedule, port_names: Mapping[str, str]) -> None:
        self.program = program
        self.schedule = schedule
        self.suffixes = {
            value: suffix_of(program, sweep, clock)
            for value, (sweep, clock) in program.clock_of().items()
        }
        self.read: dict[str, Home] = {}
        self.write: dict[str, list[Home]] = {}
        self.outputs = {p.name: self._port(p, port_names) for p in program.outputs}
        self.inputs = {p.value: self._port(p, port_names) for p in program.inputs}

    def _port(self, port: Port, port_names: Mapping[str, str]) -> Home:
        """The caller's array: one step of it where the program streams, else all of them."""
        length = self.program.values[port.value].length
        stride = length if port.per_step and not self.program.streams else 0
        return Home(port_names[port.name], ctype_of(self.program, port.value), 0, stride)

    def states(self) -> tuple[Member, ...]:
        """Members for the states."""
        members = []
        for state in self.program.states:
            double = state.name in self.schedule.double_buffered
            value = self.program.values[state.name]
            member = _member(
                self.program, state.name, value.length, 2 if double else 1, value.format.describe()
            )
            member = replace(member, suffix=self.suffixes.get(state.next, ""))
            side = member.suffix
            before = f"state->{member.name}" + (f"[now{side}]" if double else "")
            after = f"state->{member.name}" + (f"[next{side}]" if double else "")
            self.read[state.name] = Home(before, member.ctype)
            if state.given:
                current = Home(member.current, member.ctype)
                self.read[state.given] = current
                self.write.setdefault(state.given, []).append(current)
            self.write.setdefault(state.next, []).append(Home(after, member.ctype))
            if self.program.streams or not double:
                self.read[state.next] = Home(after, member.ctype)
            members.append(member)
        return tuple(members)

    def ports(self) -> None:
        """Inputs are read, outputs written where the caller keeps them."""
        for value, home in self.inputs.items():
            self.read.setdefault(value, home)
        copied = {m.into for p in self.schedule.phases for m in p.moves}
        for port in self.program.outputs:
            if port.name not in copied:
                self.write.setdefault(port.value, []).append(self.outputs[port.name])

    def scratch(self) -> tuple[Member, ...]:
        """Values that one phase leaves for another and that have no other home.

        Of a sequence that several sweeps need, every step is kept.
        """
        program, phases = self.program, self.schedule.phases
        found = {}
        read_later = {n for p in phases for n in (*p.loads, *p.whole, *p.scalars)}
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
            comment = program.values[value].format.describe()
            if whole:
                comment = f"{steps} steps of {length}, {comment}"
            member = _member(program, value, length * steps, 1, comment)
            found[value] = member
            home = Home(f"state->{member.name}", member.ctype, 0, length if whole else 0)
            self.read[value] = home
            self.write.setdefault(value, []).append(home)
        return tuple(found.values())

    def parts(self) -> None:
        """Parts of a concat are written inside it, too."""
        for move in reversed(self.schedule.joined):
            homes = [_inside(home, move.offset) for home in self.write.get(move.into, [])]
            self.write.setdefault(move.value, []).extend(homes)

    def copied(self) -> dict[str, tuple[Home, ...]]:
        """What each copy phase fills."""
        found = {}
        for phase in self.schedule.phases:
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


def source_of(program: Program, memory: Memory, phase: Phase, value: str) -> Home:
    """Where a phase reads a value: a copy may want another step than the current one."""
    home = memory.read[value]
    steps = [m.step for m in phase.moves if m.value == value and m.step is not None]
    if steps and home.stride:
        return replace(home, step=FIRST if steps[0] == 0 else _last(program, value))
    if phase.sweep == ONCE and home.stride:
        return replace(home, step=memory.ends.get(value, LAST))
    return home


def _inside(home: Home, offset: int) -> Home:
    return replace(home, offset=home.offset + offset)


def _member(program: Program, value: str, length: int, buffers: int, comment: str) -> Member:
    ctype = ctype_of(program, value)
    width = 4 if ctype == "float" else STORAGE_BITS[ctype.removesuffix("_t")] // 8
    if buffers == 2 and width < 4:
        per_word = 4 // width
        length = -(-length // per_word) * per_word
    return Member(c_name(value), ctype, length, buffers, comment, width * length * buffers)
