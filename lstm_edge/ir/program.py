"""The program: a model as a list of operations with one exact meaning, integer or float32.

Every value is a vector with one format; every operation makes one new value. A sweep runs its
blocks at each time step, from the first to the last or the other way round; blocks of no sweep run
once, after all of them. A program of one forward sweep can be run step by step.
`interpret/execute.py` runs a program in numpy, `interpret/interval.py` bounds it, `emit/` prints C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import InternalError
from lstm_edge.formats import Format
from lstm_edge.ir.clock import EVERY_TICK, Clock, Length

Array = npt.NDArray[Any]

REDUCTIONS = ("max", "sum", "argmax")
"""Operations that make a value of length 1 from a vector."""
MATVECS = ("matvec", "matvec_over_time")
"""Sums of products with a matrix."""
WHOLE = (*MATVECS, "lookup")
"""Operations that read all units of their operands."""

STEPPED = ("matvec_over_time", "restart", "within", "mean_over_steps", "slide")
"""Operations that depend on the number of the step within the window."""

NUMBERED = ("shift", "round_shift", "saturate", "step_at")
"""Operations of one operand and a number n."""
PLACED = ("concat", "step_at")
"""Operations that are no code: their operands are written where the result is."""


@dataclass(frozen=True)
class Value:
    """A named vector of `length` numbers in one format; `comment` says what it is in the cell."""

    name: str
    length: int
    format: Format
    comment: str = ""


@dataclass(frozen=True)
class Op:
    """dest = kind(args). What the fields hold beyond that, by kind:

    matvec            bias constant, one matrix constant per operand in args; n: bits of a weight
    matvec_over_time  the same with matrices [steps, rows, columns], that of the step is used;
                      args[0] is the running sum, replaced by the bias at the first step
    shift, round_shift, saturate   n: the count or the number of bits
    table             table: the constant's name, n: log2 of the distance of its entries
    log, rsqrt        table
    lookup            matrices: one constant [rows, length], of which row args[0][n] is taken, the
                      nearest where there is none; bias: [rows] by which that row is multiplied;
                      count: bits of a number in it
    concat            operands of one format, end to end
    step_at           n: the step of a per-step value, 0 or -1; in a block that runs ONCE
    slice             features n .. n + count - 1 of the operand
    restart           the second operand at the first step of a window, else the first
    within            the first operand at steps below the third, an integer, else the second
    mean_over_steps   the operand divided by the number of steps of the window so far, counted
                      as a Length with offset n and stride count
    slide             the first operand moved by one vector, the second behind it; at the first step
                      the third, what pads, in place of the first; n ticks after the last step it
                      takes the place of the second
    An operand of length 1 applies to every unit.
    """

    kind: str
    dest: str
    args: tuple[str, ...]
    n: int = 0
    table: str = ""
    bias: str = ""
    matrices: tuple[str, ...] = ()
    count: int = 0


ONCE = -1
"""The sweep of what runs once, after the last step."""
LOAD = -2
"""The sweep of what runs when a caller sets a state."""
FORWARD, REVERSE = "forward", "reverse"


@dataclass(frozen=True)
class Block:
    """The operations of one layer in sweep number `sweep`, ONCE or LOAD."""

    layer: str
    sweep: int
    ops: tuple[Op, ...]
    clock: Clock = EVERY_TICK


@dataclass(frozen=True)
class State:
    """`name` is read during a step; `next` becomes its value after the step.

    initial: [length] in the format's integers (or floats). An accumulator belongs to a
    window, with which it starts anew. given: the value that becomes the state when a
    caller sets it, "" where none may: it comes from the caller, or from a block of LOAD.
    """

    name: str
    next: str
    initial: Array
    accumulator: bool = False
    given: str = ""


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

    axes, shape, limit: as in `ir/model.py`. Integers are stored as they are; the real value of
    feature k is scale[k] * (q - zero_point[k]).
    """

    name: str
    value: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    per_step: bool
    scale: Array
    zero_point: Array
    limit: int = 0


@dataclass(frozen=True)
class Program:
    """A whole model. constants: matrices, biases, tables and vectors by name.

    sweeps: FORWARD or REVERSE for each; lengths: of the sequences that they go over. steps: the
    sequence length that the model requires, None if any will do. row_scales: integer sum of
    products -> the real value of 1 of each of its rows. stands_for: value -> the value of the float
    program that it is in integers, where there is one.
    """

    name: str
    scheme: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[State, ...]
    values: Mapping[str, Value]
    constants: Mapping[str, Array]
    blocks: tuple[Block, ...]
    steps: int | None
    sweeps: tuple[str, ...] = (FORWARD,)
    options: Mapping[str, Any] = field(default_factory=dict)
    lengths: tuple[Length, ...] = (Length(),)
    state_inputs: tuple[StatePort, ...] = ()
    state_outputs: tuple[StatePort, ...] = ()
    row_scales: Mapping[str, Array] = field(default_factory=dict)
    stands_for: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_float(self) -> bool:
        """True for the float32 scheme."""
        return self.scheme == "float32"

    @property
    def streams(self) -> bool:
        """True where the program can be run step by step; else it needs the whole sequence."""
        looks_back = any(op.kind == "step_at" for block in self.blocks for op in block.ops)
        ahead = any(block.clock.extra for block in self.blocks)
        flushed = self.steps is not None and not any(port.per_step for port in self.outputs)
        return self.sweeps == (FORWARD,) and not looks_back and (not ahead or flushed)

    @property
    def settable(self) -> tuple[State, ...]:
        """States that a caller may read and set; others follow from these."""
        made = {op.dest for block in self.blocks for op in block.ops}
        return tuple(s for s in self.states if s.given and s.given not in made)

    @property
    def explicit(self) -> bool:
        """True where each call brings the states and takes them away again."""
        return bool(self.state_inputs) and (
            self.options.get("state") == "explicit" or not self.streams
        )

    @property
    def length_ports(self) -> tuple[Port, ...]:
        """Inputs that say how many steps of the sequence count."""
        read = {op.args[2] for b in self.blocks for op in b.ops if op.kind == "within"}
        return tuple(port for port in self.inputs if port.value in read)

    def clock_of(self) -> dict[str, tuple[int, Clock]]:
        """The sweep and the clock by which each value is made."""
        return {op.dest: (block.sweep, block.clock) for block in self.blocks for op in block.ops}

    def length_of(self, value: str) -> Length:
        """The length of a per-step value's sequence."""
        sweep, clock = self.clock_of().get(value, (ONCE, EVERY_TICK))
        return Length() if sweep < 0 else self.lengths[sweep].then(clock.length)

    @property
    def least_steps(self) -> int:
        """The shortest sequence of which every block computes something."""
        found = [
            self.lengths[b.sweep].then(b.clock.length).least for b in self.blocks if b.sweep >= 0
        ]
        return max(found, default=1)

    @property
    def counts_steps(self) -> bool:
        """True where the number of a step within its window matters."""
        return any(b.clock != EVERY_TICK for b in self.blocks) or any(
            op.kind in STEPPED for block in self.blocks for op in block.ops
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
                    across = block.sweep not in (source, ONCE) or op.kind == "step_at"
                    if source >= 0 and across:
                        found.append(name)
        return tuple(dict.fromkeys(found))


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
    wanted += [s.given for s in program.states if s.given]
    for name in wanted:
        if name not in made:
            raise InternalError(f"program {program.name}: {name} is never made")
    return program


def _check_op(program: Program, op: Op, made: set[str]) -> None:
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
    length = program.values[op.dest].length
    lengths = [program.values[name].length for name in op.args]
    if op.kind in MATVECS:
        _check_matvec(program, op, length)
        return
    if op.kind in REDUCTIONS:
        fits = length == 1
    elif op.kind == "slice":
        fits = length == op.count and 0 <= op.n <= op.n + op.count <= lengths[0]
    elif op.kind == "slide":
        fits = length == lengths[0] and length % lengths[1] == 0 and lengths[2] in (1, length)
    elif op.kind == "lookup":
        fits = length == program.constants[op.matrices[0]].shape[-1] and op.n < lengths[0]
    elif op.kind == "concat":
        fits = length == sum(lengths)
    else:
        fits = all(n in (1, length) for n in lengths)
    if not fits:
        raise InternalError(f"program {program.name}: {op.dest} is {length} long of {lengths}")


def _check_matvec(program: Program, op: Op, rows: int) -> None:
    operands = op.args[1:] if op.kind == "matvec_over_time" else op.args
    for matrix, operand in zip(op.matrices, operands, strict=True):
        expected = (rows, program.values[operand].length)
        found = np.shape(program.constants[matrix])[-2:]
        if found != expected:
            raise InternalError(f"program {program.name}: {matrix} is {found}, needs {expected}")
