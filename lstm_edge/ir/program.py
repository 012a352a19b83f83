"""The program: a model as a list of operations with one exact meaning, integer or float32.

Every value is a vector with one format; every operation makes one new value. A sweep runs its
blocks at each time step, from the first to the last or the other way round; blocks of no sweep run
once, after all of them. A program of one forward sweep can be run step by step.
What an operation is, `operations/` says; `interpret/execute.py` runs a program in numpy,
`passes/prove.py` bounds it, `emit/` prints C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.choices import Scheme, StateForm, Why
from lstm_edge.errors import InternalError
from lstm_edge.formats import INT32_MAX, INT32_MIN, Format
from lstm_edge.ir.clock import EVERY_TICK, Clock, Length
from lstm_edge.operations import OPERATIONS, positions_of
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Reads, Timing

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Value:
    """A named vector of `length` numbers in one format; `comment` says what it is in the cell."""

    name: str
    length: int
    format: Format
    comment: str = ""


ONCE = -1
"""The sweep of what runs once, after the last step or before a sweep."""
LOAD = -2
"""The sweep of what runs when a caller sets a state."""
LATEST = -1
"""Behind all sweeps."""
FORWARD, REVERSE = "forward", "reverse"


@dataclass(frozen=True)
class Block:
    """The operations of one layer in sweep number `sweep`, ONCE or LOAD. before: of what runs
    once, the sweep before which it does, as that reads what it makes; LATEST after all sweeps.
    """

    layer: str
    sweep: int
    ops: tuple[Op, ...]
    clock: Clock = EVERY_TICK
    before: int = LATEST


@dataclass(frozen=True)
class State:
    """`name` is read during a step; `next` becomes its value after the step.

    initial: [length] in the format's integers (or floats). An accumulator belongs to a
    window, with which it starts anew. given: the value that becomes the state when a
    caller sets it, "" where none may: it comes from the caller, or from a block of LOAD. begins:
    the value that it takes before the sweep that renews it, "" where it goes on. along: so many
    positions of an inner axis it goes along within each step: at each it is what `next` was at the
    one before, at the first `initial`; it has numbers for all of them.
    """

    name: str
    next: str
    initial: Array
    accumulator: bool = False
    given: str = ""
    begins: str = ""
    along: int = 1

    @property
    def goes_on(self) -> bool:
        """True where it is kept from one call to the next."""
        return not self.accumulator and self.along == 1


@dataclass(frozen=True)
class StatePort:
    """An array of the user's that holds states: unit k of a state is number places[k] of it.

    places: state -> positions in the flattened array. partner: as in `ir/model.py`.
    """

    name: str
    shape: tuple[int, ...]
    places: Mapping[str, tuple[int, ...]]
    partner: str = ""


@dataclass(frozen=True)
class Port:
    """An input or output: how the user's array maps to vectors, and stored numbers to real ones.

    axes, shape, limit, before, kind, every: as in `ir/model.py`. Integers are stored as they are;
    the real value of feature k is scale[k] * (q - zero_point[k]).
    """

    name: str
    value: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    per_step: bool
    scale: Array
    zero_point: Array
    limit: int = 0
    before: str = ""
    kind: str = ""
    every: int = 1


@dataclass(frozen=True)
class Settings:
    """What a program was asked to be. activations, cell_state, weights: bits; of a float32 program
    they say nothing. state: where states live between calls.
    """

    activations: int = 16
    cell_state: int = 32
    weights: int = 8
    state: StateForm = "kept"


@dataclass(frozen=True)
class Program:
    """A whole model. constants: matrices, biases, tables and vectors by name.

    sweeps: FORWARD or REVERSE for each; lengths: of the sequences that they go over. steps: the
    sequence length that the model requires, None if any will do. stands_for: value -> the value of
    the float program that it is in integers, where there is one. chosen: value whose
    format was chosen, not computed -> where its range comes from. file_names: as in `ir/model.py`.
    decisions: of an updatable program, what `passes/decisions.py` keeps for other weights.
    """

    name: str
    scheme: Scheme
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[State, ...]
    values: Mapping[str, Value]
    constants: Mapping[str, Array]
    blocks: tuple[Block, ...]
    steps: int | None
    sweeps: tuple[str, ...] = (FORWARD,)
    settings: Settings = Settings()
    lengths: tuple[Length, ...] = (Length(),)
    state_inputs: tuple[StatePort, ...] = ()
    state_outputs: tuple[StatePort, ...] = ()
    stands_for: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, Why] = field(default_factory=dict)
    file_names: Mapping[str, str] = field(default_factory=dict)
    decisions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_float(self) -> bool:
        """True for the float32 scheme."""
        return self.scheme == "float32"

    @property
    def streams(self) -> bool:
        """True where the program can be run step by step; else it needs the whole sequence."""
        looks_back = any(_reads_sequence(op) for block in self.blocks for op in block.ops)
        ahead = any(block.clock.extra > 0 for block in self.blocks)
        ends_early = any(block.clock.extra < 0 for block in self.blocks) and self.steps is None
        flushed = self.steps is not None and not any(port.per_step for port in self.outputs)
        begun = any(state.begins for state in self.states)
        alone = self.sweeps == (FORWARD,) and not (looks_back or ends_early or begun)
        return alone and (not ahead or flushed)

    @property
    def settable(self) -> tuple[State, ...]:
        """States that a caller may read and set; others follow from these."""
        made = {op.dest for block in self.blocks for op in block.ops}
        return tuple(s for s in self.states if s.given and s.given not in made)

    @property
    def explicit(self) -> bool:
        """True where each call brings the states and takes them away again."""
        return bool(self.state_inputs) and (self.settings.state == "explicit" or not self.streams)

    @property
    def length_ports(self) -> tuple[Port, ...]:
        """Inputs that say how many steps of the sequence count."""
        read = {length_read(op) for block in self.blocks for op in block.ops}
        return tuple(port for port in self.inputs if port.value in read)

    @property
    def products(self) -> tuple[Op, ...]:
        """The sums of products with matrices, in the order in which they are made."""
        ops = (op for block in self.blocks for op in block.ops)
        return tuple(op for op in ops if OPERATIONS[op.kind].multiplies)

    @cached_property
    def clock_of(self) -> Mapping[str, tuple[int, Clock]]:
        """The sweep and the clock by which each value is made."""
        return {op.dest: (block.sweep, block.clock) for block in self.blocks for op in block.ops}

    @cached_property
    def positions_of(self) -> Mapping[str, int]:
        """How often the loop is repeated that makes each value, or ANY."""
        ops = (op for block in self.blocks for op in block.ops)
        known = self.constants
        return {op.dest: positions_of(op, known, self.values[op.dest].length) for op in ops}

    def length_of(self, value: str) -> Length:
        """The length of a per-step value's sequence."""
        sweep, clock = self.clock_of.get(value, (ONCE, EVERY_TICK))
        return Length() if sweep < 0 else self.lengths[sweep].then(clock.length)

    def is_number(self, name: str) -> bool:
        """True for a constant of one number that other weights leave as it is: code may have it."""
        fmt = self.values[name].format
        kept = not self.decisions or fmt.low == fmt.high
        return kept and len(self.constants[name]) == 1

    @property
    def least_steps(self) -> int:
        """The shortest sequence of which every block computes something, and in which each step
        that is read by its number is there.
        """
        found = [
            self.lengths[b.sweep].then(b.clock.length).least() for b in self.blocks if b.sweep >= 0
        ]
        for op in (op for block in self.blocks for op in block.ops if op.kind == "step_at"):
            found.append(self.length_of(op.args[0]).least(op.n + 1 if op.n >= 0 else -op.n))
        return max(found, default=1)

    @property
    def counts_steps(self) -> bool:
        """True where the number of a step within its window matters."""
        return any(b.clock != EVERY_TICK for b in self.blocks) or any(
            OPERATIONS[op.kind].timing is not Timing.NONE
            for block in self.blocks
            for op in block.ops
        )

    def sweep_of(self) -> dict[str, int]:
        """The sweep in which each value is made; inputs, states and constants are not listed."""
        return {op.dest: block.sweep for block in self.blocks for op in block.ops}

    def sequences(self) -> tuple[str, ...]:
        """Per-step values of which other sweeps need every step, or one that is not the last
        computed.
        """
        made = self.sweep_of()
        found = []
        for block in self.blocks:
            for op in block.ops:
                for name in op.args:
                    source = made.get(name, ONCE)
                    across = block.sweep not in (source, ONCE) or _reads_sequence(op)
                    if source >= 0 and across:
                        found.append(name)
        return tuple(dict.fromkeys(found))


def length_read(op: Op) -> str:
    """The operand that is the length of a sequence, "" where there is none."""
    place = OPERATIONS[op.kind].length
    return "" if place is None else op.args[place]


def _reads_sequence(op: Op) -> bool:
    return OPERATIONS[op.kind].reads is Reads.SEQUENCE


def verify(program: Program) -> Program:
    """Check that every value is made once before it is used, and every name is known."""
    made = {port.value for port in program.inputs} | {state.name for state in program.states}
    made |= {name for name in program.values if name in program.constants}
    made |= {state.given for state in program.settable}
    for block in program.blocks:
        for op in block.ops:
            _check_op(program, op, made)
            made.add(op.dest)
    wanted = [port.value for port in program.outputs] + [s.next for s in program.states]
    wanted += [name for s in program.states for name in (s.given, s.begins) if name]
    for name in wanted:
        if name not in made:
            raise InternalError(f"program {program.name}: {name} is never made")
    _check_sizes(program)
    return program


def _check_sizes(program: Program) -> None:
    """Values hold some numbers of int32, states go along whole positions, ports hold real numbers
    of each feature, a sweep has a length.
    """
    for value in program.values.values():
        if not INT32_MIN <= value.format.low <= value.format.high <= INT32_MAX:
            raise InternalError(f"program {program.name}: {value.name} holds no numbers of int32")
    for state in program.states:
        if state.along < 1 or program.values[state.name].length % state.along:
            raise InternalError(f"program {program.name}: {state.name} goes along {state.along}")
    for port in (*program.inputs, *program.outputs):
        length, scale = program.values[port.value].length, port.scale
        usable = scale.shape == port.zero_point.shape == (length,) and np.all(np.isfinite(scale))
        if port.every < 1 or not usable or not np.all(scale):
            raise InternalError(f"program {program.name}: port {port.name} has no numbers")
    if len(program.sweeps) != len(program.lengths):
        raise InternalError(f"program {program.name}: a sweep has no length")


def _check_op(program: Program, op: Op, made: set[str]) -> None:
    if op.kind not in OPERATIONS:
        raise InternalError(f"program {program.name}: {op.dest} = {op.kind}(...) is no operation")
    if op.dest in made:
        raise InternalError(f"program {program.name}: {op.dest} is made twice")
    for name in op.args:
        if name not in made:
            raise InternalError(f"program {program.name}: {op.dest} reads {name} before it is made")
    for name in (op.bias, op.table, *op.matrices):
        if name and name not in program.constants:
            raise InternalError(f"program {program.name}: {op.dest} names no constant {name}")
    _check_lengths(program, op)


def _check_lengths(program: Program, op: Op) -> None:
    lengths = [program.values[name].length for name in op.args]
    length = program.values[op.dest].length
    wrong = OPERATIONS[op.kind].misfit(op, length, lengths, program.constants)
    if wrong:
        raise InternalError(f"program {program.name}: {op.dest} {wrong}")
