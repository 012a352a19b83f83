"""Graphs that join, pick and split: their weights, their beginnings and their comparison."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.feed import Feed
from lstm_edge.interpret.ports import dequantize, from_vectors, quantize, read_inputs
from lstm_edge.ir.model import Model
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from tests.oracle.graphs import node, saved
from tests.oracle.model_reference import run_model

N, H, T = 3, 5, 7
X = {"x": (T, 1, N)}
RNG = np.random.default_rng(8)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.5)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def weights(prefix: str, gates: int, inputs: int, ways: int = 2) -> dict[str, np.ndarray]:
    rows = gates * H
    shapes = {"W": (ways, rows, inputs), "R": (ways, rows, H), "B": (ways, 2 * rows)}
    return {f"{prefix}{name}": floats(*shape) for name, shape in shapes.items()}


CONSTANTS = {
    **weights("l", 4, N),
    **weights("g", 3, N, 1),
    **weights("m", 4, 2 * H),
    **{f"i{k}": np.int64(k) for k in (0, 1, 2)},
    "last": np.int64(-1),
    "last2": np.int64(-2),
    "zero": ints(0),
    "one": ints(1),
    "two": ints(2),
    "neg": ints(-1),
    "end": ints(2**40),
    "h": ints(H),
    "hh": ints(2 * H),
    "uneven": ints(H - 1, H + 1),
    "swap": ints(1, 0),
    "keep": ints(0, 0, -1),
    "layers": ints(2, 2, 1, H),
    "flat": ints(1, T * 2 * H),
    "row": ints(1, -1),
    "wh": floats(H, 4),
    "w2h": floats(2 * H, 4),
    "wflat": floats(T * 2 * H, 4),
    "b2h": floats(2 * H),
    "wskip": floats(H + N, 4),
    "wx": floats(N, H),
    "lo": np.float32(-0.3),
    "hi": np.float32(0.2),
}
BOTH = node("LSTM", "x lW lR lB", "Y Yh Yc", hidden_size=H, direction="bidirectional")
GRU = node("GRU", "x gW gR gB", "G Gh", hidden_size=H, linear_before_reset=1)
MERGED = [BOTH, node("Transpose", "Y", "t", perm=[0, 2, 1, 3]), node("Reshape", "t keep", "m")]
SECOND = [
    *MERGED,
    node("LSTM", "m mW mR mB", "Z Zh", hidden_size=H, direction="bidirectional"),
]
SEQUENCE = [GRU, node("Squeeze", "G one", "s")]


def program_results(loaded: Model, feeds: dict[str, np.ndarray], seed: int) -> dict[str, float]:
    """Float results equal the reference's; the integers' signal to noise by output."""
    real = lower_real(loaded)
    inputs = read_inputs(real, {name: a[None] for name, a in feeds.items()})
    result, _ = run(real, inputs)
    reference = run_model(loaded, feeds)
    for port in real.outputs:
        found = from_vectors(port, result[port.name])[0]
        np.testing.assert_allclose(found, reference[port.name], atol=1e-5, err_msg=port.name)
    rng = np.random.default_rng(seed)
    data, test = (
        {n: rng.normal(size=(16, *a.shape[1:])).astype(np.float32) for n, a in inputs.items()}
        for _ in range(2)
    )
    program = lower_integer(
        loaded, calibrate(real, Feed.of_samples(data), from_data=True), Options()
    )
    prove(program)
    wanted, _ = run(real, test)
    stored = {p.name: quantize(program, p, test[p.name]) for p in program.inputs}
    found_, _ = run(program, stored)
    ratios = {}
    for port in program.outputs:
        noise = np.square(wanted[port.name] - dequantize(program, port, found_[port.name])).sum()
        ratios[port.name] = 10 * np.log10(np.square(wanted[port.name]).sum() / max(noise, 1e-9))
    return ratios


def against_onnxruntime(model: onnx.ModelProto, folder: Path) -> Model:
    onnxruntime = pytest.importorskip("onnxruntime")
    loaded = load(saved(model, folder), name="net")
    rng = np.random.default_rng(3)
    feeds = {p.name: rng.normal(size=p.shape).astype(np.float32) for p in loaded.inputs}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [o.name for o in loaded.outputs]
    results = run_model(loaded, feeds)
    for name, expected in zip(names, session.run(names, feeds), strict=True):
        assert results[name].shape == expected.shape
        np.testing.assert_allclose(results[name], expected, atol=1e-5, err_msg=name)
    assert min(program_results(loaded, feeds, 4).values()) > 30
    return loaded
