"""The pipeline, from a model file to a bundle, as one readable list."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge import __version__, bundle, frontend
from lstm_edge.accuracy import text
from lstm_edge.accuracy.advice import advice
from lstm_edge.accuracy.measure import measure
from lstm_edge.emit.render import Rendered, banner, render
from lstm_edge.emit.testing import render_selftest
from lstm_edge.errors import DataError
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.feed import Feed, counted_steps, feed_of
from lstm_edge.interpret.ports import quantize as stored_numbers
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Port, Program
from lstm_edge.ir.serialize import to_bytes
from lstm_edge.manifest import manifest
from lstm_edge.passes.calibrate import Ranges, calibrate, chained
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import Proof, prove
from lstm_edge.passes.quantize import quantize
from lstm_edge.sizes import check_budgets
from lstm_edge.sizes import measure as measure_sizes
from lstm_edge.targets import Target, load_target

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
DRAWN_SAMPLES, DRAWN_STEPS = 64, 32
SELFTEST_STEPS = 16


@dataclass(frozen=True)
class Request:
    """What to compile and how; the options of the command line."""

    model: Path
    target: str
    output: Path | None = None
    calibration: Path | None = None
    name: str | None = None
    scheme: str = "int8"
    weights: int = 8
    activations: int = 12
    cell_state: int = 32
    unroll: str = "gates"
    steps: int | None = None
    state: str = "kept"
    max_flash: int | None = None
    max_ram: int | None = None

    def described(self) -> str:
        """The options that decide what is generated."""
        parts = [f"scheme={self.scheme}"]
        if self.scheme != "float32":
            parts += [f"weights=int{self.weights}", f"activations={self.activations}"]
            parts += [f"cell_state={self.cell_state}"]
        parts.append(f"unroll={self.unroll}")
        parts += ["state=explicit"] if self.state == "explicit" else []
        return " ".join(parts)


@dataclass(frozen=True)
class Compiled:
    """Everything that a compilation found out; `files` is the bundle."""

    model: Model
    reference: Program
    program: Program
    proof: Proof
    rendered: Rendered
    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]
    folder: Path
    warnings: tuple[str, ...] = field(default_factory=tuple)
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeasuredError:
    """The error of the compiled program: the report, a line for each output, the manifest's part,
    warnings. All empty for float32, where there is none.
    """

    report: str = ""
    lines: tuple[str, ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Data:
    """What to calibrate on, and what is held back to verify: fed to the float program, and as the
    user's arrays. too_few: to hold any back, so that these are the same.
    """

    calibration: Feed
    held_back: Feed
    raw_held_back: Mapping[str, Array]
    from_file: bool
    too_few: bool


def compile_model(request: Request, progress: Callable[[int, int], None]) -> Compiled:
    """Compile without writing: load, calibrate, quantize, prove, render, measure.

    `progress(done, total)` is told how many calibration samples were run.
    """
    target = load_target(request.target)
    model = frontend.load(request.model, name=request.name, steps=request.steps)
    reference = lower_real(model, {"state": request.state})
    check_state_option(request, reference)
    data = load_data(request, reference)
    warnings = list(model.warnings)
    program = reference
    if request.scheme != "float32":
        ranges = _calibrate(reference, data, progress)
        options = Options(
            request.activations,
            request.cell_state,
            request.weights,
            power_of_two=request.scheme == "fixed",
        )
        program = quantize(model, reference, ranges, options, data.calibration)
        program = replace(program, options={**program.options, "state": request.state})
    if not data.from_file and not program.is_float:
        warnings.append(_no_data(program))
    proof = prove(program)
    measured = measured_error(program, reference, data)
    warnings += measured.warnings
    lines = banner(program, model.sha256, target, request.described())
    check_budgets(program, target, request.unroll, request.max_flash)
    rendered = render(program, target, request.unroll, lines)
    selftest = _selftest(program, target, lines, data)
    sources = {**rendered.files, f"{program.name}_selftest.c": selftest}
    sizes = measure_sizes(program, target, rendered, request.max_flash, request.max_ram)
    described = manifest(model, program, target, rendered, proof, sizes, request.described())
    files = {name: text.encode() for name, text in sources.items()}
    files[bundle.PROGRAM] = to_bytes(program)
    files[bundle.REFERENCE] = to_bytes(reference)
    files[bundle.HELD_BACK] = bundle.array_bytes(data.raw_held_back)
    if measured.report:
        files[bundle.REPORT] = measured.report.encode()
        described["accuracy"] = measured.summary
    described["files"] = [*files, bundle.MANIFEST]
    described["tool"] = {"name": "lstm-edge", "version": __version__}
    described["calibration"] = "file" if data.from_file else "drawn"
    described["warnings"] = warnings
    files[bundle.MANIFEST] = (json.dumps(described, indent=2) + "\n").encode()
    folder = request.output or Path("build") / program.name
    return Compiled(
        model,
        reference,
        program,
        proof,
        rendered,
        described,
        files,
        folder,
        tuple(warnings),
        measured.lines,
    )


def measured_error(program: Program, reference: Program, data: Data) -> MeasuredError:
    """The error of an integer program on some of the held-back samples, few enough to be quick."""
    if program.is_float:
        return MeasuredError()
    feed = chained(reference, _some(data.held_back, program))
    found = measure(program, reference, feed, exact=False).accuracy
    warnings = advice(found, program, calibrated=data.from_file, only_noticeable=True)
    kind = "made-up" if not data.from_file else "calibration" if data.too_few else "held-back"
    lines = tuple(
        f"  error  {output.name}: {text.brief(output)} on {found.samples} {kind} samples"
        for output in found.outputs
    )
    head = f"{program.name}, {found.samples} {kind} samples of {found.steps} steps"
    report = [head, *text.lines(found), *text.warning_lines(warnings)]
    return MeasuredError(
        "\n".join(report) + "\n", lines, text.summary_json(found, warnings), warnings
    )


def _some(feed: Feed, program: Program) -> Feed:
    """The first samples, cut to fewer steps where the model takes any number."""
    samples, _, steps = feed.shape
    layers = len({block.layer for block in program.blocks})
    numbers = sum(a[0].size for a in feed.inputs.values()) * layers
    count = max(1, min(samples, MEASURED_SAMPLES, MEASURED_NUMBERS // max(numbers, 1)))
    feed = feed.pick(np.arange(count))
    if program.steps is not None or program.length_ports or steps <= MEASURED_STEPS:
        return feed
    cut = {name: a[:, :, :MEASURED_STEPS] if a.ndim == 4 else a for name, a in feed.inputs.items()}
    return Feed(cut, feed.states)


def load_data(request: Request, program: Program) -> Data:
    """Calibration vectors from the file, or drawn from a normal distribution."""
    kinds = {port.name: np.int32 if port.limit else np.float32 for port in program.inputs}
    kinds |= {port.name: np.float32 for port in program.state_inputs}
    names = list(kinds)
    if request.calibration is None:
        arrays = drawn_inputs(program)
    else:
        arrays = bundle.read_arrays(request.calibration)
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
        request.calibration is not None,
        too_few,
    )


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


def _calibrate(reference: Program, data: Data, progress: Callable[[int, int], None]) -> Ranges:
    total, _, _ = data.calibration.shape
    done = 0

    def advance(samples: int) -> None:
        nonlocal done
        done += samples
        progress(done, total)

    return calibrate(reference, data.calibration, from_data=data.from_file, progress=advance)


def check_state_option(request: Request, program: Program) -> None:
    """`--state explicit` needs states that come from inputs."""
    if request.state == "explicit" and not program.state_inputs:
        raise DataError(
            "--state explicit: no input of this model sets a state, so there is none to be an "
            "argument; leave it out, or export the model with h0 and c0 as inputs"
        )


def _selftest(program: Program, target: Target, lines: tuple[str, ...], data: Data) -> str:
    over_time = any(state.accumulator for state in program.states)
    limit = program.steps if over_time else max(SELFTEST_STEPS, program.least_steps)
    inputs = {
        port.name: stored_numbers(program, port, _one_call(port, data.held_back, limit))
        for port in program.inputs
    }
    outputs, _ = run(program, inputs)
    return render_selftest(
        program,
        target,
        lines,
        {name: a[0] for name, a in inputs.items()},
        {name: a[0] for name, a in outputs.items()},
    )


def _no_data(program: Program) -> str:
    """The warning of a compilation without calibration data."""
    ranges = _input_ranges(program)
    if not ranges:
        return NO_DATA.format(drawn="all integers alike", saturate="")
    saturate = f", and inputs beyond {ranges} saturate"
    return NO_DATA.format(drawn="a normal distribution", saturate=saturate)


def _one_call(port: Port, feed: Feed, limit: int | None) -> Array:
    """The first sample of an input, cut to a number of steps."""
    call = feed.inputs[port.name][:1, 0]
    return call[:, :limit] if port.per_step else call


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
