"""Where values live in the C code: the state struct, the caller's arrays, or a local variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lstm_edge.formats import STORAGE_BITS, Format, smallest_storage
from lstm_edge.ir.program import Port, Program
from lstm_edge.passes.schedule import Schedule

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


@dataclass(frozen=True)
class Home:
    """An array that holds a value, as the step function sees it, from `offset` on."""

    array: str
    ctype: str
    offset: int = 0

    @property
    def text(self) -> str:
        """The C expression of its address."""
        return f"&{self.array}[{self.offset}]" if self.offset else self.array


@dataclass(frozen=True)
class Memory:
    """What a step needs in RAM: states live on, scratch only within a step.

    read: value -> where it is read. write: value -> all arrays that the phase which makes it must
    fill, several for a state that is also an output. copied: copy phase -> what it fills.
    """

    states: tuple[Member, ...]
    scratch: tuple[Member, ...]
    read: Mapping[str, Home]
    write: Mapping[str, tuple[Home, ...]]
    copied: Mapping[str, tuple[Home, ...]]
    counts_steps: bool

    @property
    def state_bytes(self) -> int:
        """Bytes of the state proper."""
        return sum(m.bytes for m in self.states)

    @property
    def scratch_bytes(self) -> int:
        """Bytes that need not live from step to step."""
        return sum(m.bytes for m in self.scratch)


def c_name(value: str) -> str:
    """A value's name as a C identifier."""
    return value.replace(".", "_")


def storage_of(fmt: Format) -> str:
    """The type in memory: as declared, or the smallest that holds the range of a wide value."""
    if fmt.storage == "int32":
        return smallest_storage(fmt.low, fmt.high)
    return fmt.storage


def ctype_of(program: Program, value: str) -> str:
    """The C type of a stored value; a state's new value has the state's type."""
    for state in program.states:
        if value in (state.name, state.next):
            return CTYPES[program.values[state.name].format.storage]
    return CTYPES[storage_of(program.values[value].format)]


def allocate(program: Program, schedule: Schedule, port_names: Mapping[str, str]) -> Memory:
    """A home for every stored value. port_names: port -> the C name of the caller's array."""
    read: dict[str, Home] = {}
    write: dict[str, list[Home]] = {}
    states = _states(program, schedule, read, write)
    for port in program.inputs:
        read.setdefault(port.value, _port_home(program, port, port_names))
    copied_outputs = {m.into for p in schedule.phases for m in p.moves}
    ports = {p.name: _port_home(program, p, port_names) for p in program.outputs}
    for port in program.outputs:
        if port.name not in copied_outputs:
            write.setdefault(port.value, []).append(ports[port.name])
    scratch = _scratch(program, schedule, read, write)
    for move in reversed(schedule.joined):
        homes = [_inside(home, move.offset) for home in write.get(move.into, [])]
        write.setdefault(move.value, []).extend(homes)
    copied = {
        phase.name: tuple(
            _inside(home, move.offset)
            for move in phase.moves
            for home in ([ports[move.into]] if move.into in ports else write.get(move.into, []))
        )
        for phase in schedule.phases
        if phase.is_copy
    }
    return Memory(
        states=states,
        scratch=scratch,
        read=read,
        write={name: tuple(homes) for name, homes in write.items()},
        copied=copied,
        counts_steps=any(op.kind == "matvec_over_time" for b in program.blocks for op in b.ops),
    )


def _states(
    program: Program, schedule: Schedule, read: dict[str, Home], write: dict[str, list[Home]]
) -> tuple[Member, ...]:
    members = []
    for state in program.states:
        double = state.name in schedule.double_buffered
        value = program.values[state.name]
        member = _member(
            program, state.name, value.length, 2 if double else 1, value.format.describe()
        )
        before = f"state->{member.name}[now]" if double else f"state->{member.name}"
        after = f"state->{member.name}[next]" if double else f"state->{member.name}"
        read[state.name] = Home(before, member.ctype)
        read[state.next] = Home(after, member.ctype)
        write.setdefault(state.next, []).append(read[state.next])
        members.append(member)
    return tuple(members)


def _port_home(program: Program, port: Port, port_names: Mapping[str, str]) -> Home:
    return Home(port_names[port.name], ctype_of(program, port.value))


def _inside(home: Home, offset: int) -> Home:
    return replace(home, offset=home.offset + offset)


def _scratch(
    program: Program, schedule: Schedule, read: dict[str, Home], write: dict[str, list[Home]]
) -> tuple[Member, ...]:
    """Values that one phase leaves for another and that have no other home."""
    found = {}
    read_later = {n for p in schedule.phases for n in (*p.loads, *p.whole, *p.scalars)}
    made = [n for p in schedule.phases for n in (*p.stores, *(op.dest for op in p.reductions))]
    made += [m.into for m in schedule.joined]
    made += [m.into for p in schedule.phases for m in p.moves if m.into in program.values]
    for value in dict.fromkeys(made):
        if value in read or value not in read_later:
            continue
        info = program.values[value]
        member = _member(program, value, info.length, 1, info.format.describe())
        found[value] = member
        read[value] = Home(f"state->{member.name}", member.ctype)
        write.setdefault(value, []).append(read[value])
    return tuple(found.values())


def _member(program: Program, value: str, length: int, buffers: int, comment: str) -> Member:
    ctype = ctype_of(program, value)
    width = 4 if ctype == "float" else STORAGE_BITS[ctype.removesuffix("_t")] // 8
    if buffers == 2 and width < 4:
        per_word = 4 // width
        length = -(-length // per_word) * per_word
    return Member(c_name(value), ctype, length, buffers, comment, width * length * buffers)
