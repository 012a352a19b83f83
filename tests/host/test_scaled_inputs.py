"""Inputs in units of their own that the model normalizes: as good as normal ones, and exact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.ir.model import Model
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from lstm_edge.targets import load_target
from tests.oracle.graphs import graph, lstm_weights, node, saved
from tests.support.exactness import assert_bit_exact, stored_streams
from tests.support.programs import dequantize, quantized, sqnr_db, stored

N, H, STEPS = 3, 6, 30
HOST = load_target("host")
RNG = np.random.default_rng(4)
UNITS = {
    "far": (np.float32([1000, -3000, 1e5]), np.float32([0.5, 20, 100])),
    "of all sizes": (np.float32([0.03, -30, 2e4]), np.float32([1e-3, 1, 1e3])),
}
"""Mean and standard deviation of each feature."""
WEIGHTS = {
    **lstm_weights(N, H),
    "gain": RNG.normal(size=N).astype(np.float32),
    "offset": RNG.normal(size=N).astype(np.float32),
    "g": (RNG.normal(size=N) * [1, -1, 1]).astype(np.float32),
}
NORMALIZED = [node("Sub", "x mean", "a"), node("Div", "a std", "n")]
LSTM = node("LSTM", "u W R B", "Y", hidden_size=H)
BEHIND: dict[str, tuple[list[onnx.NodeProto], list[str], float, float]] = {
    "an LSTM": ([node("Identity", "n", "u"), LSTM], ["Y"], 45.0, 34.0),
    "a function": ([node("Tanh", "n", "u"), LSTM], ["Y"], 45.0, 34.0),
    "a layer norm": ([node("LayerNormalization", "n gain offset", "u"), LSTM], ["Y"], 42.0, 26.0),
    "an LSTM and an output": (
        [node("Identity", "n", "u"), LSTM, node("Mul", "n g", "z")],
        ["Y", "z"],
        45.0,
        34.0,
    ),
}


def model_of(units: str, behind: str, tmp_path: Path) -> Model:
    nodes, outputs, *_ = BEHIND[behind]
    mean, std = UNITS[units]
    weights = WEIGHTS | {"mean": mean, "std": std}
    onnx_model = graph([*NORMALIZED, *nodes], {"x": ("T", 1, N)}, outputs, weights)
    return load(saved(onnx_model, tmp_path), name="net")


def drawn(units: str, samples: int, seed: int) -> dict[str, np.ndarray]:
    mean, std = UNITS[units]
    normal = np.random.default_rng(seed).normal(size=(samples, STEPS, N))
    return {"x": (normal * std + mean).astype(np.float32)}


@pytest.mark.parametrize("bits", [12, 8])
@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("units", UNITS)
def test_the_mean_and_the_unit_of_a_feature_cost_no_accuracy(
    units: str, behind: str, bits: int, tmp_path: Path
) -> None:
    model = model_of(units, behind, tmp_path)
    program = quantized(model, drawn(units, 40, 1), Options(bits))
    prove(program)
    x = drawn(units, 20, 2)
    real, _ = run(lower_real(model), x)
    ours, _ = run(program, stored(program, x))
    for port in program.outputs:
        found = sqnr_db(real[port.name], dequantize(program, port, ours[port.name]))
        assert found > BEHIND[behind][2 if bits == 12 else 3], port.name


def test_a_normalization_before_an_lstm_is_no_work(tmp_path: Path) -> None:
    model = model_of("far", "an LSTM", tmp_path)
    assert [n.name for n in model.nodes] == ["scale", "lstm"]
    program = quantized(model, drawn("far", 40, 1))
    assert [block.layer for block in program.blocks] == ["lstm"]
    kept = quantized(model, drawn("far", 40, 1), from_data=False).inputs[0]
    mean, std = UNITS["far"]
    reach = kept.scale * 2.0**15
    assert np.all(np.abs(-kept.scale * kept.zero_point - mean) <= kept.scale)
    assert np.all(reach > 8.0 * std)


@pytest.mark.parametrize("behind", BEHIND)
def test_numpy_and_c_agree_on_scaled_inputs(
    behind: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc")
    for units in UNITS:
        model = model_of(units, behind, tmp_path)
        for bits in (8, 12):
            program = quantized(model, drawn(units, 40, 1), Options(bits))
            folder = tmp_path / f"{units[:3]}{bits}"
            assert_bit_exact(program, HOST, "gates", folder, stored_streams(program, 100))
        folder = tmp_path / f"{units[:3]}_float"
        program = lower_real(model)
        assert_bit_exact(program, HOST, "gates", folder, stored_streams(program, 100))
