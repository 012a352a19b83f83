"""The float32 program, in its fixed order of operations, is what onnxruntime computes to 1e-5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import from_vectors, read_inputs
from lstm_edge.ir.program import Program
from lstm_edge.passes.lower_real import lower_real
from tests.support.models import random_inputs, random_model
from tests.support.to_onnx import KNOWN_CELLS, run_onnxruntime

Array = npt.NDArray[Any]

TOLERANCE = 1e-5
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
FILES = sorted(FIXTURES.glob("*.onnx"))
EXPECTED = np.load(FIXTURES / "expected.npz")


def error(found: Array, exact: Array) -> float:
    """Largest difference, of numbers above 1 in relation to them."""
    assert found.shape == exact.shape
    assert found.dtype == np.float32
    distance = np.abs(found.astype(np.float64) - exact)
    return float(np.max(distance / np.maximum(1.0, np.abs(exact))))


@pytest.mark.parametrize("weights", ["normal", "wide", "tiny", "zero"])
@pytest.mark.parametrize("seed", range(40))
def test_a_random_model_computes_what_onnxruntime_does(seed: int, weights: str) -> None:
    cell = KNOWN_CELLS[seed % len(KNOWN_CELLS)]
    model = random_model(seed, weights=weights, cell=cell)
    inputs = random_inputs(model, 3, model.steps or 12, seed)
    expected, (found, _) = run_onnxruntime(model, inputs), run(lower_real(model), inputs)
    for name, array in expected.items():
        assert error(found[name], array) < TOLERANCE, name


@pytest.mark.parametrize("cell", KNOWN_CELLS)
def test_a_thousand_steps_do_not_drift(cell: str) -> None:
    model = random_model(
        0,
        cell=cell,
        hidden=(16,),
        read="steps",
        front=(),
        head=(),
        also=(),
        weights="normal",
        direction="forward",
    )
    inputs = random_inputs(model, 1, 1000)
    expected, (found, _) = run_onnxruntime(model, inputs), run(lower_real(model), inputs)
    for name, array in expected.items():
        assert error(found[name], array) < TOLERANCE, name


def test_saturated_gates_compute_what_onnxruntime_does() -> None:
    """All weights of an input are huge, none of a state: nothing amplifies the last bits."""
    model = random_model(
        1, cell="plain", hidden=(8,), read="steps", head=(), front=(), initial=False, weights="tiny"
    )
    inputs = {"x": random_inputs(model, 4, 20)["x"] * np.float32(1e7)}
    expected, (found, _) = run_onnxruntime(model, inputs), run(lower_real(model), inputs)
    assert np.abs(expected["y"]).max() > 0.9
    assert error(found["y"], expected["y"]) < TOLERANCE


@pytest.mark.parametrize("seed", range(20))
def test_the_quick_order_of_sums_that_calibration_uses_is_as_close(seed: int) -> None:
    model = random_model(seed, weights="normal")
    inputs = random_inputs(model, 3, model.steps or 12, seed)
    program = lower_real(model)
    (exact, _), (quick, _) = run(program, inputs), run(program, inputs, exact=False)
    for name, array in exact.items():
        assert error(quick[name], array) < TOLERANCE, name


def run_arrays(program: Program, arrays: dict[str, Array]) -> dict[str, Array]:
    """A user's arrays [samples, *shape] to the same of the outputs."""
    outputs, _ = run(program, read_inputs(program, arrays))
    return {p.name: from_vectors(p, outputs[p.name]) for p in program.outputs}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_an_exported_file_computes_what_pytorch_did(file: Path) -> None:
    stem = file.name.split(".")[0]
    model = load(file)
    x = EXPECTED[f"{stem}/x"]
    axis = model.inputs[0].axes.index("batch")
    rows = np.stack([x.take([k], axis=axis) for k in range(x.shape[axis])])
    found = run_arrays(lower_real(model), {model.inputs[0].name: rows})
    for k, port in enumerate(model.outputs):
        wanted = EXPECTED[f"{stem}/{k}"]
        if len(rows) > 1:
            across = port.axes.index("batch")
            wanted = np.stack([wanted.take([n], axis=across) for n in range(len(rows))])
        assert error(found[port.name].reshape(wanted.shape), wanted) < TOLERANCE


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_an_exported_file_computes_what_onnxruntime_does_with_it(file: Path) -> None:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    rng = np.random.default_rng(0)
    shape = [n if isinstance(n, int) else 9 for n in given.shape]
    model = load(file)
    axis = model.inputs[0].axes.index("batch")
    if not isinstance(given.shape[axis], int):
        shape[axis] = 1
    x = rng.normal(size=shape).astype(np.float32)
    expected = dict(
        zip(
            [o.name for o in session.get_outputs()], session.run(None, {given.name: x}), strict=True
        )
    )
    rows = np.stack([x.take([k], axis=axis) for k in range(shape[axis])])
    found = run_arrays(lower_real(model), {model.inputs[0].name: rows})
    for port in model.outputs:
        wanted = expected[model.file_names.get(port.name, port.name)]
        if len(rows) > 1:
            across = port.axes.index("batch")
            wanted = np.stack([wanted.take([n], axis=across) for n in range(len(rows))])
        assert error(found[port.name].reshape(wanted.shape), wanted) < TOLERANCE, port.name
