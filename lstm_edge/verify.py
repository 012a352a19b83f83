"""Compare executions of a bundle: bit for bit between numpy and C, in decibels against float."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.bundle import HELD_BACK, Bundle, read_arrays
from lstm_edge.errors import DataError
from lstm_edge.interpret.feed import Feed, Results, feed_of, run_numpy, state_arrays
from lstm_edge.interpret.ports import dequantize, from_vectors, quantize, to_vectors
from lstm_edge.ir.program import Op, Port, Program
from lstm_edge.passes.calibrate import chained
from lstm_edge.runner import run_compiled

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
WHERE = ("numpy", "host", "qemu", "float")
ERROR_POINTS = 16
"""The error by time step is reported at this many points at most."""


@dataclass(frozen=True)
class Verified:
    """Result of a verification: `exact` per place, figures per output, ready for JSON.

    saturations: how often each saturating operation of the program did clip. made_up: the inputs
    were drawn, not given by the user.
    """

    exact: Mapping[str, bool]
    differences: Mapping[str, str]
    outputs: Mapping[str, Mapping[str, Any]]
    inputs: Mapping[str, Mapping[str, Any]]
    saturations: Mapping[str, int]
    samples: int
    made_up: bool

    @property
    def ok(self) -> bool:
        """True where every execution gave the same bits."""
        return all(self.exact.values())


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


def verify(bundle: Bundle, arrays: Arrays | None, places: tuple[str, ...]) -> Verified:
    """Run everywhere on the same inputs and compare.

    arrays: the model's inputs; None for the held-back part of the calibration set, as calls of a
    stream where states are fed back.
    """
    from_compile = arrays is None
    made_up = from_compile and bundle.manifest.get("calibration") == "drawn"
    if arrays is None:
        arrays = read_arrays(bundle.folder / HELD_BACK)
    clipped: dict[str, int] = {}

    def observe(op: Op, args: tuple[Array, ...], result: Array) -> None:
        if op.kind == "saturate":
            clipped[op.dest] = clipped.get(op.dest, 0) + int(np.sum(args[0] != result))

    def fed(program: Program) -> Feed:
        feed = feed_of(program, arrays, stream=False)
        return chained(program, feed) if from_compile else feed

    feed = fed(bundle.program)
    check_steps(bundle.program, feed)
    ours = run_numpy(bundle.program, feed, observe)
    exact, differences = {}, {}
    for place in places:
        other = run_compiled(bundle, place, feed)
        found = [
            _difference(name, numbers, theirs[name])
            for mine, theirs in ((ours.outputs, other.outputs), (ours.states, other.states))
            for name, numbers in mine.items()
        ]
        exact[place] = not any(found)
        if any(found):
            differences[place] = "; ".join(text for text in found if text)
    reference = run_numpy(bundle.reference, fed(bundle.reference))
    outputs = _output_figures(bundle, reference, ours, clipped)
    given = {p.name: _input_figures(bundle.program, p, arrays) for p in bundle.program.inputs}
    given |= _state_figures(bundle.program, feed)
    streams, calls, _ = feed.shape
    return Verified(exact, differences, outputs, given, clipped, streams * calls, made_up)


def _output_figures(
    bundle: Bundle, reference: Results, ours: Results, clipped: Mapping[str, int]
) -> dict[str, dict[str, Any]]:
    """The error of each output, those that show states included."""
    found = {}
    for port, real_port in zip(bundle.program.outputs, bundle.reference.outputs, strict=True):
        real = dequantize(bundle.reference, real_port, _calls(reference.outputs[port.name]))
        computed = dequantize(bundle.program, port, _calls(ours.outputs[port.name]))
        saturations = clipped.get(port.value, 0)
        found[port.name] = _figures(real, computed, port.limit) | {"saturations": saturations}
        if port.per_step:
            found[port.name]["rms_by_step"] = _by_step(real, computed)
    real_states = state_arrays(bundle.reference, reference, raw=False)
    for name, array in state_arrays(bundle.program, ours, raw=False).items():
        rows, real_rows = (
            _calls(a).reshape(-1, int(np.prod(a.shape[2:]))) for a in (array, real_states[name])
        )
        found[name] = _figures(real_rows, rows, 0) | {"saturations": 0}
    return found


def _calls(array: Array) -> Array:
    """[streams, calls, ...] as [samples, ...]."""
    return array.reshape(-1, *array.shape[2:])


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


def sqnr_db(real: Array, ours: Array) -> float | None:
    """Signal to quantization noise in dB; None where there is no error, or no signal."""
    noise = float(np.sum((real.astype(np.float64) - ours) ** 2))
    signal = float(np.sum(real.astype(np.float64) ** 2))
    if noise == 0.0 or signal == 0.0 or not np.isfinite(noise + signal):
        return None
    return 10.0 * float(np.log10(signal / noise))


def _figures(real: Array, ours: Array, limit: int) -> dict[str, Any]:
    """limit: that of a port of integers, of which only equality says anything."""
    error = ours.astype(np.float64) - real
    sqnr = None if limit else sqnr_db(real, ours)
    agreement = float(np.mean(real.argmax(axis=-1) == ours.argmax(axis=-1)))
    if limit:
        agreement = float(np.mean(real == ours))
    figures: dict[str, Any] = {
        "max_abs": _finite(np.abs(error).max()),
        "rms": _finite(np.sqrt(np.mean(error**2))),
        "sqnr_db": None if sqnr is None else round(sqnr, 2),
        "argmax_agreement": agreement,
    }
    return figures | ({"agreement": agreement} if limit else {})


def _by_step(real: Array, ours: Array) -> dict[int, float | None]:
    """The error at some steps, [samples, steps, n]."""
    by_step = np.sqrt(np.mean((ours.astype(np.float64) - real) ** 2, axis=(0, 2)))
    at = np.unique(np.linspace(0, len(by_step) - 1, ERROR_POINTS).astype(int))
    return {int(t): _finite(by_step[t]) for t in at}


def _finite(number: Any) -> float | None:
    """None for NaN and infinity, which JSON has not."""
    return float(number) if np.isfinite(number) else None


def _state_figures(program: Program, feed: Feed) -> dict[str, Any]:
    """How many numbers that set states lie outside of what these store."""
    found: dict[str, Any] = {}
    for port in program.state_inputs:
        stored = [
            (program.values[s].format, feed.states[s]) for s in port.places if s in feed.states
        ]
        if stored and not program.is_float:
            beyond = sum(int(((a == fmt.low) | (a == fmt.high)).sum()) for fmt, a in stored)
            numbers = sum(a.size for _, a in stored)
            found[port.name] = {"saturations": beyond, "numbers": numbers}
    return found


def _input_figures(program: Program, port: Port, arrays: Arrays) -> dict[str, Any]:
    """How many input numbers lie outside the stored range."""
    if program.is_float or port.limit:
        return {"saturations": 0}
    vectors = to_vectors(port, np.asarray(arrays[port.name], np.float32))
    stored = quantize(program, port, vectors)
    fmt = program.values[port.value].format
    beyond = (stored == fmt.low) | (stored == fmt.high)
    return {"saturations": int(beyond.sum()), "numbers": int(beyond.size)}
