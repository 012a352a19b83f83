"""From models to programs, and from real numbers to stored ones and back."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, log10
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.interpret.execute import run
from lstm_edge.interpret.feed import Feed
from lstm_edge.interpret.ports import dequantize, quantize
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.quantize import quantize as quantize_model
from lstm_edge.passes.real_run import RealRun
from tests.support.models import random_inputs

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

BITS = tuple((a, c) for a in (8, 12, 16) for c in (16, 32))
WIDTHS = tuple(Options(a, c) for a, c in BITS)
"""Every choice of activation and cell state width."""


def quantized(
    model: Model, inputs: Arrays, options: Options | None = None, *, from_data: bool = True
) -> Program:
    """The integer program, calibrated on vectors [samples, steps, features].

    `from_data=False` treats them as made up, as a compilation without calibration data does.
    """
    ranges = calibrate(lower_real(model), Feed.of_samples(inputs), from_data=from_data)
    return lower_integer(model, ranges, options or Options())


def stored(program: Program, inputs: Arrays) -> dict[str, Array]:
    """Real input vectors as the program's stored numbers."""
    return {p.name: quantize(program, p, inputs[p.name]) for p in program.inputs}


def extremes(program: Program, samples: int, steps: int, seed: int = 0) -> dict[str, Array]:
    """Stored inputs at the two ends of their formats: held all along, or jumping at random; lengths
    from 0 to one beyond all steps.
    """
    rng = np.random.default_rng([seed, 4])
    found = {}
    for port in program.inputs:
        value = program.values[port.value]
        if not port.per_step:
            found[port.name] = rng.integers(0, steps + 2, (samples, value.length))
            continue
        ends = rng.integers(0, 2, (samples, steps, value.length))
        ends[: samples // 2] = ends[: samples // 2, :1]
        ends[0], ends[1 % samples] = 0, 1
        found[port.name] = np.where(ends == 1, value.format.high, value.format.low)
    return found


def saturated_state(program: Program, samples: int, seed: int = 0) -> dict[str, Array]:
    """States at the two ends of their formats, unit by unit."""
    rng = np.random.default_rng([seed, 5])
    found = {}
    for state in program.states:
        value = program.values[state.name]
        ends = rng.integers(0, 2, (samples, value.length))
        found[state.name] = np.where(ends == 1, value.format.high, value.format.low)
    return found


def real_outputs(program: Program, inputs: Arrays) -> dict[str, Array]:
    """Real outputs of real input vectors, through the program's stored numbers."""
    outputs, _ = run(program, stored(program, inputs))
    return {p.name: dequantize(program, p, outputs[p.name]) for p in program.outputs}


def sqnr_db(real: Array, ours: Array) -> float:
    """Signal to noise in dB; infinite where there is no error, -infinite where no signal."""
    noise = float(np.sum((real.astype(np.float64) - ours) ** 2))
    signal = float(np.sum(real.astype(np.float64) ** 2))
    if noise == 0.0:
        return inf
    return 10.0 * log10(signal / noise) if signal > 0.0 else -inf


def unseen_sqnr_db(
    model: Model, options: Options | None = None, *, from_data: bool = True
) -> float:
    """Signal to noise of the output y in integers, on inputs that calibration has not seen."""
    calibration = random_inputs(model, 64, 20, seed=1)
    real, feed = lower_real(model), Feed.of_samples(calibration)
    ranges = calibrate(real, feed, from_data=from_data)
    program = quantize_model(model, ranges, options or Options(), RealRun(real, feed))
    held_out = random_inputs(model, 32, 20, seed=2)
    return sqnr_db(real_outputs(real, held_out)["y"], real_outputs(program, held_out)["y"])
