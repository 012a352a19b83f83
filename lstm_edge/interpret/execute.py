"""Run a program in numpy: the definition that the C code must match bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge import numerics, numerics_float
from lstm_edge.ir.program import FORWARD, NUMBERED, ONCE, Block, Op, Program

Array = npt.NDArray[Any]
Observer = Callable[[Op, tuple[Array, ...], Array], None]
"""Called after each operation with its operands [samples, length] and its result."""


def _fast_matvec(bias: Array, terms: list[tuple[Array, Array]]) -> Array:
    """The float matvec in whatever order the matrix library sums."""
    total = bias
    for weights, x in terms:
        total = total + x @ weights.T
    return np.asarray(total, np.float32)


def initial_state(program: Program, samples: int) -> dict[str, Array]:
    """The reset state of `samples` independent streams: name -> [samples, length]."""
    return {s.name: np.tile(s.initial, (samples, 1)) for s in program.states}


def run(
    program: Program,
    inputs: Mapping[str, Array],
    state: Mapping[str, Array] | None = None,
    *,
    observe: Observer | None = None,
    exact: bool = True,
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Feed stored numbers, input name -> [samples, steps, features]; return outputs and state.

    Outputs: name -> [samples, steps, features], or [samples, features] for those that exist after
    the last step only. The state maps state names to [samples, length]; give it back to go on
    (a program that needs whole sequences starts anew with each).
    `exact=False` lets the matrix library choose the order of float sums: quick, for calibration.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _run(program, inputs, state, observe, exact)


def _run(
    program: Program,
    inputs: Mapping[str, Array],
    state: Mapping[str, Array] | None,
    observe: Observer | None,
    exact: bool,
) -> tuple[dict[str, Array], dict[str, Array]]:
    kind = np.float32 if program.is_float else np.int64
    execute = partial(_execute_block, program, _operations(program, exact), observe)
    samples, steps = next(iter(inputs.values())).shape[:2]
    goes_on = state is not None and program.streams
    now = dict(state) if state is not None and goes_on else initial_state(program, samples)
    values: dict[str, Array] = {n: a.astype(kind) for n, a in program.constants.items()}
    kept = _kept(program)
    sequences: dict[str, Array] = {}
    made = program.sweep_of()
    whole = {p.value: inputs[p.name].astype(kind) for p in program.inputs}
    for sweep, direction in enumerate(program.sweeps):
        rows: dict[str, list[Array]] = {n: [] for n in kept if made.get(n, sweep) == sweep}
        order = range(steps) if direction == FORWARD else range(steps - 1, -1, -1)
        for t in order:
            values.update(now)
            values.update({p.value: inputs[p.name][:, t].astype(kind) for p in program.inputs})
            values.update({name: array[:, t] for name, array in sequences.items()})
            for block in program.blocks:
                if block.sweep == sweep:
                    execute(block, values, t)
            renewed = {s.name: values[s.next] for s in program.states if made[s.next] == sweep}
            now.update(renewed)
            for name, row in rows.items():
                row.append(values[name])
        ordered = 1 if direction == FORWARD else -1
        sequences.update({n: np.stack(row[::ordered], axis=1) for n, row in rows.items()})
    values.update({p.value: inputs[p.name][:, -1].astype(kind) for p in program.inputs})
    for name, array in sequences.items():
        ends = program.sweeps[made[name]] if name in made else FORWARD
        values[name] = array[:, -1 if ends == FORWARD else 0]
    for block in program.blocks:
        if block.sweep == ONCE:
            execute(
                block, {**values, **_read_whole(block, {**whole, **sequences})}, steps - 1, values
            )
    outputs = {
        p.name: sequences[p.value] if p.per_step else values[p.value] for p in program.outputs
    }
    return outputs, now


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
    table: Mapping[str, Callable[..., Array]],
    observe: Observer | None,
    block: Block,
    values: dict[str, Array],
    t: int,
    into: dict[str, Array] | None = None,
) -> None:
    """Run the operations of a block at step t; results go to `values`, and to `into`."""
    for op in block.ops:
        args = tuple(values[name] for name in op.args)
        result = _apply(op, table[op.kind], args, values, t)
        values[op.dest] = result
        if into is not None:
            into[op.dest] = result
        if observe is not None:
            observe(op, args, result)


def _apply(
    op: Op,
    function: Callable[..., Array],
    args: tuple[Array, ...],
    values: Mapping[str, Array],
    t: int,
) -> Array:
    match op.kind:
        case "matvec":
            terms = [(values[m], x) for m, x in zip(op.matrices, args, strict=True)]
            return function(values[op.bias], terms)
        case "matvec_over_time":
            before = np.broadcast_to(values[op.bias], args[0].shape) if t == 0 else args[0]
            return function(before, [(values[op.matrices[0]][t], args[1])])
        case kind if kind in NUMBERED:
            return function(args[0], op.n)
        case "table":
            return function(args[0], values[op.table], op.n)
        case "log" | "rsqrt" if op.table:
            return function(args[0], values[op.table])
        case _:
            return function(*args)
