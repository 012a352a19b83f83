"""The error of a model's inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.accuracy.limit import is_limit, remedy, rounding_db
from lstm_edge.accuracy.results import InputAccuracy, OutputAccuracy
from lstm_edge.accuracy.tally import Tally
from lstm_edge.interpret.feed import Feed, Results, state_arrays
from lstm_edge.interpret.ports import dequantize
from lstm_edge.ir.clock import EVERY_TICK
from lstm_edge.ir.program import FORWARD, Port, Program

Array = npt.NDArray[Any]


def outputs(
    program: Program,
    reference: Program,
    ours: Results,
    real: Results,
    clipped: Mapping[str, int],
) -> tuple[OutputAccuracy, ...]:
    """The error of each output, those that show states included."""
    layer_of = {op.dest: block.layer for block in program.blocks for op in block.ops}
    next_of = {s.name: s.next for s in program.states}
    found = []
    for port, real_port in zip(program.outputs, reference.outputs, strict=True):
        exact = dequantize(reference, real_port, real.outputs[port.name])
        computed = dequantize(program, port, ours.outputs[port.name])
        sweep, _ = program.clock_of.get(port.value, (0, EVERY_TICK))
        backward = port.per_step and program.sweeps[sweep] != FORWARD
        layer, count = layer_of.get(port.value, ""), clipped.get(port.value, 0)
        made = _output(port.name, layer, exact, computed, port, backward, count)
        rounding = None if program.is_float else rounding_db(port, made.error.signal**2)
        limited = is_limit(made.error.sqnr_db, rounding)
        limit = remedy(program, reference, port.name) if limited else ""
        found.append(replace(made, limit=limit, rounding_db=rounding))
    exact_states = state_arrays(reference, real, raw=False)
    for name, array in state_arrays(program, ours, raw=False).items():
        flat, exact = (a.reshape(*a.shape[:2], -1) for a in (array, exact_states[name]))
        shown = next(port for port in program.state_outputs if port.name == name)
        layer = layer_of.get(next_of[next(iter(shown.places))], "")
        found.append(_output(name, layer, exact, flat, None, False, 0))
    return tuple(found)


def _output(
    name: str,
    layer: str,
    real: Array,
    ours: Array,
    port: Port | None,
    backward: bool,
    saturations: int,
) -> OutputAccuracy:
    """Arrays [streams, calls, steps, n] or [streams, calls, n]; port: None of one of states."""
    streams, n = real.shape[0], real.shape[-1]
    flat, exact = (a.reshape(streams, -1, n) for a in (ours, real))
    tally = Tally(flat.shape[1], backward)
    tally.add(exact, flat, 0)
    integers = port is not None and port.limit > 0
    agreement = float(np.mean(exact == flat)) if integers else None
    same = float(np.mean(exact.argmax(axis=-1) == flat.argmax(axis=-1)))
    error = tally.error()
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.sum((flat.astype(np.float64) - exact) ** 2, axis=(1, 2))
        known = bool(error.rms)
        worst = float(squares.max() / squares.sum()) if known else 0.0
    return OutputAccuracy(
        name,
        layer,
        error,
        same if agreement is None else agreement,
        agreement,
        saturations,
        port is not None and port.per_step,
        worst,
    )


def inputs(program: Program, feed: Feed, stored: Feed) -> tuple[InputAccuracy, ...]:
    """How well the stored ranges of inputs and of states that are set cover what is fed."""
    found = []
    for port in program.inputs:
        real, kept = feed.inputs[port.name], stored.inputs[port.name]
        if program.is_float or port.limit:
            found.append(InputAccuracy(port.name, real.size, 0, 0, 0, 0.0, 0.0, 0.0))
            continue
        found.append(_input(program, port.name, port.value, real, kept, port))
    for state_port in program.state_inputs:
        for state in state_port.places:
            if state in feed.states and not program.is_float:
                real, kept = feed.states[state], stored.states[state]
                found.append(_input(program, state_port.name, state, real, kept, None))
    return tuple(found)


def _input(
    program: Program, name: str, value: str, real: Array, stored: Array, port: Port | None
) -> InputAccuracy:
    """Arrays [streams, calls, ..., n]; port: None of a state."""
    fmt = program.values[value].format
    length = real.shape[-1]
    scale = fmt.scales(length) if port is None else port.scale
    zero_point = fmt.zero_points(length) if port is None else port.zero_point
    low, high = (scale * (end - zero_point) for end in (fmt.low, fmt.high))
    low, high = (np.broadcast_to(end, real.shape[-1:]) for end in (low, high))
    numbers = real.reshape(-1, real.shape[-1]).astype(np.float64)
    excess = np.maximum(low - numbers, numbers - high) - scale
    row, feature = np.unravel_index(int(excess.argmax()), excess.shape)
    tally = Tally(1)
    computed = scale * (stored.reshape(numbers.shape) - zero_point)
    tally.add(numbers[:, None], computed[:, None], 0)
    return InputAccuracy(
        name,
        stored.size,
        int(((stored == fmt.low) | (stored == fmt.high)).sum()),
        int((excess > 0).sum()),
        int(feature),
        float(numbers[row, feature]),
        float(low[feature]),
        float(high[feature]),
        tally.error(),
    )
