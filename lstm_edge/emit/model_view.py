"""A model as the templates of its header and its code print it: frozen, every text ready."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.emit import formats_comment
from lstm_edge.emit.blob import Blob
from lstm_edge.emit.clocks import has_clocks
from lstm_edge.emit.header import Macro, macros, state_macros, step_notes
from lstm_edge.emit.identity import Identity
from lstm_edge.emit.memory import NEXT, Member, Memory, c_name
from lstm_edge.emit.ports import PortView
from lstm_edge.emit.states import KeptState
from lstm_edge.emit.ticks import SweepView, emits, output_bits, sweep_views, wrap
from lstm_edge.emit.view import Constant, PhaseView
from lstm_edge.ir.program import LATEST, LOAD, ONCE, Program
from lstm_edge.passes.schedule import Schedule


@dataclass(frozen=True)
class InitialCopy:
    """What reset copies into a state that does not start at zero: C expressions."""

    target: str
    source: str


@dataclass(frozen=True)
class Signatures:
    """Parameters and arguments of the functions that run the model.

    advance: the static function of a step where states are arguments.
    """

    advance: tuple[str, ...]
    step: tuple[str, ...]
    run: tuple[str, ...]
    advance_arguments: tuple[str, ...]
    run_arguments: tuple[str, ...]


@dataclass(frozen=True)
class Sides:
    """Suffixes of clocks. buffered: those with two-part members. others: those of any member but
    "". final: those whose next side the phases after the last step read.
    """

    buffered: tuple[str, ...]
    others: tuple[str, ...]
    final: tuple[str, ...]


@dataclass(frozen=True)
class ModelView:
    """One model.

    functions: the phases that are C functions. final: those that run after the last step.
    final_outputs: names of outputs that exist after the last step only. wrap: as in `ticks`.
    emits: where results of a step come at some steps only, the C expression of whether they do.
    bits: where they come at different ones, each with its bit in that.
    dialect: its name. alone: for one target. small: for size. unrolled, wide: what the code has.
    blob: weights that can be replaced, which are no constants then.
    """

    name: str
    banner: tuple[str, ...]
    is_float: bool
    streams: bool
    explicit: bool
    steps: int | None
    least_steps: int
    counts_steps: bool
    states: tuple[Member, ...]
    scratch: tuple[Member, ...]
    kept: tuple[KeptState, ...]
    initial: tuple[InitialCopy, ...]
    constants: tuple[Constant, ...]
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]
    macros: tuple[Macro, ...]
    identity: str
    formats: tuple[str, ...]
    step_notes: tuple[str, ...]
    signatures: Signatures
    functions: tuple[PhaseView, ...]
    final: tuple[PhaseView, ...]
    passes: tuple[SweepView, ...]
    sides: Sides
    ticking: bool
    emits: str
    bits: tuple[tuple[PortView, int], ...]
    wrap: tuple[int, int]
    dialect: str
    alone: bool
    small: bool
    unrolled: bool
    wide: bool
    blob: Blob | None = None

    @property
    def upper(self) -> str:
        """What macros begin with."""
        return self.name.upper()

    @property
    def forgets(self) -> bool:
        """True where a step needs nothing of the state."""
        return not (self.states or self.scratch or self.counts_steps or self.sides.others)

    @property
    def open_window(self) -> bool:
        """True where a caller begins a window."""
        return self.counts_steps and self.streams and self.steps is None

    @property
    def extra_ticks(self) -> int:
        """Ticks of a window beyond its steps."""
        return self.passes[0].extra if self.streams else 0

    @property
    def final_outputs(self) -> tuple[str, ...]:
        """Outputs that exist after the last step only."""
        return tuple(p.name for p in self.outputs if not p.per_step)


@dataclass(frozen=True)
class Printing:
    """How the C is written: what its templates choose by, beside the model."""

    banner: tuple[str, ...]
    identity: Identity
    dialect: str
    alone: bool
    small: bool
    wide: bool


def model_view(
    program: Program,
    memory: Memory,
    plan: Schedule,
    phases: tuple[PhaseView, ...],
    ports: tuple[tuple[PortView, ...], tuple[PortView, ...]],
    kept: tuple[KeptState, ...],
    constants: tuple[Constant, ...],
    printing: Printing,
) -> ModelView:
    """The view of a program. phases: those of the plan; constants: but the initial states, which
    come last.
    """
    inputs, outputs = ports
    known = output_bits(program)
    views = zip(program.outputs, outputs, strict=True)
    bits = tuple((view, known[p.name]) for p, view in views if p.name in known)
    initial, more = _initial(program, memory)
    pairs = tuple(zip(plan.phases, phases, strict=True))
    set_by_caller = program.streams or program.explicit
    final = tuple(v for p, v in pairs if (p.sweep, p.before) == (ONCE, LATEST))
    return ModelView(
        name=program.name,
        banner=printing.banner,
        is_float=program.is_float,
        streams=program.streams,
        explicit=program.explicit,
        steps=program.steps,
        least_steps=program.least_steps,
        counts_steps=memory.counts_steps,
        states=memory.states,
        scratch=memory.scratch,
        kept=kept,
        initial=initial,
        constants=(*constants, *more),
        inputs=inputs,
        outputs=outputs,
        macros=(
            *printing.identity.macros(program),
            *macros(program, inputs, outputs),
            *state_macros(program),
        ),
        identity=printing.identity.text(program),
        formats=formats_comment.comment(program),
        step_notes=tuple(step_notes(program, inputs, outputs)),
        signatures=_signatures(program, inputs, outputs, kept, bits),
        functions=tuple(v for p, v in pairs if p.sweep != LOAD or set_by_caller),
        final=final,
        passes=sweep_views(program, plan.phases, phases),
        sides=_sides(memory, final),
        ticking=has_clocks(program),
        emits=emits(program),
        bits=bits,
        wrap=wrap(program),
        dialect=printing.dialect,
        alone=printing.alone,
        small=printing.small,
        unrolled=any("LE_UNROLLED" in line for view in phases for line in view.lines),
        wide=printing.wide,
    )


def _signatures(
    program: Program,
    inputs: tuple[PortView, ...],
    outputs: tuple[PortView, ...],
    kept: tuple[KeptState, ...],
    bits: tuple[tuple[PortView, int], ...],
) -> Signatures:
    state = f"{program.name}_state *state"
    given = [f"const {p.type} *{p.name}" for p in inputs]
    taken = [f"{p.type} *{p.name}" for p in outputs]
    given_states = [f"const {s.type} *{s.name}_in" for s in kept if program.explicit]
    taken_states = [f"{s.type} *{s.name}_out" for s in kept if program.explicit]
    arguments = [f"&{p.name}[t * {p.length}]" if p.per_step else p.name for p in inputs]
    place = "written" if emits(program) else "t"
    apart = {p.name for p, _ in bits}
    for p in outputs:
        last = f"t == steps - 1 ? {p.name} : NULL"
        where = f"written_{p.name}" if p.name in apart else place
        arguments.append(f"&{p.name}[{where} * {p.length}]" if p.per_step else last)
    return Signatures(
        advance=(state, *given, *taken),
        step=(state, *given, *given_states, *taken, *taken_states),
        run=(state, *given, *given_states, "int32_t steps", *taken, *taken_states),
        advance_arguments=("state", *(p.name for p in (*inputs, *outputs))),
        run_arguments=("state", *arguments),
    )


def _sides(memory: Memory, final: tuple[PhaseView, ...]) -> Sides:
    buffered = sorted({m.suffix for m in memory.states if m.buffers == 2})
    read = {side for phase in final for side in phase.sides}
    return Sides(
        tuple(buffered),
        tuple(sorted({m.suffix for m in memory.states} - {""})),
        tuple(side for side in buffered if f"{NEXT}{side}" in read),
    )


def _initial(
    program: Program, memory: Memory
) -> tuple[tuple[InitialCopy, ...], tuple[Constant, ...]]:
    """Arrays that reset copies into states that do not start at zero; the first buffer is read
    first.
    """
    copies: list[InitialCopy] = []
    constants: list[Constant] = []
    for state in program.states:
        if state.accumulator or not np.any(state.initial):
            continue
        arrays: dict[str, str] = {}
        for home in memory.current[state.name]:
            if home.ctype not in arrays:
                more = f"_{home.ctype.removesuffix('_t')}" if arrays else ""
                array = arrays[home.ctype] = f"{program.name}_{c_name(state.name)}_initial{more}"
                numbers = state.initial[: len(state.initial) // state.along]
                constants.append(
                    Constant(array, home.ctype, numbers.shape, numbers, "initial state")
                )
            copies.append(InitialCopy(home.in_first_buffer.text, arrays[home.ctype]))
    return tuple(copies), tuple(constants)
