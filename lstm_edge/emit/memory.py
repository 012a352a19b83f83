"""Where values live in the C code: the state struct, the caller's arrays, or a local variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lstm_edge.formats import STORAGE_BITS, Format, smallest_storage
from lstm_edge.ir.program import Program
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
class Memory:
    """What a step needs in RAM: states live on, scratch only within a step.

    read: value -> C expression of the array that holds it, seen from the step function. write: all
    arrays that the phase which makes it must fill, two for a state that is also an output. copied:
    arrays that a copy phase fills.
    """

    states: tuple[Member, ...]
    scratch: tuple[Member, ...]
    read: Mapping[str, str]
    write: Mapping[str, tuple[str, ...]]
    copied: Mapping[tuple[str, bool], tuple[str, ...]]
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
    read: dict[str, str] = {}
    write: dict[str, list[str]] = {}
    states = []
    for state in program.states:
        name = c_name(state.name)
        double = state.name in schedule.double_buffered
        fmt = program.values[state.name].format
        length = program.values[state.name].length
        states.append(_member(program, state.name, length, 2 if double else 1, fmt.describe()))
        read[state.name] = f"state->{name}[now]" if double else f"state->{name}"
        read[state.next] = f"state->{name}[next]" if double else f"state->{name}"
        write.setdefault(state.next, []).append(read[state.next])
    for port in program.inputs:
        read.setdefault(port.value, port_names[port.name])
    copied: dict[tuple[str, bool], list[str]] = {
        (p.loads[0], p.per_step): [] for p in schedule.phases if p.is_copy
    }
    for port in program.outputs:
        homes = copied.get((port.value, port.per_step), write.setdefault(port.value, []))
        homes.append(port_names[port.name])
    scratch = _scratch(program, schedule, read, write)
    over_time = any(op.kind == "matvec_over_time" for b in program.blocks for op in b.ops)
    return Memory(
        states=tuple(states),
        scratch=scratch,
        read=read,
        write={name: tuple(homes) for name, homes in write.items()},
        copied={key: tuple(homes) for key, homes in copied.items()},
        counts_steps=over_time,
    )


def _scratch(
    program: Program, schedule: Schedule, read: dict[str, str], write: dict[str, list[str]]
) -> tuple[Member, ...]:
    """Values that one phase leaves for another and that have no other home."""
    found = {}
    for phase in schedule.phases:
        reductions = tuple(op.dest for op in phase.reductions)
        read_later = {n for p in schedule.phases for n in (*p.loads, *p.whole, *p.scalars)}
        for value in (*phase.stores, *reductions):
            if value in read or value not in read_later:
                continue
            info = program.values[value]
            found[value] = _member(program, value, info.length, 1, info.format.describe())
            read[value] = f"state->{c_name(value)}"
            write.setdefault(value, []).append(read[value])
    return tuple(found.values())


def _member(program: Program, value: str, length: int, buffers: int, comment: str) -> Member:
    ctype = ctype_of(program, value)
    width = 4 if ctype == "float" else STORAGE_BITS[ctype.removesuffix("_t")] // 8
    if buffers == 2 and width < 4:
        per_word = 4 // width
        length = -(-length // per_word) * per_word
    return Member(c_name(value), ctype, length, buffers, comment, width * length * buffers)
