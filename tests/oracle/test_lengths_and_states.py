"""Lengths behind several layers, states beyond bounds and formats, a lone cell's states by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.data import drawn_inputs
from lstm_edge.errors import InternalError
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.interpret.ports import dequantize
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.prove import prove
from tests.oracle.graphs import lstm_weights, node
from tests.support.compiling import compile_file
from tests.support.programs import sqnr_db

STEPS, FEATURES, UNITS = 7, 3, 4


def model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, list[Any]]],
    outputs: list[str],
    weights: dict[str, np.ndarray],
) -> onnx.ModelProto:
    info = helper.make_tensor_value_info
    return helper.make_model(
        helper.make_graph(
            nodes,
            "counted",
            [info(name, kind, shape) for name, (kind, shape) in inputs.items()],
            [info(name, TensorProto.FLOAT, None) for name in outputs],
            [numpy_helper.from_array(a, name) for name, a in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def counted(layers: int, steps: int | str = STEPS) -> onnx.ModelProto:
    """LSTMs behind each other, the first of which counts `lens` steps; the last final h."""
    weights: dict[str, np.ndarray] = {"one": np.int64([1])}
    nodes, x, features = [], "x", FEATURES
    for k in range(layers):
        weights |= lstm_weights(features, UNITS, k, f"l{k}")
        ins = f"{x} l{k}W l{k}R l{k}B {'lens' if k == 0 else '-'}"
        nodes.append(node("LSTM", ins, f"y{k} h{k}", hidden_size=UNITS))
        nodes.append(node("Squeeze", f"y{k} one", f"s{k}"))
        x, features = f"s{k}", UNITS
    given = {"x": (1, [steps, 1, FEATURES]), "lens": (TensorProto.INT32, [1])}
    return model(nodes, given, [f"h{layers - 1}"], weights)


@pytest.mark.parametrize("layers", [1, 2])
def test_lengths_stay_lengths_behind_more_layers(layers: int, tmp_path: Path) -> None:
    proto = counted(layers)
    onnx.save(proto, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    rng = np.random.default_rng(0)
    x, lens = rng.normal(size=(3, STEPS, 1, FEATURES)).astype(np.float32), np.int32([[2], [7], [5]])
    expected = [session.run(None, {"x": a, "lens": b})[0] for a, b in zip(x, lens, strict=True)]
    program = lower_real(load(tmp_path / "m.onnx"))
    found = run_numpy(program, feed_of(program, {"x": x, "lens": lens}, stream=False))
    found_h = found.outputs[f"h{layers - 1}"].reshape(3, UNITS)
    np.testing.assert_allclose(found_h, np.reshape(expected, (3, UNITS)), atol=1e-5)


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("steps", [STEPS, "time"])
def test_a_model_with_lengths_compiles_alone(scheme: str, steps: int | str, tmp_path: Path) -> None:
    onnx.save(counted(1, steps), tmp_path / "m.onnx")
    program = compile_file(tmp_path / "m.onnx", "host", scheme=scheme).program
    drawn = drawn_inputs(program)
    assert drawn["lens"].min() >= 1
    assert drawn["lens"].max() <= drawn["x"].shape[1]


@pytest.mark.parametrize("activations", [8, 12, 16])
def test_a_state_that_calibration_saw_beyond_its_bound_is_not_clipped(
    activations: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    shapes = {"W": (1, 3 * UNITS, FEATURES), "R": (1, 3 * UNITS, UNITS), "B": (1, 6 * UNITS)}
    weights = {n: (rng.normal(size=s) * 0.5).astype(np.float32) for n, s in shapes.items()}
    gru = node("GRU", "x W R B - h0", "y hn", hidden_size=UNITS)
    given = {"x": (1, [STEPS, 1, FEATURES]), "h0": (1, [1, 1, UNITS])}
    onnx.save(model([gru], given, ["y", "hn"], weights), tmp_path / "m.onnx")
    arrays = {
        "x": rng.normal(size=(60, STEPS, 1, FEATURES)).astype(np.float32),
        "h0": rng.uniform(-2.5, 2.5, (60, 1, 1, UNITS)).astype(np.float32),
    }
    np.savez(tmp_path / "c.npz", **arrays)
    compiled = compile_file(
        tmp_path / "m.onnx", "host", calibration=tmp_path / "c.npz", activations=activations
    )
    real, ours = (
        dequantize(p, p.outputs[0], run_numpy(p, feed_of(p, arrays, False)).outputs["y"])
        for p in (compiled.reference, compiled.program)
    )
    assert sqnr_db(real, ours) > 28.0


def test_a_state_that_is_set_beyond_its_format_is_no_proof(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    shapes = {"W": (1, 3 * UNITS, FEATURES), "R": (1, 3 * UNITS, UNITS), "B": (1, 6 * UNITS)}
    weights = {n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}
    gru = node("GRU", "x W R B", "y", hidden_size=UNITS)
    onnx.save(model([gru], {"x": (1, [STEPS, 1, FEATURES])}, ["y"], weights), tmp_path / "m.onnx")
    program = compile_file(tmp_path / "m.onnx", "host").program
    wide = next(s for s in program.states if s.name == "gru.h")
    states = tuple(
        replace(s, given=wide.given) if s.name == "gru.h_narrow" else s for s in program.states
    )
    with pytest.raises(InternalError, match=r"gru\.h_narrow"):
        prove(replace(program, states=states))


@pytest.mark.parametrize("order", ["x h c", "h c x", "h x c", "c h x"])
def test_the_state_of_a_lone_cell_is_known_by_its_name(order: str, tmp_path: Path) -> None:
    """As many features as units: sizes do not tell the two apart."""
    rng = np.random.default_rng(3)
    weights = {n: rng.normal(size=(4 * UNITS, UNITS)).astype(np.float32) for n in ("W", "R")}
    weights["b"] = rng.normal(size=4 * UNITS).astype(np.float32)
    nodes = [
        node("Gemm", "x W b", "gx", transB=1),
        node("Gemm", "h R b", "gh", transB=1),
        node("Add", "gx gh", "g"),
        node("Split", "g", "i f n o", axis=1),
        *(node("Sigmoid", gate, f"{gate}s") for gate in "ifo"),
        node("Tanh", "n", "nt"),
        node("Mul", "fs c", "fc"),
        node("Mul", "is nt", "in"),
        node("Add", "fc in", "c1"),
        node("Tanh", "c1", "ct"),
        node("Mul", "os ct", "h1"),
    ]
    given = {name: (1, [1, UNITS]) for name in order.split()}
    onnx.save(model(nodes, given, ["h1", "c1"], weights), tmp_path / "m.onnx")
    loaded = load(tmp_path / "m.onnx")
    assert [port.name for port in loaded.inputs] == ["x"]
    assert {p.name: p.partner for p in loaded.state_inputs} == {"h": "h1", "c": "c1"}
