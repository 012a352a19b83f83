"""What running a program needs and no step of it changes, found once for all steps and calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.interpret.carried import Carried
from lstm_edge.ir.clock import Clock, Length
from lstm_edge.ir.program import LATEST, ONCE, Block, Program
from lstm_edge.operations import OPERATIONS, functions, repeats
from lstm_edge.operations.call import Call, Moment, Op, operands
from lstm_edge.operations.product import matvec_in_any_order
from lstm_edge.operations.record import Bind, Function, Reads, Timing

Array = npt.NDArray[Any]
Observer = Callable[[Op, tuple[Array, ...], Array], None]
"""Called after each operation with its operands [samples, length] and its result."""
Functions = Mapping[str, Function]
"""By a name: what computes the result of an operation, from what its record binds."""


@dataclass(frozen=True)
class Runnable:
    """A block whose operations have their meanings: (operation, meaning, bind, whether it counts
    steps) each, without a bind where operands are all that the meaning is given.
    """

    block: Block
    calls: tuple[tuple[Op, Function, Bind | None, bool], ...]
    carried: Carried | None = None

    @property
    def clock(self) -> Clock:
        """When it runs."""
        return self.block.clock

    @cached_property
    def makes(self) -> frozenset[str]:
        """The values that it computes."""
        return frozenset(op.dest for op, *_ in self.calls)

    def run(
        self,
        values: dict[str, Array],
        moment: Moment,
        observe: Observer | None = None,
        into: dict[str, Array] | None = None,
    ) -> None:
        """Run the operations; results go to `values`, and to `into`."""
        along = []
        for op, function, bind, counts in self.calls:
            if self.carried is not None and op.dest in self.carried.inside:
                along.append((op, function))
                continue
            args = tuple([values[name] for name in op.args])
            if bind is None:
                result = function(*args)
            else:
                count = _steps_so_far(op, moment) if counts else 0
                result = function(*bind(Call(op, args, values, moment, count)))
            values[op.dest] = result
            if into is not None:
                into[op.dest] = result
            if observe is not None:
                observe(op, args, result)
        if self.carried is not None:
            self.carried.run(along, values, moment, observe)
            if into is not None:
                into.update((op.dest, values[op.dest]) for op, _ in along)


def _steps_so_far(op: Op, moment: Moment) -> int:
    """How many steps of the window an operation that counts them has seen."""
    return max(1, Length(op.n, op.count).of(moment.steps))


@dataclass(frozen=True)
class Sweep:
    """The blocks of a sweep. kept: per-step values of which it makes, or is given, every step that
    is wanted; read: what it reads, and those.
    """

    blocks: tuple[Runnable, ...]
    kept: tuple[str, ...]
    read: frozenset[str]
    states: tuple[tuple[str, str], ...]
    """(state, the value that it takes at the end of a step)."""
    before: tuple[Runnable, ...] = ()
    """What runs once before it."""
    begins: tuple[tuple[str, str], ...] = ()
    """(state that it renews, the value that it takes before the first step)."""
    _by_blocks: dict[tuple[int, ...], tuple[frozenset[str], tuple[tuple[str, str], ...]]] = field(
        default_factory=dict
    )

    @property
    def extra(self) -> int:
        """Ticks after the last step."""
        return max(0, *(b.clock.extra for b in self.blocks), 0)

    def made(
        self, running: Iterable[Runnable]
    ) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
        """What some of the blocks compute, and the states that it moves."""
        blocks = tuple(running)
        key = tuple(id(each) for each in blocks)
        if key not in self._by_blocks:
            names = frozenset[str]().union(*(each.makes for each in blocks))
            moved = tuple(pair for pair in self.states if pair[1] in names)
            self._by_blocks[key] = (names, moved)
        return self._by_blocks[key]


@dataclass(frozen=True)
class Prepared:
    """A program, ready to be run. constants: in the program's number system."""

    program: Program
    constants: Mapping[str, Array]
    sweeps: tuple[Sweep, ...]
    once: tuple[Runnable, ...]
    """What runs once behind all sweeps."""
    made: Mapping[str, int]
    """The sweep in which each value is made."""
    streams: bool
    gives: bool
    """Whether outputs are kept step by step."""

    @property
    def kind(self) -> type[np.generic]:
        """The type of the numbers."""
        return np.float32 if self.program.is_float else np.int64


def prepare(
    program: Program, exact: bool = True, instead: Functions | None = None, gives: bool = True
) -> Prepared:
    """`exact` and `instead` as for `execute.run`; gives: False where outputs are of no interest."""
    table = _operations(program, exact)
    made = program.sweep_of()
    kept = _kept(program, gives)
    states = tuple((s.name, s.next) for s in program.states)
    once = runnable(program, table, instead or {}, ONCE)
    sweeps = []
    for sweep in range(len(program.sweeps)):
        blocks = runnable(program, table, instead or {}, sweep)
        own = tuple(name for name in kept if made.get(name, sweep) == sweep)
        read = {name for each in blocks for op, *_ in each.calls for name in op.args}
        begins = tuple(
            (s.name, s.begins) for s in program.states if s.begins and made[s.next] == sweep
        )
        before = tuple(each for each in once if each.block.before == sweep)
        sweeps.append(Sweep(blocks, own, frozenset(read).union(own), states, before, begins))
    last = tuple(each for each in once if each.block.before == LATEST)
    return Prepared(program, _constants(program), tuple(sweeps), last, made, program.streams, gives)


def runnable(
    program: Program, table: Functions, instead: Functions, sweep: int
) -> tuple[Runnable, ...]:
    """The blocks of a sweep, with their meanings."""
    found = []
    for block in program.blocks:
        if block.sweep != sweep:
            continue
        calls = []
        for op in block.ops:
            record = OPERATIONS[op.kind]
            function = instead[op.dest] if op.dest in instead else table[op.kind]
            bind = None if record.bind is operands else record.bind
            if any(
                repeats(op, a, program.constants, program.values[op.dest].length) for a in op.args
            ):
                bind = _repeating(record.bind, program.values[op.dest].length)
            calls.append((op, function, bind, record.timing is Timing.COUNT))
        renewed = {op.dest for op in block.ops}
        states = tuple(s for s in program.states if s.along > 1 and s.next in renewed)
        carried = Carried(program, block, states) if states else None
        found.append(Runnable(block, tuple(calls), carried))
    return tuple(found)


def _repeating(bind: Bind, length: int) -> Bind:
    """The arguments of a meaning where constants repeat over `length` units."""

    def bound(call: Call) -> tuple[Any, ...]:
        args = [a if a.shape[-1] in (1, length) else _as_long(a, length) for a in call.args]
        return bind(Call(call.op, tuple(args), call.constants, call.moment, call.count))

    return bound


def _as_long(numbers: Array, length: int) -> Array:
    return np.tile(numbers, length // numbers.shape[-1])


def _operations(program: Program, exact: bool) -> Functions:
    table = functions(is_float=program.is_float)
    if program.is_float and not exact:
        table |= {n: matvec_in_any_order for n in table if OPERATIONS[n].multiplies}
    return table


def blocks_of(program: Program, sweep: int) -> tuple[Runnable, ...]:
    """The blocks of a sweep, each operation exact."""
    return runnable(program, _operations(program, exact=True), {}, sweep)


def _constants(program: Program) -> dict[str, Array]:
    """In the program's number system; integer matrices in float64, in which `matvec`
    multiplies, so that it need not convert them at each step.
    """
    if program.is_float:
        return {n: a.astype(np.float32) for n, a in program.constants.items()}
    ops = (op for block in program.blocks for op in block.ops)
    multiplied = {name for op in ops if OPERATIONS[op.kind].multiplies for name in op.matrices}
    return {
        n: a.astype(np.float64 if n in multiplied else np.int64)
        for n, a in program.constants.items()
    }


def _kept(program: Program, gives: bool) -> list[str]:
    """Per-step values of which every step is wanted: outputs, and what other sweeps read."""
    wanted = [p.value for p in program.outputs if p.per_step and gives]
    return list(dict.fromkeys([*wanted, *program.sequences()]))


def read_whole(block: Block, sequences: Mapping[str, Array]) -> dict[str, Array]:
    """Operands that are whole sequences."""
    ops = (op for op in block.ops if OPERATIONS[op.kind].reads is Reads.SEQUENCE)
    return {name: sequences[name] for op in ops for name in op.args}
