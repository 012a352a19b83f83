"""Run a program in numpy: the definition that the C code must match bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from lstm_edge import numerics, numerics_float
from lstm_edge.ir.clock import Length
from lstm_edge.ir.program import (
    FORWARD,
    LOAD,
    MATVECS,
    NUMBERED,
    ONCE,
    STEPPED,
    Block,
    Op,
    Program,
)

Array = npt.NDArray[Any]
Observer = Callable[[Op, tuple[Array, ...], Array], None]
"""Called after each operation with its operands [samples, length] and its result."""
Tick = tuple[int, int]
"""A sweep and the number of a tick in it; (ONCE, 0) after the last sweep."""
Result = TypeVar("Result")
Functions = Mapping[str, Callable[..., Array]]
"""By a name: what computes the result of an operation; see `_apply` for the arguments."""


@dataclass(frozen=True)
class Moment:
    """When an operation runs: its step within its sequence, whether its sweep starts there, how far
    the tick lies behind the end of the sweep's sequence, and the steps of the model's.
    """

    step: int
    first: bool
    behind: int
    steps: int


def _fast_matvec(bias: Array, terms: list[tuple[Array, Array]]) -> Array:
    """The float matvec in whatever order the matrix library sums."""
    total = bias
    for weights, x in terms:
        total = total + x @ weights.T
    return np.asarray(total, np.float32)


def initial_state(program: Program, samples: int) -> dict[str, Array]:
    """The reset state of `samples` independent streams: name -> [samples, length]."""
    return {s.name: np.tile(s.initial, (samples, 1)) for s in program.states}


def set_state(
    program: Program, state: Mapping[str, Array], given: Mapping[str, Array]
) -> dict[str, Array]:
    """`state` with those of `given`, settable state -> stored numbers [samples, length], and what
    follows from them. Numbers beyond a state's format are limited to it.
    """
    values: dict[str, Array] = dict(program.constants)
    for each in program.settable:
        numbers = state[each.name]
        if each.name in given:
            fmt = program.values[each.name].format
            numbers = given[each.name]
            numbers = numbers if program.is_float else np.clip(numbers, fmt.low, fmt.high)
        values[each.given] = numbers
    table = _operations(program, exact=True)
    for block in program.blocks:
        if block.sweep == LOAD:
            _execute_block(program, table, None, {}, block, values, Moment(0, True, -1, 1))
    return {s.name: values[s.given] if s.given else state[s.name] for s in program.states}


def run(
    program: Program,
    inputs: Mapping[str, Array],
    state: Mapping[str, Array] | None = None,
    *,
    observe: Observer | None = None,
    exact: bool = True,
    instead: Functions | None = None,
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Feed stored numbers, input name -> [samples, steps, features]; return outputs and state.

    Outputs: name -> [samples, steps, features], or [samples, features] for those that exist after
    the last step only. The state maps state names to [samples, length]; give it back to go on
    (where a program needs whole sequences, its caller starts anew with each).
    `exact=False` lets the matrix library choose the order of float sums: quick, for calibration.
    `instead`: what computes some values in place of their operations, for simulations.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return drained(walk(program, inputs, state, observe, exact, instead))


def drained(walked: Generator[object, None, Result]) -> Result:
    """What a generator returns once it has gone to its end."""
    while True:
        try:
            next(walked)
        except StopIteration as end:
            result: Result = end.value
            return result


def walk(
    program: Program,
    inputs: Mapping[str, Array],
    state: Mapping[str, Array] | None,
    observe: Observer | None,
    exact: bool,
    instead: Functions | None = None,
) -> Generator[Tick, None, tuple[dict[str, Array], dict[str, Array]]]:
    """The same tick by tick: after each it yields, and the caller may look at something else, for
    instance at the same tick of another program. The caller also silences numpy's warnings.
    """
    kind = np.float32 if program.is_float else np.int64
    table = _operations(program, exact)
    execute = partial(_execute_block, program, table, observe, instead or {})
    each_step = {p.value: inputs[p.name].astype(kind) for p in program.inputs if p.per_step}
    samples, steps = next(iter(each_step.values())).shape[:2]
    now = initial_state(program, samples) if state is None else dict(state)
    values = _constants(program)
    kept = _kept(program)
    sequences: dict[str, Array] = {}
    made = program.sweep_of()
    values.update({p.value: inputs[p.name].astype(kind) for p in program.inputs if not p.per_step})
    for sweep, direction in enumerate(program.sweeps):
        blocks = [block for block in program.blocks if block.sweep == sweep]
        rows: dict[str, list[Array]] = {n: [] for n in kept if made.get(n, sweep) == sweep}
        read = {name for block in blocks for op in block.ops for name in op.args} | rows.keys()
        given = {n: a for n, a in (each_step | sequences).items() if n in read}
        length = program.lengths[sweep].of(steps)
        ticks = range(length + max((b.clock.extra for b in blocks), default=0))
        for t in ticks if direction == FORWARD else reversed(ticks):
            values.update(now)
            if t < length:
                values.update({name: array[:, t] for name, array in given.items()})
            running = [block for block in blocks if block.clock.runs(t, length)]
            for block in running:
                step = block.clock.step(t)
                starts = step == 0 if direction == FORWARD else t == length - 1
                execute(block, values, Moment(step, starts, t - length, steps))
            ran = {op.dest for block in running for op in block.ops}
            now.update({s.name: values[s.next] for s in program.states if s.next in ran})
            for name, row in rows.items():
                if name in ran or (name in given and t < length):
                    row.append(values[name])
            yield sweep, t
        ordered = 1 if direction == FORWARD else -1
        sequences.update({n: np.stack(row[::ordered], axis=1) for n, row in rows.items()})
    values.update({name: array[:, -1] for name, array in each_step.items()})
    for name, array in sequences.items():
        ends = program.sweeps[made[name]] if name in made else FORWARD
        values[name] = array[:, -1 if ends == FORWARD else 0]
    for block in program.blocks:
        if block.sweep == ONCE:
            execute(
                block,
                {**values, **_read_whole(block, each_step | sequences)},
                Moment(steps - 1, steps == 1, -1, steps),
                values,
            )
    yield ONCE, 0
    outputs = {
        p.name: sequences[p.value] if p.per_step else values[p.value] for p in program.outputs
    }
    return outputs, now


def _constants(program: Program) -> dict[str, Array]:
    """In the program's number system; integer matrices in float64, in which `numerics.matvec`
    multiplies, so that it need not convert them at each step.
    """
    if program.is_float:
        return {n: a.astype(np.float32) for n, a in program.constants.items()}
    ops = (op for block in program.blocks for op in block.ops if op.kind in MATVECS)
    multiplied = {name for op in ops for name in op.matrices}
    return {
        n: a.astype(np.float64 if n in multiplied else np.int64)
        for n, a in program.constants.items()
    }


def _kept(program: Program) -> list[str]:
    """Per-step values of which every step is wanted: outputs, and what other sweeps read."""
    wanted = [p.value for p in program.outputs if p.per_step]
    return list(dict.fromkeys([*wanted, *program.sequences()]))


def _read_whole(block: Block, sequences: Mapping[str, Array]) -> dict[str, Array]:
    """Operands of step_at are whole sequences."""
    names = [name for op in block.ops if op.kind == "step_at" for name in op.args]
    return {name: sequences[name] for name in names}


def _operations(program: Program, exact: bool) -> dict[str, Callable[..., Array]]:
    table: dict[str, Callable[..., Array]] = dict(
        numerics_float.OPERATIONS if program.is_float else numerics.OPERATIONS
    )
    if program.is_float and not exact:
        table |= {"matvec": _fast_matvec, "matvec_over_time": _fast_matvec}
    return table


def _execute_block(
    program: Program,
    table: Functions,
    observe: Observer | None,
    instead: Functions,
    block: Block,
    values: dict[str, Array],
    moment: Moment,
    into: dict[str, Array] | None = None,
) -> None:
    """Run the operations of a block; results go to `values`, and to `into`."""
    for op in block.ops:
        args = tuple(values[name] for name in op.args)
        function = instead.get(op.dest, table[op.kind])
        result = _apply(op, function, args, values, moment)
        values[op.dest] = result
        if into is not None:
            into[op.dest] = result
        if observe is not None:
            observe(op, args, result)


def _stepped(op: Op, args: tuple[Array, ...], moment: Moment) -> tuple[Any, ...]:
    """The arguments of an operation that depends on when it runs."""
    match op.kind:
        case "restart":
            return *args, moment.first
        case "within":
            return *args, moment.step
        case "slide":
            return *args, moment.first, moment.behind >= op.n
        case _:
            return args[0], max(1, Length(op.n, op.count).of(moment.steps))


def _apply(
    op: Op,
    function: Callable[..., Array],
    args: tuple[Array, ...],
    values: Mapping[str, Array],
    moment: Moment,
) -> Array:
    match op.kind:
        case "matvec":
            terms = [(values[m], x) for m, x in zip(op.matrices, args, strict=True)]
            return function(values[op.bias], terms)
        case "matvec_over_time":
            bias = values[op.bias]
            before = np.broadcast_to(bias, args[0].shape) if moment.first else args[0]
            return function(before, [(values[op.matrices[0]][moment.step], args[1])])
        case kind if kind in STEPPED:
            return function(*_stepped(op, args, moment))
        case kind if kind in NUMBERED:
            return function(args[0], op.n)
        case "slice":
            return function(args[0], op.n, op.count)
        case "table":
            return function(args[0], values[op.table], op.n)
        case "lookup":
            factors = [values[op.bias]] if op.bias else []
            return function(args[0], values[op.matrices[0]], op.n, *factors)
        case "log" | "rsqrt" if op.table:
            return function(args[0], values[op.table])
        case _:
            return function(*args)
