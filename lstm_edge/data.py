"""The samples that a model is calibrated on, the user's or made up, and those held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.data_checks import (
    Still,
    check_magnitudes,
    says_nothing,
    standing_still,
    told_of,
)
from lstm_edge.errors import ModelError
from lstm_edge.interpret.feed import LONG, Feed, counted_steps, feed_of, is_cut
from lstm_edge.interpret.given import Given, feeds_of, given, together
from lstm_edge.interpret.streams import STREAM_STEPS, first_calls, goes_on, in_a_row
from lstm_edge.interpret.symbols import Symbols, symbols_of, with_unseen
from lstm_edge.ir.program import Program
from lstm_edge.manifest import Calibration
from lstm_edge.passes.calibrate import CHAIN, CHUNK_VALUES, in_chains

Array = npt.NDArray[Any]

NO_DATA = (
    "no calibration data, so inputs were drawn from {drawn}: formats are wide, weights are rounded "
    "to nearest{saturate}; give --calibration FILE.npz"
)
HELD_BACK_SHARE = 5
"""Every fifth calibration sample is kept for `verify`, and not calibrated on: the last fifth of
samples that follow each other.
"""
MEASURED_SAMPLES, MEASURED_STEPS, MEASURED_NUMBERS = 128, 1024, 2**22
"""The error is measured on so many held-back samples, or streams, and, where any number will do,
steps at most, and input numbers times layers.
"""
COST_STEPS = 64
"""A step costs what it does on the mean over so many, where any number will do."""
DRAWN_SAMPLES, DRAWN_STEPS, DRAWN_NUMBERS = 64, 32, 2**22
"""Samples and steps that are drawn; fewer samples where they are long, or have more numbers."""
DRAWN_PRODUCTS = 2**33
"""Products of all samples that are drawn, a second: those of four million weights and less."""
WATCHED = 2**18
"""Operations that are run one by one, half of all seconds that a compilation may take: where the
samples, as many as are run at once, are longer, their first steps are calibrated on.
"""
MOST_KEPT_STEPS = 2**14
"""Steps of a network that does not run step by step."""
WATCHED_STEPS = 2**11
"""Steps that are calibrated on however many operations that takes."""


@dataclass(frozen=True)
class Data:
    """What to calibrate on, and what is held back to verify: fed to the float program, and as the
    user's arrays; of a model that streams, `held_back` is whole streams. whole: all of it; held:
    which samples of it are held back. too_few: to hold any back, so that these are the same. notes:
    what the user has to be told. alike: all of it is one number, or one sample, which tells nothing
    of the error on real data. symbols: those among the inputs, of which `calibration` has some that
    never come. still: features that never change in what is calibrated on.

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
    alike: bool = False
    symbols: tuple[Symbols, ...] = ()
    still: tuple[Still, ...] = ()

    @property
    def origin(self) -> Calibration:
        """Where it comes from, as the manifest says it."""
        return "drawn" if not self.from_file else "alike" if self.alike else "file"

    @property
    def kind(self) -> str:
        """What samples the error is told of."""
        return "calibration" if self.too_few else "held-back"


def load_data(calibration: Any, program: Program) -> Data:
    """Calibration vectors, given as `given.py` says, or None: drawn from a normal distribution."""
    _check_length(program)
    found = Given(drawn_inputs(program)) if calibration is None else given(program, calibration)
    if found.recordings:
        return _of_recordings(program, found)
    arrays = found.arrays
    names = [port.name for port in program.inputs] + [port.name for port in program.state_inputs]
    arrays = {name: arrays[name] for name in names if name in arrays} or arrays
    feed, told = _watchable(program, feed_of(program, arrays, stream=False))
    check_magnitudes(program, (feed,))
    samples, _, _ = feed.shape
    held = np.arange(samples) % HELD_BACK_SHARE == HELD_BACK_SHARE - 1
    if goes_on(program) or any(port.partner for port in program.state_inputs):
        held = np.arange(samples) >= samples - samples // HELD_BACK_SHARE
    too_few = not held.any()
    kept = held | True if too_few else ~held
    held = kept if too_few else held
    used, back = feed.pick(kept), feed.pick(held)
    notes, alike = found.notes + (told if calibration is not None else ()), False
    if calibration is not None:
        nothing, alike = says_nothing(program, found)
        notes += nothing or told_of(program, (used,), (back,), too_few=too_few)
    return Data(
        _as_calls(program, *with_unseen(program, (used,))),
        in_a_row(program, back),
        _stored(program, {name: arrays[name][held] for name in names if name in arrays}),
        calibration is not None,
        too_few,
        feed,
        np.flatnonzero(held),
        (),
        notes,
        alike,
        symbols_of(program, (feed,)),
        standing_still(program, (used,), symbols_of(program, (used,))),
    )


def _as_calls(program: Program, feed: Feed) -> Feed:
    """Samples of one step, of a model that keeps its state, in streams, as `chained` makes them of
    those of a model that shows its states.
    """
    if feed.states or not goes_on(program) or any(port.partner for port in program.state_inputs):
        return feed
    return in_chains(feed)


def _check_length(program: Program) -> None:
    """ModelError where all of a long sequence is kept, or asked for, before the last step is known:
    no step of it can be left out, and a compilation runs all of them more than ten times.
    """
    if program.steps is not None and program.steps > MOST_KEPT_STEPS and not is_cut(program):
        raise ModelError(
            program.name,
            f"needs whole sequences of {program.steps} steps at once, at most {MOST_KEPT_STEPS} "
            "are accepted; export a shorter length, and run the network on pieces of the sequence",
        )


def _watchable(program: Program, feed: Feed, others: int = 0) -> tuple[Feed, tuple[str, ...]]:
    """Samples cut to the steps that are calibrated on, and what is told of it. others: steps of
    other recordings.
    """
    streams, calls, steps = feed.shape
    numbers = sum(a[0].size for a in feed.inputs.values())
    runs = calls * -(-streams * numbers * 8 // CHUNK_VALUES)
    operations = sum(len(block.ops) for block in program.blocks)
    most = WATCHED * steps // (operations * (runs * steps + others))
    cut = feed.first_steps(program, max(WATCHED_STEPS, most))
    if cut is feed:
        return feed, ()
    return cut, (
        f"calibration: samples have {steps} steps, of which the first {cut.shape[2]} were used; "
        "give several shorter ones, from different places, where what comes later is different",
    )


def _all_watchable(
    program: Program, feeds: tuple[Feed, ...]
) -> tuple[tuple[Feed, ...], tuple[str, ...]]:
    total = sum(feed.shape[1] * feed.shape[2] for feed in feeds)
    cut = [_watchable(program, f, total - f.shape[1] * f.shape[2]) for f in feeds]
    told = next((notes for _, notes in cut if notes), ())
    return tuple(feed for feed, _ in cut), told


def _of_recordings(program: Program, found: Given) -> Data:
    """Each recording is calibrated on or held back as a whole; of two to four the last is held."""
    feeds, told = _all_watchable(program, feeds_of(program, found))
    check_magnitudes(program, feeds)
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
    nothing, alike = says_nothing(program, found)
    notes = nothing or told_of(program, used, back, too_few=too_few)
    still = standing_still(program, used, symbols_of(program, used))
    used = with_unseen(program, used)
    return Data(
        together(program, used),
        together(program, back),
        _stored(program, {f"{n}__{k}": a for k, each in enumerate(raw) for n, a in each.items()}),
        True,
        too_few,
        together(program, feeds),
        np.flatnonzero(held),
        used,
        found.notes + told + notes,
        alike,
        symbols_of(program, feeds),
        still,
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


def some_samples(feed: Feed, program: Program) -> Feed:
    """The first samples or streams, cut to fewer steps where the model takes any number, and to
    fewer calls.
    """
    _, _, steps = feed.shape
    feed = first_calls(feed, max(1, STREAM_STEPS // steps))
    samples, _, _ = feed.shape
    layers = len({block.layer for block in program.blocks})
    numbers = sum(a[0].size for a in feed.inputs.values()) * layers
    count = max(1, min(samples, MEASURED_SAMPLES, MEASURED_NUMBERS // max(numbers, 1)))
    return feed.pick(np.arange(count)).first_steps(program, MEASURED_STEPS)


def folds(program: Program, data: Data) -> tuple[tuple[Feed, Feed], ...]:
    """What to calibrate on and what to hold back, part by part of all samples, where what is held
    back is too little to tell the error by; else none. Of 2 to 4 samples it is one after the other.
    """
    samples, _, _ = data.whole.shape
    held = int(np.prod(data.held_back.shape))
    few = data.too_few or (goes_on(program) and held < CHAIN)
    if data.recordings or data.origin != "file" or not few or samples < 2:
        return ()
    count = min(samples, HELD_BACK_SHARE)
    part = np.arange(samples) * count // samples
    found = []
    for k in range(count):
        used, held_back = (data.whole.pick(np.flatnonzero(of)) for of in (part != k, part == k))
        (shown,) = with_unseen(program, (used,))
        found.append((_as_calls(program, shown), in_a_row(program, held_back)))
    return tuple(found)


def steps_of(program: Program, data: Data) -> int:
    """Over how many steps costs of a step are taken on the mean, as `profile` does."""
    _, _, steps = data.held_back.first_steps(program, COST_STEPS).shape
    return steps


def drawn_inputs(program: Program, samples: int = DRAWN_SAMPLES) -> dict[str, Array]:
    """Made-up inputs [samples, *shape]: standard normal, or any of the integers, from a fixed
    seed.
    """
    generator = np.random.default_rng(0)
    arrays = {}
    steps = program.steps or DRAWN_STEPS
    size = sum(steps * len(port.scale) for port in program.inputs)
    fewer = HELD_BACK_SHARE if steps > LONG else max(HELD_BACK_SHARE, DRAWN_NUMBERS // size)
    matrices = {name for block in program.blocks for op in block.ops for name in op.matrices}
    weights = sum(program.constants[name].size for name in matrices)
    quick = max(HELD_BACK_SHARE, DRAWN_PRODUCTS // max(1, steps * weights))
    samples = min(samples, fewer, quick)
    for port in program.inputs:
        whole = {True: steps * len(port.scale), False: steps}
        axes = zip(port.shape, port.axes, strict=True)
        shape = [n if n >= 0 else whole["*" in axis] for n, axis in axes]
        if port.limit:
            low, high = 0, port.limit
            if port in program.length_ports:
                low, high = 1, counted_steps(program, port.value, steps) + 1
            arrays[port.name] = generator.integers(low, high, (samples, *shape))
            continue
        numbers = generator.standard_normal((samples, *shape))
        arrays[port.name] = numbers.astype(np.float32)
    for state in program.state_inputs:
        if not state.partner or program.settings.state == "explicit":
            numbers = generator.uniform(-1.0, 1.0, (samples, *state.shape))
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
