"""What a phase's function is given: pointers to what it reads and writes, and the step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lstm_edge.emit.clocks import has_clocks, length_text, step_text
from lstm_edge.emit.memory import Home, Memory, c_name, home_of, source_of
from lstm_edge.emit.names import LocalNames
from lstm_edge.ir.clock import EVERY_TICK, Clock, Length
from lstm_edge.ir.program import ONCE, REVERSE, Program
from lstm_edge.operations import OPERATIONS, reads_whole
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Form, Timing
from lstm_edge.passes.operands import Run
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.select import Selection, Tiles

Stores = Mapping[str, tuple[tuple[str, str], ...]]
"""Value -> the pointers through which a phase stores it, with their types."""


WIDE_NAMES = (
    *("staged", "sums", "sum", "constant", "tile", "row"),
    *("vectors", "left", "there", "live", "at"),
)
"""Variables of a loop over vectors of units, beside those that all phases have."""


@dataclass(frozen=True)
class Parameters:
    """C parameters and arguments. read: value -> the pointer to it. runs: part of an operand -> the
    pointer to it. types: pointer -> C type. written: where results go. sides: the variables that
    choose a buffer in the arguments.
    """

    declared: tuple[str, ...]
    arguments: tuple[str, ...]
    read: Mapping[str, str]
    runs: Mapping[Run, str]
    types: Mapping[str, str]
    written: Stores
    sides: frozenset[str]


def parameters(
    program: Program, memory: Memory, phase: Phase, chosen: Selection, names: LocalNames
) -> Parameters:
    """The parameters of a phase: what it reads first, then what it only writes."""
    tiles, wide = chosen.tiles.get(phase.name), chosen.wide.get(phase.name)
    _reserve(tiles, names)
    for name in WIDE_NAMES if wide is not None else ():
        names.reserve(name)
    clocks = _clocks(program, phase)
    sources = {
        value: _at_position(
            _at_step(source_of(program, memory, phase, value), clocks.get(value, EVERY_TICK)),
            phase,
            value,
        )
        for value in _read(phase, tiles)
    }
    parts = _parts(memory, tiles, names, None if wide is None else wide.copied)
    outgoing = (*phase.stores, *(op.dest for op in phase.reductions))
    written = {
        value: memory.copied[phase.name] if phase.is_copy else memory.write.get(value, ())
        for value in outgoing
    }
    targets = {
        v: tuple(_at_position(_at_step(h, phase.clock), phase, v) for h in homes)
        for v, homes in written.items()
    }
    renewed = {home for homes in targets.values() for home in homes}
    pointers: dict[Home, str] = {}
    declared, arguments = [], []

    def add(home: Home, name: str, const: bool) -> None:
        pointers[home] = name
        declared.append(f"{'const ' if const else ''}{home.ctype} *{name}")
        arguments.append(home.text)

    for home, name in parts.values():
        if home not in pointers:
            add(home, names.reserve(name), home not in renewed)
    for value, home in sources.items():
        if home not in pointers:
            add(home, names.pointer(value), home not in renewed)
    for home in dict.fromkeys(h for homes in targets.values() for h in homes):
        if home not in pointers:
            add(home, names.target(home.array), False)
    if tiles is not None and tiles.sums:
        declared.append("float *sums" if program.is_float else "int32_t *sums")
        arguments.append(f"state->{c_name(phase.name)}_sums")
    _add_step(program, phase, declared, arguments)
    return Parameters(
        tuple(declared),
        tuple(arguments),
        {value: pointers[home] for value, home in sources.items()},
        {run: pointers[home] for run, (home, _) in parts.items()},
        {name: home.ctype for home, name in pointers.items()},
        {v: tuple((pointers[h], h.ctype) for h in homes) for v, homes in targets.items()},
        frozenset(home.side for home in pointers if home.side),
    )


def _reserve(tiles: Tiles | None, names: LocalNames) -> None:
    """Variables of the loops around kernels have their names, whatever the model's values have."""
    if tiles is None or tiles.is_wide:
        return
    plain = not (tiles.kernel and tiles.kernel.streams)
    if tiles.sums or plain:
        names.reserve("sums")
    if plain:
        names.reserve("bias")
    if tiles.inner < tiles.group:
        names.reserve("group")


def _parts(
    memory: Memory, tiles: Tiles | None, names: LocalNames, only: frozenset[Run] | None
) -> dict[Run, tuple[Home, str]]:
    """Where kernels find the parts of their operands, and what these are called. only: of these."""
    parts: dict[Run, tuple[Home, str]] = {}
    for rows, runs in zip(tiles.sets, tiles.runs, strict=True) if tiles else ():
        first = 0
        for run in runs:
            values = rows.operands[first : first + run.values]
            if only is None or run in only:
                parts[run] = (home_of(memory, run), "_".join(names.short(v) for v in values))
            first += run.values
    return parts


def _read(phase: Phase, tiles: Tiles | None) -> tuple[str, ...]:
    """Values that are read where they are; operands of kernels are read where kernels want them."""
    looked_up = {name for op in phase.ops if reads_whole(op) for name in op.args}
    whole = [v for v in phase.whole if tiles is None or v in looked_up]
    return (*whole, *phase.loads, *phase.scalars)


def _add_step(program: Program, phase: Phase, declared: list[str], arguments: list[str]) -> None:
    every = (*phase.matvecs, *phase.ops)
    stepped = [op for op in every if OPERATIONS[op.kind].timing is not Timing.NONE]
    if stepped:
        declared.append("int32_t step")
        arguments.append(_step(program, phase, stepped))
    for op in stepped:
        if OPERATIONS[op.kind].form is Form.WINDOW and phase.clock.extra > op.n:
            declared.append("int behind")
            arguments.append(_behind(program, phase, op.n))


def _clocks(program: Program, phase: Phase) -> dict[str, Clock]:
    """The clocks of values that the phase's own sweep makes."""
    return {v: clock for v, (sweep, clock) in program.clock_of.items() if sweep == phase.sweep}


def _at_step(home: Home, clock: Clock) -> Home:
    """A step of a sequence is counted by the clock by which it is made; what an earlier sweep made,
    and inputs, by every tick.
    """
    if not home.stride or home.step != "t":
        return home
    return replace(home, step=step_text(clock))


def _at_position(home: Home, phase: Phase, value: str) -> Home:
    """What a repeated phase finds or leaves of a vector, position by position."""
    if phase.positions == 1 or value in phase.scalars:
        return home
    return replace(home, apart=phase.strides.get(value, phase.units))


def _step(program: Program, phase: Phase, stepped: list[Op]) -> str:
    """The number of the step; of a backward sweep counted from its start for a restart."""
    if phase.sweep == ONCE:
        return "state->step" if program.streams else "steps - 1"
    if phase.clock != EVERY_TICK:
        return step_text(phase.clock)
    if program.streams:
        return "state->step" if not has_clocks(program) else "t"
    backward = program.sweeps[phase.sweep] == REVERSE
    restarts = any(OPERATIONS[op.kind].timing is Timing.FIRST for op in stepped)
    return f"{_length(program, phase)} - 1 - t" if backward and restarts else "t"


def _length(program: Program, phase: Phase) -> str:
    """How many steps the phase's sweep has, as the run function names it."""
    return "steps" if program.lengths[phase.sweep] == Length() else f"steps_{phase.sweep}"


def _behind(program: Program, phase: Phase, ends: int) -> str:
    """Whether the sequence that enters a window has ended."""
    length = str(program.steps) if program.streams else _length(program, phase)
    return f"t >= {length} + {ends}" if ends else f"t >= {length}"


def mean_count(op: Op) -> dict[str, str]:
    """What the text of an operation says that counts the steps so far."""
    if OPERATIONS[op.kind].timing is Timing.COUNT:
        return {"steps": length_text(Length(op.n, op.count), "(step + 1)")}
    return {}


def function_name(program: Program, phase: Phase) -> str:
    """The C function of a phase."""
    return f"{program.name}_{c_name(phase.name)}_units"
