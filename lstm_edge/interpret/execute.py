"""Run a program in numpy: the definition that the C code must match bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge import numerics, numerics_float
from lstm_edge.ir.program import Block, Op, Program

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
    the last step only. The state maps state names to [samples, length]; give it back to go on.
    `exact=False` lets the matrix library choose the order of float sums: quick, for calibration.
    """
    kind = np.float32 if program.is_float else np.int64
    table: dict[str, Callable[..., Array]] = dict(
        numerics_float.OPERATIONS if program.is_float else numerics.OPERATIONS
    )
    if program.is_float and not exact:
        table |= {"matvec": _fast_matvec, "matvec_over_time": _fast_matvec}
    execute = partial(_execute_block, program, table, observe)
    samples, steps = next(iter(inputs.values())).shape[:2]
    now = dict(state) if state is not None else initial_state(program, samples)
    constants = {n: a.astype(kind) for n, a in program.constants.items()}
    per_step: dict[str, list[Array]] = {p.name: [] for p in program.outputs if p.per_step}
    values: dict[str, Array] = {}
    for t in range(steps):
        values = {**constants, **now}
        values.update({p.value: inputs[p.name][:, t].astype(kind) for p in program.inputs})
        for block in program.blocks:
            if block.per_step:
                execute(block, values, t)
        now = {s.name: values[s.next] for s in program.states}
        for port in program.outputs:
            if port.per_step:
                per_step[port.name].append(values[port.value])
    for block in program.blocks:
        if not block.per_step:
            execute(block, values, steps - 1)
    outputs = {name: np.stack(rows, axis=1) for name, rows in per_step.items()}
    outputs.update({p.name: values[p.value] for p in program.outputs if not p.per_step})
    return outputs, now


def _execute_block(
    program: Program,
    table: Mapping[str, Callable[..., Array]],
    observe: Observer | None,
    block: Block,
    values: dict[str, Array],
    t: int,
) -> None:
    for op in block.ops:
        args = tuple(values[name] for name in op.args)
        result = _apply(op, table[op.kind], args, values, t)
        values[op.dest] = result
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
        case "shift" | "round_shift" | "saturate":
            return function(args[0], op.n)
        case "table":
            return function(args[0], values[op.table], op.n)
        case "log" if op.table:
            return function(args[0], values[op.table])
        case _:
            return function(*args)
