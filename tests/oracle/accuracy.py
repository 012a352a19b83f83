"""Measure trained models in every scheme, and as TensorFlow Lite Micro would quantize them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.api.compiled import Compiled
from lstm_edge.data import load_data
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.interpret.ports import dequantize, from_vectors
from lstm_edge.interpret.prepare import Functions
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import Ranges, calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.moments import Moments
from lstm_edge.passes.options import Options
from tests.oracle.accuracy_models import Trained
from tests.oracle.per_tensor import PerTensor
from tests.support.compiling import compile_file
from tests.support.programs import sqnr_db

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

DEFAULT = "default"
SCHEMES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    (DEFAULT, {}),
    ("activations 8", {"activations": 8}),
    ("activations 16", {"activations": 16}),
    ("cell state 16", {"cell_state": 16}),
    ("fixed", {"scheme": "fixed"}),
    ("weights int4", {"weights": 4}),
    ("weights int16, activations 16", {"weights": 16, "activations": 16}),
)
"""The columns of the table: a title, and options of `lstm_edge.compile`."""
NEAREST = "default, to nearest"
PER_TENSOR = "per tensor"
PER_TENSOR_OUTPUTS = "per tensor, int8 outputs"
LARGEST_ERROR = 1e-4
"""By which the float program may differ from what a model's arrays say that it gives."""


@dataclass(frozen=True)
class Measured:
    """decibels: scheme -> output -> signal to noise ratio against float. scores: title -> scheme,
    or "float32", -> figure as text. told: output -> what `compile` told of the default beforehand.
    """

    name: str
    decibels: Mapping[str, Mapping[str, float]]
    scores: Mapping[str, Mapping[str, str]]
    told: Mapping[str, float]

    def worst(self, scheme: str) -> float:
        """The figure of a model: that of its worst output."""
        return min(self.decibels[scheme].values())


def measure(trained: Trained, folder: Path) -> Measured:
    """All schemes on the test arrays; `folder` is written to."""
    check_unseen(trained)
    calibration = folder / "calibration.npz"
    np.savez(calibration, **trained.calibration)  # type: ignore[arg-type]
    compiled = {
        title: compile_file(trained.file, "host", calibration, **options)
        for title, options in SCHEMES
    }
    first = compiled[DEFAULT]
    reference = first.reference
    real = outputs_of(reference, trained)
    check_expected(trained, real)
    ranges = calibrate(reference, load_data(calibration, reference).calibration, from_data=True)
    found = {title: outputs_of(each.program, trained) for title, each in compiled.items()}
    found[NEAREST] = outputs_of(rounded_to_nearest(first, ranges), trained)
    scheme = PerTensor(reference, ranges)
    found[PER_TENSOR] = outputs_of(reference, trained, scheme.functions())
    found[PER_TENSOR_OUTPUTS] = {
        port.name: scheme.output_grid(port.value).rounded(found[PER_TENSOR][port.name])
        for port in reference.outputs
    }
    decibels = {
        title: {name: sqnr_db(real[name], ours) for name, ours in outputs.items()}
        for title, outputs in found.items()
    }
    everywhere = {"float32": real} | found
    scores = {
        score.title: {
            title: f"{score.of(outputs):.{score.digits}f}{score.unit}"
            for title, outputs in everywhere.items()
        }
        for score in trained.scores
    }
    return Measured(trained.name, decibels, scores, told_by(first))


def told_by(compiled: Compiled) -> dict[str, float]:
    """What `compile` tells of the error of each output; states that are shown are no outputs."""
    found = compiled.manifest["accuracy"]["outputs"]
    told = {port.name: found[port.name]["sqnr_db"] for port in compiled.program.outputs}
    return {name: decibels for name, decibels in told.items() if decibels is not None}


def check_unseen(trained: Trained) -> None:
    """ValueError where a sample of the test is one that calibration sees."""
    for name, seen in trained.calibration.items():
        known = {sample.tobytes() for sample in seen}
        samples = trained.test[name].reshape(-1, *seen.shape[1:]).astype(seen.dtype)
        if any(sample.tobytes() in known for sample in samples):
            raise ValueError(f"{trained.name}: input {name} is tested with what calibration saw")


def check_expected(trained: Trained, real: Arrays) -> None:
    """ValueError where the float program is not the model that the arrays are from."""
    for name, wanted in trained.expected.items():
        error = float(np.abs(real[name].reshape(wanted.shape) - wanted).max())
        if error > LARGEST_ERROR * max(1.0, float(np.abs(wanted).max())):
            raise ValueError(f"{trained.name}: output {name} is {error:.3g} off in float32")


def outputs_of(
    program: Program, trained: Trained, instead: Functions | None = None
) -> dict[str, Array]:
    """Real outputs [samples, *shape], or [streams, calls, *shape]; states are not among them."""
    feed = feed_of(program, trained.test, trained.stream)
    results = run_numpy(program, feed, exact=not program.is_float, instead=instead)
    found = {}
    for port in program.outputs:
        stored = results.outputs[port.name]
        lead = stored.shape[:2] if trained.stream else stored.shape[:1]
        numbers = dequantize(program, port, stored.reshape(-1, *stored.shape[2:]))
        shaped = from_vectors(port, numbers)
        found[port.name] = shaped.reshape(*lead, *shaped.shape[1:])
    return found


def rounded_to_nearest(compiled: Compiled, ranges: Ranges) -> Program:
    """The default program with weights to nearest: to inputs that never move, no second order."""
    still = {
        key: Moments(*map(np.zeros_like, (m.mean, m.covariance, m.held_back, m.wanted)))
        for key, m in ranges.moments.items()
    }
    assert compiled.compilation is not None
    return lower_integer(compiled.compilation.model, replace(ranges, moments=still), Options())
