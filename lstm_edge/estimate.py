"""What a model will take, before there is any data: with default options, by the same code."""

from __future__ import annotations

from lstm_edge.built import Built, Limits, built_for
from lstm_edge.data import load_data, some_samples, steps_of
from lstm_edge.emit.merged import render_cores
from lstm_edge.errors import DataError
from lstm_edge.families import load_cores
from lstm_edge.ir.model import Model
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.search.program import Calibrated


def estimate(model: Model, target: str) -> Built:
    """Of int8 on one core, its formats from drawn inputs. Calibration changes a table or two.

    DataError for a target that is several cores.
    """
    cores = load_cores(target)
    if cores.several:
        names = ", ".join(each.name for each in cores.targets)
        raise DataError(f"--target {target}: an estimate is for one core; choose one of {names}")
    reference = lower_real(model)
    data = load_data(None, reference)
    few = some_samples(data.held_back, reference)
    ranges = calibrate(reference, few, from_data=False, progress=lambda _: None)
    program = Calibrated(model, reference, ranges, data).quick(Options())
    merged = render_cores(program, cores, "gates", banner=())
    limits = Limits("gates", None, None)
    return built_for(program, cores, merged, limits, steps_of(program, data))[0]
