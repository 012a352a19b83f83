"""Symbols that calibration never saw are as exact as those that it saw, against onnxruntime."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.data import load_data
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.interpret.ports import dequantize
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import Ranges, calibrate
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.quantize import quantize
from lstm_edge.passes.real_run import RealRun
from tests.oracle.graphs import node
from tests.support.programs import Array, sqnr_db

STEPS, HIDDEN, WIDTH = 16, 20, 12
OPTIONS = {
    "default": Options(),
    "8 bits": Options(activations=8),
    "int4": Options(weights=4),
    "fixed": Options(power_of_two=True),
    "int16, 16 bits": Options(activations=16, weights=16),
}
SYMBOLS = 30
SEEN = {"one-hot LSTM": 20, "flags GRU": 20, "embedding LSTM": 6, "relu GRU": 20}
"""Networks, and how many of their symbols calibration sees: of the rows of the embedding fewer than
it has units, so that they leave directions open."""
LARGER = 1.8
"""Weights of symbols that are never seen are larger: nothing that was seen covers them."""
WITHIN_DB = 3.0


@cache
def graph(name: str) -> bytes:
    """Symbols, one-hot, as flags or as ids, then a recurrent layer and a linear one."""
    form, kind = name.split()
    rng = np.random.default_rng(5)
    larger = np.where(np.arange(SYMBOLS) < SEEN[name], 1.0, LARGER)
    gates = {"LSTM": 4, "GRU": 3}[kind] * HIDDEN
    own = form in ("one-hot", "flags")
    width = SYMBOLS if own else WIDTH
    weights = {
        "W": rng.normal(size=(1, gates, width)) * 0.5 * (larger if own else 1.0),
        "R": rng.normal(size=(1, gates, HIDDEN)) / np.sqrt(HIDDEN),
        "E": rng.normal(size=(SYMBOLS, WIDTH)) * larger[:, None],
        "M": rng.normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH),
        "D": rng.normal(size=(HIDDEN, 4)) / np.sqrt(HIDDEN),
    }
    before = {
        "embedding": [node("Gather", "E x", "e")],
        "relu": [
            node("Gather", "E x", "r"),
            node("MatMul", "r M", "m"),
            node("Relu", "m", "e"),
        ],
    }.get(form, [node("Identity", "x", "e")])
    nodes = [
        *before,
        node(kind, "e W R", "h", hidden_size=HIDDEN),
        node("Squeeze", "h one", "s"),
        node("MatMul", "s D", "y"),
    ]
    kept = {n: a.astype(np.float32) for n, a in weights.items() if n not in ("E", "M") or not own}
    kept = {n: a for n, a in kept.items() if n != "M" or form == "relu"}
    element, shape = (
        (TensorProto.FLOAT, ("T", 1, SYMBOLS)) if own else (TensorProto.INT64, ("T", 1))
    )
    return helper.make_model(
        helper.make_graph(
            nodes,
            "symbols",
            [helper.make_tensor_value_info("x", element, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [
                *(numpy_helper.from_array(a, n) for n, a in kept.items()),
                numpy_helper.from_array(np.array([1]), "one"),
            ],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    ).SerializeToString()


def streams(name: str, share: float, count: int, seed: int) -> Array:
    """A share of the symbols is of those that calibration never sees."""
    rng = np.random.default_rng(seed)
    shape = (count, STEPS, 1)
    seen, unseen = rng.integers(0, SEEN[name], shape), rng.integers(SEEN[name], SYMBOLS, shape)
    ids = np.where(rng.random(shape) < share, unseen, seen)
    if name.startswith("one-hot"):
        return np.eye(SYMBOLS, dtype=np.float32)[ids]
    if name.startswith("flags"):
        both = np.eye(SYMBOLS, dtype=np.float32)[ids]
        return np.maximum(
            both, np.eye(SYMBOLS, dtype=np.float32)[rng.integers(0, SEEN[name], shape)]
        )
    return ids


@cache
def calibrated(name: str, share: float, folder: Path) -> tuple[Model, Ranges, RealRun]:
    """The network, and what calibration gives that sees this share of the others."""
    path = folder / f"{name}.onnx"
    path.write_bytes(graph(name))
    model = load(path)
    reference = lower_real(model)
    data = load_data({"x": streams(name, share, 40, 1)}, reference)
    ranges = calibrate(reference, data.calibration, from_data=True)
    return model, ranges, RealRun(reference, data.calibration, ranges.passed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("symbols")


@cache
def session(name: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph(name))


def decibels(name: str, program: Program, share: float) -> float:
    arrays = streams(name, share, 30, 2)
    wanted = np.stack([session(name).run(None, {"x": each})[0] for each in arrays])
    port = program.outputs[0]
    found = run_numpy(program, feed_of(program, {"x": arrays}, stream=False)).outputs[port.name]
    return sqnr_db(wanted.reshape(-1), dequantize(program, port, found).reshape(-1))


def program_of(name: str, options: str, share: float, folder: Path) -> Program:
    model, ranges, real = calibrated(name, share, folder)
    return quantize(model, ranges, OPTIONS[options], real)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", SEEN)
def test_unseen_symbols_are_as_exact_as_if_they_were_seen(
    name: str, options: str, folder: Path
) -> None:
    program = program_of(name, options, 0.0, folder)
    known = program_of(name, options, 0.5, folder)
    assert decibels(name, program, 0.5) > decibels(name, known, 0.5) - WITHIN_DB
    port = program.inputs[0]
    if not port.limit:
        high = port.scale * (program.values[port.value].format.high - port.zero_point)
        assert np.all(high >= 1.0)
        assert decibels(name, program, 0.5) > decibels(name, program, 0.0) - WITHIN_DB


def test_ranges_hold_every_row_of_a_table(folder: Path) -> None:
    """What follows number by number from a row of a table: each row counts, seen or not."""
    name = "relu GRU"
    _, ranges, _ = calibrated(name, 0.0, folder)
    kept = onnx.load_from_string(graph(name)).graph.initializer
    weights = {each.name: numpy_helper.to_array(each) for each in kept}
    rows = np.maximum(weights["E"] @ weights["M"], 0.0)
    assert rows.max() > 1.2 * rows[: SEEN[name]].max()
    largest = [ranges.largest(n) for n in ranges.high]
    assert np.isclose(largest, rows.max(), rtol=1e-5).any()
