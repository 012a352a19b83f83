"""Compare executions of a bundle: bit for bit between numpy and C, in decibels against float."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.accuracy.advice import advice
from lstm_edge.accuracy.measure import measure
from lstm_edge.accuracy.results import Accuracy
from lstm_edge.bundle import Bundle
from lstm_edge.errors import DataError
from lstm_edge.interpret.feed import Feed, Results, feed_of, run_numpy, state_arrays, stored_feed
from lstm_edge.interpret.ports import dequantize, from_vectors
from lstm_edge.ir.program import Program
from lstm_edge.labels import (
    Score,
    check_samples,
    check_usable,
    paired_inputs,
    read_labels,
    scores_of,
)
from lstm_edge.passes.calibrate import chained
from lstm_edge.runner import run_compiled

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
WHERE = ("numpy", "host", "qemu", "float")


@dataclass(frozen=True)
class Verified:
    """Result of a verification: `exact` per place, with the first differences, and the error
    against float. A place is host, qemu or, of several targets, `qemu <target>`.
    made_up: the inputs were drawn, not given by the user.
    """

    exact: Mapping[str, bool]
    differences: Mapping[str, str]
    accuracy: Accuracy
    scores: tuple[Score, ...]
    warnings: tuple[str, ...]
    made_up: bool

    @property
    def ok(self) -> bool:
        """True where every execution gave the same bits."""
        return all(self.exact.values())

    @property
    def told(self) -> str:
        """Where executions differ, as text."""
        places = ", ".join(f"{place}: {text}" for place, text in self.differences.items())
        return f"the executions differ ({places})"


def check_steps(program: Program, feed: Feed) -> None:
    """A model that weighs each step differently takes sequences of its own length only."""
    _, _, steps = feed.shape
    over_time = any(state.accumulator for state in program.states)
    if steps < program.least_steps:
        raise DataError(f"the inputs have {steps} steps, the model needs {program.least_steps}")
    if over_time and program.steps is not None and steps != program.steps:
        raise DataError(f"the inputs have {steps} steps, the model takes {program.steps}")


def run_on(bundle: Bundle, where: str, arrays: Arrays, stream: bool) -> Results:
    """Outputs and states in stored numbers, [streams, calls, ...]; `where` is one of WHERE."""
    program = bundle.reference if where == "float" else bundle.program
    feed = feed_of(program, arrays, stream)
    check_steps(program, feed)
    if where in ("numpy", "float"):
        return run_numpy(program, feed)
    return run_compiled(bundle, where, feed)


def as_user_arrays(
    bundle: Bundle, where: str, results: Results, *, stream: bool, raw: bool
) -> dict[str, Array]:
    """Outputs named and shaped as in the model file: float32, or stored numbers where `raw`."""
    program = bundle.reference if where == "float" else bundle.program
    found = {}
    for port in program.outputs:
        stored = results.outputs[port.name]
        lead = stored.shape[:2]
        vectors = stored.reshape(-1, *stored.shape[2:])
        numbers = vectors if raw else dequantize(program, port, vectors)
        shaped = from_vectors(port, numbers)
        found[port.name] = shaped.reshape(*lead, *shaped.shape[1:]) if stream else shaped
    for name, array in state_arrays(program, results, raw).items():
        found[name] = array if stream else array[:, 0]
    return found


def verify(
    bundle: Bundle, arrays: Arrays | None, places: tuple[str, ...], labels: Arrays | None = None
) -> Verified:
    """Run everywhere on the same inputs and compare.

    arrays: the model's inputs; None for the held-back part of the calibration set, as calls of a
    stream where states are fed back. labels: arrays of a file of labels, as in `labels.py`.
    """
    program, reference = bundle.program, bundle.reference
    if labels is not None:
        arrays = paired_inputs(program, labels, arrays)
    drawn = bundle.made_up
    found = None if labels is None else check_usable(read_labels(program, labels))
    from_compile = arrays is None
    if arrays is None:
        arrays = bundle.held_back
    real = feed_of(reference, arrays, stream=False)
    real = chained(reference, real) if from_compile else real
    check_steps(program, real)
    if found is not None:
        check_samples(found, real)
    measured = measure(program, reference, real)
    feed, ours = stored_feed(program, real), measured.ours
    exact, differences = {}, {}
    for place, built in _built(bundle, places):
        other = run_compiled(built, place.partition(" ")[0], feed)
        wrong = [
            _difference(name, numbers, theirs[name])
            for mine, theirs in ((ours.outputs, other.outputs), (ours.states, other.states))
            for name, numbers in mine.items()
        ]
        exact[place] = not any(wrong)
        if any(wrong):
            differences[place] = "; ".join(text for text in wrong if text)
    scores = () if found is None else scores_of(program, reference, found, measured)
    warnings = advice(measured.accuracy, program, calibrated=not drawn)
    return Verified(exact, differences, measured.accuracy, scores, warnings, from_compile and drawn)


def _built(bundle: Bundle, places: tuple[str, ...]) -> list[tuple[str, Bundle]]:
    """Where to run what: in QEMU, C for several targets on the board of each."""
    found = []
    for place in places:
        if place == "qemu" and len(bundle.targets) > 1 and bundle.emulated:
            found += [(f"qemu {t.name}", bundle.on(t.name)) for t in bundle.emulated]
        else:
            found.append((place, bundle))
    return found


def _difference(name: str, ours: Array, other: Array) -> str:
    """Where two outputs first differ, as text; empty where they are equal bit for bit."""
    a, b = ours, other
    if ours.dtype == np.float32:
        a, b = _float_bits(ours), _float_bits(other)
    if a.shape == b.shape and np.array_equal(a, b):
        return ""
    if a.shape != b.shape:
        return f"{name}: shape {b.shape} instead of {a.shape}"
    at = tuple(int(k) for k in np.argwhere(a != b)[0])
    count = int((a != b).sum())
    return f"{name}: {count} of {a.size} numbers differ, first at {at}: {other[at]}, not {ours[at]}"


def _float_bits(array: Array) -> Array:
    """The bits of float32 numbers; every NaN counts as the same, its sign says nothing."""
    bits = np.ascontiguousarray(array).view(np.int32)
    return np.where(np.isnan(array), np.int32(0x7FC00000), bits)
