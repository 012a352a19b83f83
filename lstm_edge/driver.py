"""The pipeline, from a model file to a bundle, as one readable list."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy.typing as npt

from lstm_edge import __version__, bundle, frontend
from lstm_edge.accuracy import text
from lstm_edge.accuracy.advice import advice
from lstm_edge.accuracy.measure import measure
from lstm_edge.built import Built, Limits, built_for, check_straight, manifest_of
from lstm_edge.data import Data, load_data, no_data, some_samples, steps_of
from lstm_edge.emit.merged import render_cores
from lstm_edge.emit.render import Rendered, banner
from lstm_edge.emit.testing import render_selftest
from lstm_edge.errors import DataError
from lstm_edge.families import load_cores
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.feed import Feed
from lstm_edge.interpret.ports import quantize as stored_numbers
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Port, Program
from lstm_edge.ir.serialize import to_bytes
from lstm_edge.passes.calibrate import Ranges, calibrate, chained
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import Proof, prove
from lstm_edge.profile.budgets import Budgets, check_tools
from lstm_edge.profile.budgets import check_budgets as check_costs
from lstm_edge.search.judge import judge_of
from lstm_edge.search.program import Calibrated, Code, Wanted, find_program
from lstm_edge.search.slower import slower, slower_than_integers
from lstm_edge.search.widths import Bound, describe, json_of
from lstm_edge.targets import Target

Array = npt.NDArray[Any]
Progress = Callable[[int, int], None]

TOO_FEW = (
    "too few calibration samples to hold any back, so the bound was judged by those that formats "
    "and weights were made from; give 5 or more"
)
DEFAULT = Options()
DEFAULT_ERROR = 40.0
"""dB that an automatic choice has to hold where no bound is given."""
WEIGHTS, ACTIVATIONS = (4, 8, 16), (8, 12, 16)
SELFTEST_STEPS = 16


@dataclass(frozen=True)
class Request:
    """What to compile and how; the options of the command line.

    weights, activations: bits, or None for those that hold the bounds at least cost. max_error: the
    least SQNR of an output in dB; max_drop: the most that a score on `labels` may lose, in points.
    """

    model: Path
    target: str
    output: Path | None = None
    calibration: Path | None = None
    name: str | None = None
    scheme: str = "int8"
    weights: int | None = 8
    activations: int | None = 12
    cell_state: int = 32
    unroll: str = "gates"
    optimize: str = "speed"
    steps: int | None = None
    state: str = "kept"
    max_flash: int | None = None
    max_ram: int | None = None
    max_stack: int | None = None
    max_insn: int | None = None
    max_cycles: int | None = None
    max_error: float | None = None
    max_drop: float | None = None
    labels: Path | None = None
    rename: tuple[tuple[str, str], ...] = ()

    @property
    def searches(self) -> bool:
        """True where widths are to be chosen, or to hold a bound."""
        given = (self.max_error, self.max_drop, self.labels)
        return None in (self.weights, self.activations) or any(g is not None for g in given)

    @property
    def code(self) -> Code:
        """How C is written."""
        return Code(self.unroll, self.optimize, self.max_stack)

    @property
    def budgets(self) -> Budgets:
        """The most that a step may cost."""
        return Budgets(self.max_insn, self.max_cycles, self.max_stack)

    def described(self, options: Options | None, *, vectors: bool = False) -> str:
        """The options that decide what is generated; `options`: those of number formats, if any;
        vectors: some core runs vectors, whose tiles a limit of the stack decides.
        """
        parts = [f"scheme={self.scheme}"]
        if options is not None:
            parts += [describe(options), f"cell_state={self.cell_state}"]
        parts.append(f"unroll={self.unroll}")
        parts += ["optimize=size"] if self.optimize == "size" else []
        parts += ["state=explicit"] if self.state == "explicit" else []
        if vectors and self.max_stack is not None:
            parts.append(f"max_stack={self.max_stack}")
        return " ".join(parts)


@dataclass(frozen=True)
class Compiled:
    """Everything that a compilation found out; `files` is the bundle. rendered: by target."""

    model: Model
    reference: Program
    program: Program
    proof: Proof
    rendered: Mapping[str, Rendered]
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


def compile_model(
    request: Request,
    progress: Progress,
    searching: Progress = lambda _, __: None,
) -> Compiled:
    """Compile without writing: load, calibrate, quantize, prove, render, measure.

    `progress(done, total)` is told how many calibration samples were run, `searching(done, most)`
    how many widths were tried.
    """
    cores = load_cores(request.target)
    for target in cores.emulated:
        check_tools(request.budgets, target)
    limits = Limits(request.unroll, request.max_flash, request.max_ram)
    renamed = dict(request.rename)
    model = frontend.load(request.model, request.name, request.steps, renamed)
    reference = lower_real(model, {"state": request.state})
    check_state_option(request, reference)
    bound_of(request)
    check_straight(reference, cores, limits)
    data = load_data(request.calibration, reference)
    warnings = [*model.warnings, *data.notes]
    program, options = reference, None
    tried: list[Mapping[str, Any]] = []
    calibrated = None
    if request.scheme != "float32":
        calibrated = Calibrated(model, reference, _calibrate(reference, data, progress), data)
        made = _quantized(request, calibrated, cores.slowest, searching)
        program, options, tried = made
        program = replace(program, options={**program.options, "state": request.state})
    if not data.from_file and not program.is_float:
        warnings.append(no_data(program))
    if data.from_file and data.too_few and request.searches:
        warnings.append(TOO_FEW)
    proof = prove(program)
    measured = measured_error(program, reference, data)
    warnings += measured.warnings
    vectors = any("mve" in target.features for target in cores.targets)
    described = request.described(options, vectors=vectors)
    lines = banner(program, model.sha256, cores, described)
    check_straight(program, cores, limits)
    merged = render_cores(
        program, cores, request.unroll, lines, request.optimize, request.max_stack
    )
    built = built_for(program, cores, merged, limits, steps_of(program, data))
    if calibrated is None or options is None:
        few = some_samples(data.held_back, reference)
        ranges = calibrate(reference, few, from_data=data.from_file, progress=lambda _: None)
        calibrated = Calibrated(model, reference, ranges, data)
    for each in (each for each in built if each.target in cores.emulated):
        warnings += _slower(calibrated, program, options, request.code, each)
    selftest = _selftest(program, cores.targets[0], lines, data)
    sources = {**merged.files, f"{program.name}_selftest.c": selftest}
    summary = manifest_of(model, program, cores, built, proof, described)
    files = {name: text.encode() for name, text in sources.items()}
    files[bundle.PROGRAM] = to_bytes(program)
    files[bundle.REFERENCE] = to_bytes(reference)
    files[bundle.HELD_BACK] = bundle.array_bytes(data.raw_held_back)
    if measured.report:
        files[bundle.REPORT] = measured.report.encode()
        summary["accuracy"] = measured.summary
    if tried:
        summary["search"] = tried
    summary["files"] = [*files, bundle.MANIFEST]
    summary["tool"] = {"name": "lstm-edge", "version": __version__}
    summary["calibration"] = "file" if data.from_file else "drawn"
    summary["warnings"] = warnings
    files[bundle.MANIFEST] = (json.dumps(summary, indent=2) + "\n").encode()
    check_costs(request.budgets, files)
    folder = request.output or Path("build") / program.name
    return Compiled(
        model,
        reference,
        program,
        proof,
        {each.target.name: each.rendered for each in built},
        summary,
        files,
        folder,
        tuple(warnings),
        measured.lines,
    )


def _slower(
    calibrated: Calibrated, program: Program, options: Options | None, code: Code, built: Built
) -> list[str]:
    """Warnings of options that cost more than they bring; no options: of float32."""
    if options is None:
        return slower_than_integers(calibrated, built.cost, built.target)
    return slower(calibrated, program, options, code, built.cost, built.target)


def _quantized(
    request: Request, calibrated: Calibrated, target: Target, progress: Progress
) -> tuple[Program, Options, list[Mapping[str, Any]]]:
    """The integer program, its widths, and the table of those that were tried."""
    options = Options(
        request.activations or DEFAULT.activations,
        request.cell_state,
        request.weights or DEFAULT.weights,
        power_of_two=request.scheme == "fixed",
    )
    if not request.searches:
        return calibrated.program(options), options, []
    wanted = Wanted(
        options,
        WEIGHTS if request.weights is None else (request.weights,),
        ACTIVATIONS if request.activations is None else (request.activations,),
        bound_of(request),
    )
    labels = None if request.labels is None else bundle.read_arrays(request.labels)
    judge = judge_of(calibrated.reference, calibrated.data, labels)
    best, tried = find_program(calibrated, wanted, judge, target, request.code, progress)
    return best.made, best.options, [json_of(each, each is best) for each in tried]


def bound_of(request: Request) -> Bound:
    """What is asked for, or else DEFAULT_ERROR; DataError for what has no meaning."""
    for name, asked in (("--max-error", request.max_error), ("--max-drop", request.max_drop)):
        if asked is not None and not isfinite(asked):
            raise DataError(f"{name} {asked}: expected a number")
    if (request.max_drop is None) != (request.labels is None):
        given, missing = ("--max-drop", "--labels FILE.npz")
        if request.max_drop is None:
            given, missing = "--labels", "--max-drop"
        raise DataError(f"{given} has no meaning without {missing}; give both")
    if request.max_error is None and request.max_drop is None:
        return Bound(DEFAULT_ERROR)
    return Bound(request.max_error, request.max_drop)


def measured_error(program: Program, reference: Program, data: Data) -> MeasuredError:
    """The error of an integer program on some of the held-back samples, few enough to be quick."""
    if program.is_float:
        return MeasuredError()
    feed = chained(reference, some_samples(data.held_back, program))
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


def _calibrate(reference: Program, data: Data, progress: Callable[[int, int], None]) -> Ranges:
    feeds = data.recordings or (data.calibration,)
    total = sum(feed.shape[0] * (feed.shape[1] if data.recordings else 1) for feed in feeds)
    done = 0

    def advance(samples: int) -> None:
        nonlocal done
        done += samples
        progress(done, total)

    return calibrate(
        reference,
        data.calibration,
        from_data=data.from_file,
        progress=advance,
        recordings=data.recordings,
    )


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


def _one_call(port: Port, feed: Feed, limit: int | None) -> Array:
    """The first sample of an input, cut to a number of steps."""
    call = feed.inputs[port.name][:1, 0]
    return call[:, :limit] if port.per_step else call
