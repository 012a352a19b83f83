"""The states that a caller may read and set, as the templates print them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lstm_edge.emit.memory import Memory, c_name
from lstm_edge.emit.remarks import format_text
from lstm_edge.emit.spell import float_literal, plain
from lstm_edge.emit.view import PhaseView
from lstm_edge.formats import STORAGE_BITS, Format
from lstm_edge.ir.program import LOAD, Program, StatePort
from lstm_edge.passes.schedule import Schedule
from lstm_edge.passes.widths import ctype_of


@dataclass(frozen=True)
class KeptHome:
    """An array that holds a state: the name of a pointer to it, its address, its type."""

    name: str
    text: str
    ctype: str


@dataclass(frozen=True)
class KeptState:
    """One state. type: its C type in the header. scale: the text of the real value of 1, "" where
    units differ in it. current: the array that holds it between steps, homes: all that do. follow:
    the phases that renew what follows from it. low, high: texts of the bounds, "" where the type
    has none narrower. format: of its numbers, "" for float32 and where units differ in it.
    """

    name: str
    type: str
    ctype: str
    length: int
    current: str
    comment: str
    scale: str
    low: str
    high: str
    format: str
    homes: tuple[KeptHome, ...]
    follow: tuple[PhaseView, ...]

    @property
    def same_type(self) -> bool:
        """True where the code keeps it as a caller gives it."""
        return all(home.ctype == self.ctype for home in self.homes)

    @property
    def more(self) -> bool:
        """True where it is kept in several arrays."""
        return len(self.homes) > 1


def kept_states(
    program: Program, memory: Memory, plan: Schedule, phases: tuple[PhaseView, ...]
) -> tuple[KeptState, ...]:
    """In the order of the program's states; `phases`: the views of the plan's."""
    found = []
    for state in program.settable:
        value = program.values[state.name]
        ctype = ctype_of(program, state.name)
        narrower = ctype != "float" and _is_narrower(value.format.low, value.format.high, ctype)
        found.append(
            KeptState(
                c_name(state.name),
                state_type(program, state.name),
                ctype,
                value.length,
                memory.current[state.name][0].text,
                f"{value.length} numbers, {value.format.describe()}{_ports(program, state.name)}",
                scale_text(value.format),
                str(value.format.low) if narrower else "",
                str(value.format.high) if narrower else "",
                format_text(value.format),
                tuple(
                    KeptHome(f"current_{k}" if k else "current", home.text, home.ctype)
                    for k, home in enumerate(memory.current[state.name])
                ),
                tuple(
                    view
                    for phase, view in zip(plan.phases, phases, strict=True)
                    if phase.sweep == LOAD and state.given in (*phase.loads, *phase.scalars)
                ),
            )
        )
    return tuple(found)


def scale_text(fmt: Format) -> str:
    """The real value of 1 in C; "" where units of a state differ in it."""
    if fmt.is_float:
        return float_literal(1.0)
    return float_literal(fmt.unit) if fmt.is_uniform else ""


def state_type(program: Program, state: str) -> str:
    """The C type of a state's numbers; a name in the header."""
    return f"{program.name}_{c_name(state)}_state_t"


def _is_narrower(low: int, high: int, ctype: str) -> bool:
    bits = STORAGE_BITS[ctype.removesuffix("_t")]
    return (low, high) != (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _ports(program: Program, state: str) -> str:
    found = [p for p in (*program.state_inputs, *program.state_outputs) if state in p.places]
    texts = [f"{plain(p.name)}{_part(p, state)}" for p in found]
    return f"; {' and '.join(texts)} of the model" if texts else ""


def _part(port: StatePort, state: str) -> str:
    """Which numbers of a port, flattened, are a state; "" for all of them in order."""
    places = port.places[state]
    if places == tuple(range(math.prod(port.shape))):
        return ""
    step = places[1] - places[0] if len(places) > 1 else 1
    if places == tuple(range(places[0], places[-1] + step, step)):
        every = "" if step == 1 else f" by {step}"
        return f"[{places[0]} .. {places[-1]}{every}]"
    return " in part"
