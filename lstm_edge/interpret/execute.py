"""Run a program in numpy: the definition that the C code must match bit for bit."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from lstm_edge.interpret.prepare import (
    Functions,
    Observer,
    Prepared,
    Runnable,
    blocks_of,
    prepare,
    read_whole,
)
from lstm_edge.ir.program import FORWARD, LOAD, ONCE, Port, Program
from lstm_edge.operations.call import Moment

Array = npt.NDArray[Any]
Tick = tuple[int, int]
"""A sweep and the number of a tick in it; (ONCE, 0) after the last sweep."""
Result = TypeVar("Result")


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
    for block in blocks_of(program, LOAD):
        block.run(values, Moment(0, True, -1, 1))
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
        return drained(walk(prepare(program, exact, instead), inputs, state, observe))


def drained(walked: Generator[object, None, Result]) -> Result:
    """What a generator returns once it has gone to its end."""
    while True:
        try:
            next(walked)
        except StopIteration as end:
            result: Result = end.value
            return result


def walk(
    prepared: Prepared,
    inputs: Mapping[str, Array],
    state: Mapping[str, Array] | None,
    observe: Observer | None,
) -> Generator[Tick, None, tuple[dict[str, Array], dict[str, Array]]]:
    """The same tick by tick: after each it yields, and the caller may look at something else, for
    instance at the same tick of another program. The caller also silences numpy's warnings.

    A value is what its block made last: a block of a quicker clock reads it until the next one.
    """
    program = prepared.program
    taken = {p.value: _taken(program, p, inputs[p.name], prepared) for p in program.inputs}
    each_step = {p.value: taken[p.value] for p in program.inputs if p.per_step}
    samples, steps = next(iter(each_step.values())).shape[:2]
    now = initial_state(program, samples) if state is None else dict(state)
    values = dict(prepared.constants)
    sequences: dict[str, Array] = {}
    values.update({p.value: taken[p.value] for p in program.inputs if not p.per_step})
    last = Moment(steps - 1, steps == 1, -1, steps, samples)
    for number, (sweep, direction) in enumerate(zip(prepared.sweeps, program.sweeps, strict=True)):
        if sweep.before or sweep.begins:
            _run_once(prepared, sweep.before, values, (each_step, sequences), last, observe)
            now.update({name: values[begins] for name, begins in sweep.begins})
        rows: dict[str, list[Array]] = {name: [] for name in sweep.kept}
        given = {n: a for n, a in (each_step | sequences).items() if n in sweep.read}
        length = program.lengths[number].of(steps)
        ticks = range(length + sweep.extra)
        for t in ticks if direction == FORWARD else reversed(ticks):
            values.update(now)
            if t < length:
                for name, array in given.items():
                    values[name] = array[:, t]
            running = [block for block in sweep.blocks if block.clock.runs(t, length)]
            for block in running:
                step = block.clock.step(t)
                starts = step == 0 if direction == FORWARD else t == length - 1
                block.run(values, Moment(step, starts, t - length, steps, samples), observe)
            ran, moved = sweep.made(running)
            now.update([(name, values[after]) for name, after in moved])
            for name, row in rows.items():
                if name in ran or (name in given and t < length):
                    row.append(values[name])
            yield number, t
        ordered = 1 if direction == FORWARD else -1
        sequences.update({n: np.stack(rows.pop(n)[::ordered], axis=1) for n in list(rows)})
    _run_once(prepared, prepared.once, values, (each_step, sequences), last, observe)
    yield ONCE, 0
    ports = program.outputs if prepared.gives else ()
    outputs = {p.name: sequences[p.value] if p.per_step else values[p.value] for p in ports}
    return outputs, now


def _run_once(
    prepared: Prepared,
    blocks: tuple[Runnable, ...],
    values: dict[str, Array],
    steps: tuple[Mapping[str, Array], Mapping[str, Array]],
    moment: Moment,
    observe: Observer | None,
) -> None:
    """Blocks between two sweeps, or behind the last. steps: sequences that are given, and those
    that sweeps have made, of which they read the step that was computed last, or all.
    """
    given, made = steps
    values.update({name: array[:, -1] for name, array in given.items()})
    for name, array in made.items():
        sweep = prepared.made.get(name)
        backward = sweep is not None and prepared.program.sweeps[sweep] != FORWARD
        values[name] = array[:, 0 if backward else -1]
    for each in blocks:
        whole = {**values, **read_whole(each.block, {**given, **made})}
        each.run(whole, moment, observe, values)


def _taken(program: Program, port: Port, numbers: Array, prepared: Prepared) -> Array:
    """What a program makes of stored numbers: an input may be anything that its type holds, and is
    limited to the range that the program was proved for.
    """
    fmt, typed = program.values[port.value].format, numbers.astype(prepared.kind)
    return typed if program.is_float else np.clip(typed, fmt.low, fmt.high)
