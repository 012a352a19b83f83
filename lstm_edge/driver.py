"""The pipeline, from a model to what its bundle holds, as one readable list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from lstm_edge.accuracy.advice import LOW_SQNR
from lstm_edge.accuracy.unmoved import unmoved
from lstm_edge.artifacts import Compilation
from lstm_edge.built import Built, built_for, check_straight
from lstm_edge.data import Data, load_data, no_data, some_samples, steps_of
from lstm_edge.data_checks import told_still
from lstm_edge.emit.blob import Blob, file_of
from lstm_edge.emit.identity import Identity
from lstm_edge.emit.merged import render_cores
from lstm_edge.emit.render import banner
from lstm_edge.errors import DataError, ModelError
from lstm_edge.families import load_cores
from lstm_edge.interpret.feed import Feed
from lstm_edge.interpret.raw import raw_inputs
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program, Settings
from lstm_edge.limits import LARGEST_CALL, MOST_COMPILED
from lstm_edge.manifest import AttemptEntry, GainEntry, RemediesEntry, ReplaceableEntry
from lstm_edge.measured import measured_error
from lstm_edge.passes.calibrate import Ranges, calibrate
from lstm_edge.passes.certificate import certificate
from lstm_edge.passes.decisions import OPTIONS
from lstm_edge.passes.logits import with_logits
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.profile.budgets import check_tools
from lstm_edge.progress import Progress, silent
from lstm_edge.request import HELD, Request
from lstm_edge.search.hold import Held, hold, hold_bound, hold_cheapest
from lstm_edge.search.judge import judge_of, quick_judge
from lstm_edge.search.program import Attempts, Calibrated
from lstm_edge.search.remedies import remedies, remedies_text
from lstm_edge.search.slower import slower, slower_than_integers
from lstm_edge.search.widen import NOTHING
from lstm_edge.search.widths import Attempt, Bound
from lstm_edge.stopwatch import Stopwatch
from lstm_edge.targets import Target
from lstm_edge.updating import (
    STAYS,
    Kept,
    beyond,
    check_updatable,
    proved,
    replaceable,
    with_steps,
)

Arrays = Mapping[str, npt.NDArray[Any]]

TOO_FEW = (
    "too few calibration samples to hold any back, so the bound was judged by those that formats "
    "and weights were made from; give 5 or more"
)


@dataclass(frozen=True)
class _Chosen:
    """A program, with its widths (None of float32), what it was made from, what was tried and
    widened; of integers how others are tried, and the attempt that it is.
    """

    program: Program
    options: Options | None
    calibrated: Calibrated
    tried: tuple[AttemptEntry, ...] = ()
    widened: GainEntry | None = None
    attempts: Attempts | None = None
    attempt: Attempt[Program] | None = None

    def again(self, feed: Feed) -> Program:
        """The program that other samples give with the same widths."""
        of, reference = self.calibrated, self.calibrated.reference
        if self.options is None:
            return reference
        ranges = calibrate(reference, feed, from_data=True)
        data = replace(of.data, calibration=feed)
        again = Calibrated(of.model, reference, ranges, data, known=of.known)
        return again.program(self.options)


def compile_model(
    model: Model,
    request: Request,
    calibration: Any = None,
    labels: Arrays | None = None,
    progress: Progress = silent,
    searching: Progress = silent,
    stopwatch: Stopwatch | None = None,
    kept: Kept | None = None,
) -> Compilation:
    """Calibrate, quantize, prove, render and measure; nothing is written.

    calibration: samples, given as `interpret/given.py` says; None to draw some. labels: of its
    samples, as in `labels.py`. `progress(done, total)` is told how many calibration samples were
    run, `searching(done, most)` how many widths were tried.
    stopwatch: times the passes. kept: what an update keeps of the program that it is of.
    """
    watch = stopwatch or Stopwatch()
    cores = load_cores(request.target)
    for target in cores.emulated:
        check_tools(request.budgets, target)
    if request.outputs == "logits":
        model = with_logits(model)
    _check_layers(model)
    reference = lower_real(model, Settings(state=request.state))
    _check_strides(reference)
    check_state_option(request, reference)
    request.check(labels=labels is not None)
    check_straight(reference, cores, request.limits)
    if request.updatable:
        check_updatable(cores, request.unroll)
    raw_inputs(reference, request.input_scale, request.input_zero)
    with watch.lap("read data"):
        data = load_data(calibration, reference)
    check_bound(request, data)
    chosen = _chosen(
        model, reference, data, request, cores.slowest, labels, progress, searching, watch, kept
    )
    with watch.lap("prove"):
        bounds = proved(chosen.program, kept)
    program, tests = with_steps(chosen.program, data, kept)
    proof = "" if program.is_float else certificate(program, bounds)
    with watch.lap("measure the error"):
        measured = measured_error(program, reference, data, chosen.again)
    mended, remedy = (None, []) if kept else _mended(chosen, request)
    vectors = any("mve" in target.features for target in cores.targets)
    described = request.described(chosen.options, vectors=vectors)
    described = kept.described if kept else described
    sha256 = "" if request.updatable else model.sha256
    lines = banner(program, sha256, cores, described)
    check_straight(program, cores, request.limits)
    weights = None
    if request.updatable:
        weights = replaceable(model.sha256, proof, tests, kept.revision if kept else 0)
    with watch.lap("render"):
        merged = render_cores(
            program,
            cores,
            request.unroll,
            lines,
            request.optimize,
            request.max_stack,
            identity=Identity(sha256, described, replaceable=request.updatable),
            raw=raw_inputs(program, request.input_scale, request.input_zero),
            replaceable=weights,
        )
    with watch.lap("size"):
        built = built_for(program, cores, merged, request.limits, steps_of(program, data))
    emulated = [each for each in built if each.target in cores.emulated]
    slow = [warning for each in emulated for warning in _slower(chosen, request, each)]
    of_data = _of_data(data, reference, program, request)
    if kept:
        slow, of_data = [], [*of_data, *_beyond(program, chosen)]
    stays = [STAYS] if kept and measured.warnings else []
    warnings = [*model.warnings, *of_data, *measured.warnings, *stays, *remedy, *slow]
    return Compilation(
        model=model,
        reference=chosen.calibrated.reference,
        program=program,
        bounds=bounds,
        data=data,
        cores=cores,
        sources=merged.files,
        built=built,
        measured=measured,
        banner=lines,
        described=described,
        tests=tests,
        proof=proof,
        tried=chosen.tried,
        budgets=request.asked,
        warnings=tuple(warnings),
        widened=chosen.widened,
        remedies=mended,
        replaceable=_entry(request, built[0].rendered.blob),
    )


def _beyond(program: Program, chosen: _Chosen) -> list[str]:
    """Warnings of inputs beyond what the code of before stores."""
    ranges, ports = chosen.calibrated.ranges, chosen.calibrated.model.inputs
    if not ranges.from_data:
        return []
    seen = {p.name: (ranges.low[p.tensor], ranges.high[p.tensor]) for p in ports}
    return beyond(program, seen)


def _entry(request: Request, blob: Blob | None) -> ReplaceableEntry | None:
    """What the manifest says of weights that can be replaced."""
    if blob is None:
        return None
    return {
        "file": file_of(blob.name),
        "layout": blob.layout,
        "proof": blob.of.proof,
        "revision": blob.of.revision,
        "unroll": request.unroll,
        "optimize": request.optimize,
        "state": request.state,
        "outputs": request.outputs,
        "max_stack": request.max_stack,
        "input_scale": dict(request.input_scale),
        "input_zero": dict(request.input_zero),
    }


def _check_layers(model: Model) -> None:
    """ModelError where there is more code than anyone waits for."""
    if len(model.layers) > MOST_COMPILED:
        raise ModelError(
            model.name,
            f"has {len(model.layers)} layers, more than the {MOST_COMPILED} that are compiled; "
            "export loops as Loop, Scan or LSTM, not written out step by step, or compile parts",
        )


def _check_strides(program: Program) -> None:
    """ModelError where a layer runs so rarely that int32 does not count the steps between."""
    for block in program.blocks:
        if block.clock.stride > LARGEST_CALL:
            raise ModelError(
                block.layer,
                f"gives a vector for each {block.clock.stride} steps, {LARGEST_CALL} at most are "
                "accepted; use a smaller stride",
            )


def _chosen(
    model: Model,
    reference: Program,
    data: Data,
    request: Request,
    slowest: Target,
    labels: Arrays | None,
    progress: Progress,
    searching: Progress,
    watch: Stopwatch,
    kept: Kept | None,
) -> _Chosen:
    """The program to compile: the reference itself, or the integers of it."""
    if request.scheme == "float32":
        if request.updatable:
            reference = replace(reference, decisions={OPTIONS: {}})
        few = some_samples(data.held_back, reference)
        with watch.lap("calibrate"):
            ranges = calibrate(reference, few, from_data=data.from_file, progress=lambda _: None)
        return _Chosen(reference, None, Calibrated(model, reference, ranges, data, watch))
    with watch.lap("calibrate"):
        ranges = _calibrate(reference, data, progress)
    calibrated = Calibrated(model, reference, ranges, data, watch)
    if kept is not None:
        known = dict(kept.program.decisions)
        calibrated = replace(calibrated, known=known)
        assert kept.options is not None
        made = _with_states(calibrated.program(kept.options), request)
        return _Chosen(made, kept.options, calibrated)
    if data.origin != "file" and not request.searches:
        program = calibrated.program(request.options)
        return _Chosen(_with_states(program, request), request.options, calibrated)
    with watch.lap("run float to judge"):
        judge = (
            judge_of(reference, data, labels) if request.searches else quick_judge(reference, data)
        )
    attempts = Attempts(calibrated, judge, slowest, request.code)
    held = _held(attempts, request, searching)
    best = held.best
    return _Chosen(
        _with_states(best.made, request),
        best.options,
        calibrated,
        held.tried,
        held.widened,
        attempts,
        best,
    )


def _held(attempts: Attempts, request: Request, searching: Progress) -> Held:
    """What holds the bounds of a request, or what is held without any."""
    if request.chooses:
        return hold_cheapest(attempts, request.wanted, request.may_choose, searching)
    kinds = request.kinds if attempts.calibrated.data.origin == "file" else NOTHING
    if request.searches:
        asked = request.asked_for(request.bound)
        return hold_bound(attempts, request.held, kinds, asked)
    return hold(attempts, request.options, request.held, kinds)


def _with_states(program: Program, request: Request) -> Program:
    return replace(program, settings=replace(program.settings, state=request.state))


def _mended(chosen: _Chosen, request: Request) -> tuple[RemediesEntry | None, list[str]]:
    """What was tried against a low SQNR, and the warning of it; nothing where none is due."""
    attempts, attempt = chosen.attempts, chosen.attempt
    if attempts is None or attempt is None or attempts.calibrated.data.origin != "file":
        return None, []
    least = HELD if request.is_usual and not request.searches else LOW_SQNR
    if attempt.judged.decibels >= least:
        return None, []
    told = f"SQNR {attempt.judged.decibels:.1f} dB of the worst output, below {least:.0f} dB"
    if request.room is not None:
        return None, [f"{told}: the best of what fits --max-flash {request.max_flash}"]
    found = remedies(attempts, attempt, request.asked_for(Bound(HELD)))
    given = request.by_hand
    held = f" that are held without {given}" if given and least == HELD else ""
    return found, [f"{told}{held}; {remedies_text(found)}"]


def _of_data(data: Data, reference: Program, program: Program, request: Request) -> list[str]:
    """Warnings of what there was to calibrate on."""
    if not data.from_file:
        return [] if program.is_float else [no_data(program)]
    still = [] if program.is_float else [told_still(each, program) for each in data.still]
    too_few = [TOO_FEW] if data.too_few and request.searches else []
    small = unmoved(reference, some_samples(data.held_back, reference))
    return [*data.notes, *small, *still, *too_few]


def _slower(chosen: _Chosen, request: Request, built: Built) -> list[str]:
    """Warnings of options that cost more than they bring."""
    calibrated, options = chosen.calibrated, chosen.options
    if options is None:
        return slower_than_integers(calibrated, built.cost, built.target)
    given = None if options.layers or chosen.widened else options
    code, auto = request.code, request.auto
    return slower(calibrated, chosen.program, given, code, built.cost, built.target, auto)


def _calibrate(reference: Program, data: Data, progress: Progress) -> Ranges:
    feeds = data.recordings or (data.calibration,)
    total = sum(feed.shape[0] * feed.shape[1] for feed in feeds)
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


def check_bound(request: Request, data: Data) -> None:
    """A bound of the error needs data that tell something of it."""
    if not request.searches or request.bound.decibels is None or data.origin == "file":
        return
    asked = "--max-error"
    if request.max_error is None:
        asked = "--weights auto" if request.weights is None else "--activations auto"
    found = "the calibration data are all alike" if data.from_file else "there is no --calibration"
    raise DataError(
        f"{asked}: {found}, so nothing is known of the error that it bounds; give --calibration "
        "FILE.npz with typical inputs, or leave it out"
    )


def check_state_option(request: Request, program: Program) -> None:
    """`--state explicit` needs states that come from inputs."""
    if request.state == "explicit" and not program.state_inputs:
        raise DataError(
            "--state explicit: no input of this model sets a state, so there is none to be an "
            "argument; leave it out, or export the model with h0 and c0 as inputs"
        )
