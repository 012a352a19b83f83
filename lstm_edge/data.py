"""The samples that a model is calibrated on, the user's or made up, and those held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge import bundle
from lstm_edge.interpret.feed import Feed, counted_steps, feed_of
from lstm_edge.ir.program import Program

Array = npt.NDArray[Any]

NO_DATA = (
    "no calibration data, so inputs were drawn from {drawn}: formats are wide, weights are rounded "
    "to nearest{saturate}; give --calibration FILE.npz"
)
HELD_BACK_SHARE = 5
"""Every fifth calibration sample is kept for `verify`, and not calibrated on: the last fifth of
samples that follow each other.
"""
MEASURED_SAMPLES, MEASURED_STEPS, MEASURED_NUMBERS = 32, 1024, 2**22
"""The error is measured on so many held-back samples and, where any number will do, steps at most,
and input numbers times layers.
"""
COST_STEPS = 64
"""A step costs what it does on the mean over so many, where any number will do."""
DRAWN_SAMPLES, DRAWN_STEPS = 64, 32


@dataclass(frozen=True)
class Data:
    """What to calibrate on, and what is held back to verify: fed to the float program, and as the
    user's arrays. whole: all of it; held: which samples of it are held back. too_few: to hold any
    back, so that these are the same.
    """

    calibration: Feed
    held_back: Feed
    raw_held_back: Mapping[str, Array]
    from_file: bool
    too_few: bool
    whole: Feed
    held: Array


def load_data(calibration: Mapping[str, Array] | Path | None, program: Program) -> Data:
    """Calibration vectors from a file, or drawn from a normal distribution."""
    kinds = {port.name: np.int32 if port.limit else np.float32 for port in program.inputs}
    kinds |= {port.name: np.float32 for port in program.state_inputs}
    names = list(kinds)
    if calibration is None:
        arrays = drawn_inputs(program)
    else:
        given = bundle.read_arrays(calibration) if isinstance(calibration, Path) else calibration
        arrays = dict(given)
        arrays = {name: arrays[name] for name in names if name in arrays} or arrays
    feed = feed_of(program, arrays, stream=False)
    samples, _, _ = feed.shape
    held = np.arange(samples) % HELD_BACK_SHARE == HELD_BACK_SHARE - 1
    if any(port.partner for port in program.state_inputs):
        held = np.arange(samples) >= samples - samples // HELD_BACK_SHARE
    too_few = not held.any()
    kept = held | True if too_few else ~held
    held = kept if too_few else held
    return Data(
        feed.pick(kept),
        feed.pick(held),
        {name: np.asarray(arrays[name][held], kinds[name]) for name in names if name in arrays},
        calibration is not None,
        too_few,
        feed,
        np.flatnonzero(held),
    )


def some_samples(feed: Feed, program: Program) -> Feed:
    """The first samples, cut to fewer steps where the model takes any number."""
    samples, _, _ = feed.shape
    layers = len({block.layer for block in program.blocks})
    numbers = sum(a[0].size for a in feed.inputs.values()) * layers
    count = max(1, min(samples, MEASURED_SAMPLES, MEASURED_NUMBERS // max(numbers, 1)))
    return feed.pick(np.arange(count)).first_steps(program, MEASURED_STEPS)


def steps_of(program: Program, data: Data) -> int:
    """Over how many steps costs of a step are taken on the mean, as `profile` does."""
    _, _, steps = data.held_back.first_steps(program, COST_STEPS).shape
    return steps


def drawn_inputs(program: Program) -> dict[str, Array]:
    """Made-up inputs: standard normal, or any of the integers, from a fixed seed."""
    generator = np.random.default_rng(0)
    arrays = {}
    steps = program.steps or DRAWN_STEPS
    for port in program.inputs:
        shape = [n if n >= 0 else steps for n in port.shape]
        if port.limit:
            low, high = 0, port.limit
            if port in program.length_ports:
                low, high = 1, counted_steps(program, port.value, steps) + 1
            arrays[port.name] = generator.integers(low, high, (DRAWN_SAMPLES, *shape))
            continue
        numbers = generator.standard_normal((DRAWN_SAMPLES, *shape))
        arrays[port.name] = numbers.astype(np.float32)
    for state in program.state_inputs:
        if not state.partner or program.options.get("state") == "explicit":
            numbers = generator.uniform(-1.0, 1.0, (DRAWN_SAMPLES, *state.shape))
            arrays[state.name] = numbers.astype(np.float32)
    return arrays


def no_data(program: Program) -> str:
    """The warning of a compilation without calibration data."""
    ranges = _input_ranges(program)
    if not ranges:
        return NO_DATA.format(drawn="all integers alike", saturate="")
    saturate = f", and inputs beyond {ranges} saturate"
    return NO_DATA.format(drawn="a normal distribution", saturate=saturate)


def _input_ranges(program: Program) -> str:
    """The smallest range of a feature, for each input of real numbers: `x +-64`, with its centre
    and its number where features differ.
    """
    found = []
    for port in program.inputs:
        if port.limit:
            continue
        narrowest = int(port.scale.argmin())
        reach = float(port.scale[narrowest]) * program.values[port.value].format.high
        centre = float(-port.scale[narrowest] * port.zero_point[narrowest])
        text = f"{port.name} {centre:.3g} " if centre else f"{port.name} "
        uniform = np.all(port.scale == port.scale[0]) and not np.any(port.zero_point)
        which = "" if uniform else f" (feature {narrowest}, the narrowest of {port.scale.size})"
        found.append(f"{text}+-{reach:.3g}{which}")
    return ", ".join(found)
