"""Cut a program into phases: loops over the units of a layer that need nothing of each other.

An elementwise operation of unit j needs unit j of its operands only, so it runs in the loop that
makes them; a matvec needs all of its operand, so it starts a later loop. An LSTM layer is one
phase, its dense head another, a softmax three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lstm_edge.errors import InternalError
from lstm_edge.ir.clock import EVERY_TICK, Clock
from lstm_edge.ir.program import LATEST, LOAD, ONCE, Block, Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Form, Reads
from lstm_edge.passes.place import Draft, place, positions_of, sink

When = tuple[int, Clock, int]
"""What phases have in common that can read what each other make: see `Phase.when`."""


@dataclass(frozen=True)
class Move:
    """A vector that is (also) kept inside another one, or in an output.

    `value` goes to `offset` of the value or output `into`. step: that of a sequence, 0 or -1; None
    for the current value.
    """

    value: str
    into: str
    offset: int = 0
    step: int | None = None


@dataclass(frozen=True)
class Phase:
    """One loop over `units`: matvecs, then elementwise operations, reductions and stores.

    loads: values read from memory, one per unit. whole: vectors read whole, by matvecs and
    lookups. scalars: results of earlier reductions. stores: values that others, states or outputs
    need. moves: of a copy, where its value goes. before: of what runs once, the sweep before which
    it does, or LATEST. positions: how often the loop is repeated, each time for the next units.
    strides: of what is loaded unit by unit, how many numbers further on each repetition finds it
    where these are not as many as there are units.
    """

    name: str
    sweep: int
    units: int
    matvecs: tuple[Op, ...]
    ops: tuple[Op, ...]
    reductions: tuple[Op, ...]
    loads: tuple[str, ...]
    whole: tuple[str, ...]
    scalars: tuple[str, ...]
    stores: tuple[str, ...]
    moves: tuple[Move, ...] = ()
    clock: Clock = EVERY_TICK
    before: int = LATEST
    positions: int = 1
    strides: Mapping[str, int] = field(default_factory=dict)

    @property
    def when(self) -> When:
        """The sweep, the ticks of it, and before which sweep the phase runs where it runs once."""
        return self.sweep, self.clock, self.before

    @property
    def per_step(self) -> bool:
        """True where the phase runs at each step of its sweep."""
        return self.sweep >= 0

    @property
    def is_copy(self) -> bool:
        """True where values are only moved, to outputs."""
        return not (self.matvecs or self.ops or self.reductions)


@dataclass(frozen=True)
class Schedule:
    """Phases in order of execution, and where each state lives.

    joined: parts of a concat that the phases which make them write in place.

    double_buffered: states read whole, or by another phase than the one that renews them; their
    new value goes to a second buffer. The others are renewed in place.
    """

    phases: tuple[Phase, ...]
    joined: tuple[Move, ...]
    double_buffered: frozenset[str]


def schedule(program: Program) -> Schedule:
    """The phases of a program; the same operations in an order that keeps every dependence."""
    drafts: list[Draft] = []
    made_in: dict[str, Draft] = {}
    joined: list[Move] = []
    copies: list[Phase] = []
    for block in program.blocks:
        for op in block.ops:
            if OPERATIONS[op.kind].placed:
                made_in[op.dest] = _join(program, op, block, made_in, joined, copies)
                continue
            draft = place(program, op, block, drafts, made_in)
            draft.ops.append(op)
            made_in[op.dest] = draft
    wanted = _wanted(program)
    sink(program, drafts, made_in, wanted)
    made = _finish(program, drafts, made_in, wanted)
    outgoing = _outputs(program, made_in)
    every = (*copies, *made, *outgoing)
    sweeps = range(len(program.sweeps))
    turns = [turn for k in sweeps for turn in ((ONCE, k), (k, LATEST))]
    order = [*turns, (ONCE, LATEST), (LOAD, LATEST)]
    phases = tuple(p for turn in order for p in every if (p.sweep, p.before) == turn)
    _check_carried(program, phases)
    return Schedule(phases, tuple(joined), _double_buffered(program, phases))


def _check_carried(program: Program, phases: tuple[Phase, ...]) -> None:
    """A state that goes along positions is read and renewed by one loop, which is repeated at each:
    another would be there for all of them before.
    """
    for state in program.states:
        if state.along == 1:
            continue
        reading = [p for p in phases if state.name in (*p.loads, *p.whole, *p.scalars)]
        (making,) = (p for p in phases if state.next in p.stores and not p.is_copy)
        if reading != [making] or making.positions != state.along:
            raise InternalError(f"program {program.name}: {state.name} takes more than one loop")


def _join(
    program: Program,
    op: Op,
    block: Block,
    made_in: Mapping[str, Draft],
    joined: list[Move],
    copies: list[Phase],
) -> Draft:
    """A concat is no loop: its parts are written in place, or copied where nothing makes them at
    the same time (an input, a state, the last step's value). Complete after the last part.
    """
    offset, level = 0, 0
    for part in op.args:
        source = made_in.get(part)
        move = Move(
            part, op.dest, offset, op.n if OPERATIONS[op.kind].reads is Reads.SEQUENCE else None
        )
        now = source is not None and (source.sweep, source.before) == (block.sweep, block.before)
        if source is not None and now and move.step is None:
            joined.append(move)
            level = max(level, source.level)
        else:
            copies.append(_copy(program, move, block, f"{op.dest}_{offset}"))
        offset += program.values[part].length
    return Draft(block.layer, block.sweep, block.clock, level, 0, [], block.before)


def _copy(program: Program, move: Move, block: Block, name: str) -> Phase:
    units = program.values[move.value].length
    value = (move.value,)
    name = f"copy_{name.replace('.', '_')}"
    fields = ((), (), (), value, (), (), value, (move,), block.clock, block.before)
    return Phase(name, block.sweep, units, *fields)


def _wanted(program: Program) -> frozenset[str]:
    """Values that go to memory whichever loop makes them: outputs, states, parts of a concat."""
    wanted = {p.value for p in program.outputs}
    wanted |= {name for s in program.states for name in (s.next, s.given, s.begins)}
    for block in program.blocks:
        placed = (op for op in block.ops if OPERATIONS[op.kind].placed)
        wanted |= {name for op in placed for name in op.args}
    return frozenset(wanted)


def _finish(
    program: Program,
    drafts: list[Draft],
    made_in: Mapping[str, Draft],
    wanted: frozenset[str],
) -> tuple[Phase, ...]:
    ordered = sorted(drafts, key=lambda d: (d.sweep < 0, abs(d.sweep), d.level))
    phases: list[Phase] = []
    names: set[str] = set()
    for draft in ordered:
        read_elsewhere = {
            name for d in drafts if d is not draft for op in d.ops for name in op.args
        }
        made = [op.dest for op in draft.ops if not OPERATIONS[op.kind].reduces]
        stores = tuple(n for n in made if n in wanted or n in read_elsewhere)
        name, k = draft.layer, 2
        while name in names:
            name, k = f"{draft.layer}_{k}", k + 1
        names.add(name)
        phases.append(_phase(program, draft, name, stores, made_in))
    return tuple(phases)


def _phase(
    program: Program,
    draft: Draft,
    name: str,
    stores: tuple[str, ...],
    made_in: Mapping[str, Draft],
) -> Phase:
    loads, whole, scalars = [], [], []
    strides: dict[str, int] = {}
    positions = positions_of(program, tuple(draft.ops))
    assert positions is not None, name
    ops = [(op, OPERATIONS[op.kind]) for op in draft.ops]
    for op, record in ops:
        for k, arg in enumerate(op.args):
            if made_in.get(arg) is draft or arg in program.constants:
                continue
            if record.reads is Reads.WHOLE and k >= record.running:
                whole.append(arg)
            elif program.values[arg].length == 1 and record.reads is not Reads.SHIFTED:
                scalars.append(arg)
            else:
                loads.append(arg)
                strides |= {arg: op.stride} if op.positions > 1 and positions > 1 else {}
    return Phase(
        name=name,
        sweep=draft.sweep,
        units=draft.units // positions,
        matvecs=tuple(op for op, record in ops if record.multiplies),
        ops=tuple(op for op, record in ops if not (record.multiplies or record.reduces)),
        reductions=tuple(op for op, record in ops if record.reduces),
        loads=tuple(dict.fromkeys(loads)),
        whole=tuple(dict.fromkeys(whole)),
        scalars=tuple(dict.fromkeys(scalars)),
        stores=stores,
        clock=draft.clock,
        before=draft.before,
        positions=positions,
        strides=strides,
    )


def _outputs(program: Program, made_in: Mapping[str, Draft]) -> list[Phase]:
    """Copies to outputs that exist after the last step only but are made at every step, and to
    those that no operation makes (an input passed through).
    """
    copies: list[Phase] = []
    for port in program.outputs:
        source = made_in.get(port.value)
        sweep = ONCE if source is None else source.sweep
        clock = EVERY_TICK if source is None else source.clock
        if source is not None and (sweep != ONCE) == port.per_step:
            continue
        into = max(sweep, 0) if port.per_step else ONCE
        move = Move(port.value, port.name)
        block = Block("", into, (), clock if port.per_step else EVERY_TICK)
        copies.append(_copy(program, move, block, f"{port.value}_{len(copies)}"))
    return copies


def _double_buffered(program: Program, phases: tuple[Phase, ...]) -> frozenset[str]:
    renewed = {n: k for k, phase in enumerate(phases) if not phase.is_copy for n in phase.stores}
    found = set()
    for state in program.states:
        for k, phase in enumerate(phases if state.along == 1 else ()):
            reads = state.name in (*phase.loads, *phase.whole, *phase.scalars)
            others = state.name in phase.whole or _shifted(phase, state.name)
            if reads and (others or k != renewed.get(state.next)):
                found.add(state.name)
    return frozenset(found)


def _shifted(phase: Phase, value: str) -> bool:
    """True where a unit reads another unit of the value, but for a window, which moves in place."""
    records = [OPERATIONS[op.kind] for op in phase.ops if value in op.args]
    return any(r.reads is Reads.SHIFTED and r.form is not Form.WINDOW for r in records)
