"""The samples that a model is calibrated on, the user's or made up, and those held back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import DataError
from lstm_edge.interpret.feed import Feed, counted_steps, feed_of
from lstm_edge.interpret.given import Given, feeds_of, given, together
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
LEAST_MAGNITUDE = 1e-30
"""A feature that stays below this, and is not 0, has no scale that float32 can say."""
DRAWN_SAMPLES, DRAWN_STEPS = 64, 32


@dataclass(frozen=True)
class Data:
    """What to calibrate on, and what is held back to verify: fed to the float program, and as the
    user's arrays. whole: all of it; held: which samples of it are held back. too_few: to hold any
    back, so that these are the same. notes: what the user has to be told.

    Of recordings that differ in length, `calibration`, `held_back` and `whole` are cut to one, as
    `given.together` does; `recordings` are those to calibrate on, uncut, and empty without them.
    """

    calibration: Feed
    held_back: Feed
    raw_held_back: Mapping[str, Array]
    from_file: bool
    too_few: bool
    whole: Feed
    held: Array
    recordings: tuple[Feed, ...] = ()
    notes: tuple[str, ...] = ()


def load_data(calibration: Any, program: Program) -> Data:
    """Calibration vectors, given as `given.py` says, or None: drawn from a normal distribution."""
    found = Given(drawn_inputs(program)) if calibration is None else given(program, calibration)
    notes = found.notes
    if calibration is not None:
        notes += says_nothing(program, found)
    if found.recordings:
        return _of_recordings(program, found, notes)
    arrays = found.arrays
    names = [port.name for port in program.inputs] + [port.name for port in program.state_inputs]
    arrays = {name: arrays[name] for name in names if name in arrays} or arrays
    feed = feed_of(program, arrays, stream=False)
    _check_magnitudes(program, (feed,))
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
        _stored(program, {name: arrays[name][held] for name in names if name in arrays}),
        calibration is not None,
        too_few,
        feed,
        np.flatnonzero(held),
        (),
        notes,
    )


def _of_recordings(program: Program, found: Given, notes: tuple[str, ...]) -> Data:
    """Each recording is calibrated on or held back as a whole; of two to four the last is held."""
    feeds = feeds_of(program, found)
    _check_magnitudes(program, feeds)
    count = len(feeds)
    held = np.arange(count) % HELD_BACK_SHARE == HELD_BACK_SHARE - 1
    if 1 < count < HELD_BACK_SHARE:
        held = np.arange(count) == count - 1
    too_few = not held.any()
    kept = held | True if too_few else ~held
    held = kept if too_few else held
    used = tuple(feed for feed, each in zip(feeds, kept, strict=True) if each)
    back = [feed for feed, each in zip(feeds, held, strict=True) if each]
    raw = [found.recordings[k] for k in np.flatnonzero(held)]
    return Data(
        together(program, used),
        together(program, back),
        _stored(program, {f"{n}__{k}": a for k, each in enumerate(raw) for n, a in each.items()}),
        True,
        too_few,
        together(program, feeds),
        np.flatnonzero(held),
        used,
        notes,
    )


def _stored(program: Program, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """In the types that a bundle keeps: int32 of inputs of integers, float32 else."""
    whole = {port.name for port in program.inputs if port.limit}
    return {
        name: np.asarray(array, np.int32 if name.rpartition("__")[0] in whole else np.float32)
        if name not in whole
        else np.asarray(array, np.int32)
        for name, array in arrays.items()
    }


def _check_magnitudes(program: Program, feeds: Sequence[Feed]) -> None:
    """DataError where a feature is too small for its scale to be a number of C."""
    for port in program.inputs:
        parts = [np.abs(feed.inputs[port.name]) for feed in feeds]
        most = np.max([part.reshape(-1, part.shape[-1]).max(axis=0) for part in parts], axis=0)
        small = np.flatnonzero((most > 0.0) & (most < LEAST_MAGNITUDE))
        if not port.limit and small.size:
            raise DataError(
                f"calibration: input {port.name} stays within {float(most[small[0]]):.2g} in "
                f"feature {small[0]}, too small for float32 to scale; expected at least "
                f"{LEAST_MAGNITUDE:g}: give it in another unit, or 0 where it is not in use"
            )


def says_nothing(program: Program, found: Given) -> tuple[str, ...]:
    """Warnings of calibration data that have the shape of data and say nothing of real ones."""
    warnings = []
    for port in program.inputs:
        given_to = [each.get(port.name) for each in found.recordings or (found.arrays,)]
        numeric = [a for a in given_to if a is not None and a.dtype.kind in "fiu" and a.size]
        if not numeric or port in program.length_ports:
            continue
        what = _alike(numeric, samples=not found.recordings)
        if what:
            warnings.append(
                f"calibration: input {port.name} {what}, so ranges and weights are made for that "
                "and real data will be beyond them: record typical data, some hundred samples of "
                "every kind that there is, or leave --calibration out; no width of numbers helps"
            )
    return tuple(warnings)


def _alike(parts: list[Array], *, samples: bool) -> str:
    """What is wrong with numbers that are all one, or samples that are; "" where they differ."""
    first = parts[0].flat[0]
    if all(np.all(part == first) for part in parts):
        return "is 0 throughout" if first == 0 else f"is {float(first):g} throughout"
    rows = list(parts[0]) if samples and len(parts) == 1 else parts
    if len(rows) > 1 and all(np.array_equal(row, rows[0]) for row in rows[1:]):
        return f"has {len(rows)} {'samples' if samples else 'recordings'} that are all the same"
    return ""


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
        if not state.partner or program.settings.state == "explicit":
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
