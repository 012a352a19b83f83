"""What a model will take, before there is any data: with default options, by the same code."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.built import Built, Limits, built_for
from lstm_edge.data import COST_STEPS, DRAWN_STEPS, drawn_inputs
from lstm_edge.emit.merged import render_cores
from lstm_edge.errors import DataError
from lstm_edge.families import load_cores
from lstm_edge.interpret.feed import Feed, feed_of
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lowered
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options


def estimate(model: Model, target: str) -> Built:
    """Of int8 on one core, its formats from a drawn sample. Calibration changes a table or two.

    DataError for a target that is several cores, TargetError for one that is unknown,
    QuantizationError where no integers hold the network.
    """
    cores = load_cores(target)
    if cores.several:
        names = ", ".join(each.name for each in cores.targets)
        raise DataError(f"--target {target}: an estimate is for one core; choose one of {names}")
    reference = lower_real(model)
    ranges = calibrate(reference, _sample(reference), from_data=False, progress=lambda _: None)
    program = lowered(model, ranges, Options()).program
    merged = render_cores(program, cores, "gates", banner=())
    limits = Limits("gates", None, None)
    return built_for(program, cores, merged, limits, usual_steps(program))[0]


def usual_steps(program: Program) -> int:
    """Over how many steps a mean is told: those of the file, or of a drawn sequence."""
    return program.steps or max(DRAWN_STEPS, program.least_steps)


def _sample(program: Program) -> Feed:
    """One drawn sample, of no more steps than formats need: a file may ask for a million."""
    feed = feed_of(program, drawn_inputs(program, samples=1), stream=False)
    if program.length_ports or any(state.accumulator for state in program.states):
        return feed
    most = max(COST_STEPS, program.least_steps)
    cut = {name: a[:, :, :most] if a.ndim == 4 else a for name, a in feed.inputs.items()}
    return replace(feed, inputs=cut)
