"""Run a program in numpy: the definition that the C code must match bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.clock import Length
from lstm_edge.ir.program import FORWARD, LOAD, ONCE, Block, Port, Program
from lstm_edge.operations import OPERATIONS, functions
from lstm_edge.operations.call import Call, Moment, Op
from lstm_edge.operations.product import matvec_in_any_order
from lstm_edge.operations.record import Function, Reads, Timing

Array = npt.NDArray[Any]
Observer = Callable[[Op, tuple[Array, ...], Array], None]
"""Called after each operation with its operands [samples, length] and its result."""
Tick = tuple[int, int]
"""A sweep and the number of a tick in it; (ONCE, 0) after the last sweep."""
Result = TypeVar("Result")
Functions = Mapping[str, Function]
"""By a name: what computes the result of an operation, from what its record binds."""


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
    taken = {p.value: _taken(program, p, inputs[p.name].astype(kind)) for p in program.inputs}
    each_step = {p.value: taken[p.value] for p in program.inputs if p.per_step}
    samples, steps = next(iter(each_step.values())).shape[:2]
    now = initial_state(program, samples) if state is None else dict(state)
    values = _constants(program)
    kept = _kept(program)
    sequences: dict[str, Array] = {}
    made = program.sweep_of()
    values.update({p.value: taken[p.value] for p in program.inputs if not p.per_step})
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


def _taken(program: Program, port: Port, numbers: Array) -> Array:
    """What a program makes of stored numbers: an input may be anything that its type holds, and is
    limited to the range that the program was proved for.
    """
    fmt = program.values[port.value].format
    return numbers if program.is_float else np.clip(numbers, fmt.low, fmt.high)


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


def _kept(program: Program) -> list[str]:
    """Per-step values of which every step is wanted: outputs, and what other sweeps read."""
    wanted = [p.value for p in program.outputs if p.per_step]
    return list(dict.fromkeys([*wanted, *program.sequences()]))


def _read_whole(block: Block, sequences: Mapping[str, Array]) -> dict[str, Array]:
    """Operands that are whole sequences."""
    ops = (op for op in block.ops if OPERATIONS[op.kind].reads is Reads.SEQUENCE)
    return {name: sequences[name] for op in ops for name in op.args}


def _operations(program: Program, exact: bool) -> Functions:
    table = functions(is_float=program.is_float)
    if program.is_float and not exact:
        table |= {n: matvec_in_any_order for n in table if OPERATIONS[n].multiplies}
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
        record = OPERATIONS[op.kind]
        count = _steps_so_far(op, moment) if record.timing is Timing.COUNT else 0
        result = function(*record.bind(Call(op, args, values, moment, count)))
        values[op.dest] = result
        if into is not None:
            into[op.dest] = result
        if observe is not None:
            observe(op, args, result)


def _steps_so_far(op: Op, moment: Moment) -> int:
    """How many steps of the window an operation that counts them has seen."""
    return max(1, Length(op.n, op.count).of(moment.steps))
