"""Inputs that users have: of any size, without calibration data, under any name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import dequantize, quantize, read_inputs
from tests.support.compiling import compile_file
from tests.support.programs import sqnr_db

ort = pytest.importorskip("onnxruntime")
STEPS, FEATURES, HIDDEN = 9, 4, 6


def lstm_graph(front: list[onnx.NodeProto], reads: str, back: list[onnx.NodeProto]) -> Any:
    """x [T, 1, I] -> front -> LSTM -> y [T, 1, H] -> back."""
    rng = np.random.default_rng(4)
    arrays = {
        "W": rng.standard_normal((1, 4 * HIDDEN, FEATURES)) / 2,
        "R": rng.standard_normal((1, 4 * HIDDEN, HIDDEN)) / 2,
        "A": np.eye(FEATURES),
        "S": rng.standard_normal((FEATURES, HIDDEN)),
    }
    node = helper.make_node("LSTM", [reads, "W", "R"], ["Y"], hidden_size=HIDDEN)
    squeeze = helper.make_node("Squeeze", ["Y", "axes"], ["h"])
    initializers = [numpy_helper.from_array(a.astype(np.float32), n) for n, a in arrays.items()]
    initializers.append(numpy_helper.from_array(np.array([1]), "axes"))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [STEPS, 1, FEATURES])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [STEPS, 1, HIDDEN])
    graph = helper.make_graph([*front, node, squeeze, *back], "g", [x], [y], initializers)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def plain() -> Any:
    return lstm_graph([], "x", [helper.make_node("Identity", ["h"], ["y"])])


def dense_front() -> Any:
    front = [
        helper.make_node("MatMul", ["x", "A"], ["m"]),
        helper.make_node("Relu", ["m"], ["r"]),
    ]
    return lstm_graph(front, "r", [helper.make_node("Identity", ["h"], ["y"])])


def skip() -> Any:
    back = [
        helper.make_node("MatMul", ["x", "S"], ["s"]),
        helper.make_node("Add", ["h", "s"], ["y"]),
    ]
    return lstm_graph([], "x", back)


CASES = {
    "plain_1": (plain, 1.0),
    "plain_20": (plain, 20.0),
    "pixels_behind_a_dense_layer": (dense_front, 200.0),
    "skip_100": (skip, 100.0),
}


@pytest.mark.parametrize("case", CASES)
def test_inputs_of_ordinary_size_do_not_clip(case: str, tmp_path: Path) -> None:
    make, size = CASES[case]
    path = tmp_path / "m.onnx"
    onnx.save(make(), path)
    compiled = compile_file(path, "host")
    rng = np.random.default_rng(5)
    x = (rng.uniform(-size, size, (24, STEPS, 1, FEATURES))).astype(np.float32)
    session = ort.InferenceSession(path.read_bytes())
    wanted = np.stack([session.run(None, {"x": sample})[0] for sample in x])[:, :, 0]
    program = compiled.program
    port, out = program.inputs[0], program.outputs[0]
    stored = quantize(program, port, read_inputs(program, {"x": x})["x"])
    found, _ = run(program, {"x": stored})
    assert sqnr_db(wanted, dequantize(program, out, found["y"])) >= 30.0
    assert any("saturate" in w and "x +-" in w for w in compiled.warnings)


def test_an_input_passed_through_keeps_its_zero_point(tmp_path: Path) -> None:
    model = plain()
    model.graph.node.append(helper.make_node("Identity", ["x"], ["copy"]))
    shape = [STEPS, 1, FEATURES]
    model.graph.output.append(helper.make_tensor_value_info("copy", TensorProto.FLOAT, shape))
    onnx.save(model, tmp_path / "m.onnx")
    offset = np.array([0.0, 5.0, 100.0, -3000.0], np.float32)
    x = np.random.default_rng(6).standard_normal((20, *shape)).astype(np.float32) + offset
    np.savez(tmp_path / "c.npz", x=x)
    program = compile_file(tmp_path / "m.onnx", "host", calibration=tmp_path / "c.npz").program
    stored = quantize(program, program.inputs[0], read_inputs(program, {"x": x})["x"])
    found, _ = run(program, {"x": stored})
    port = next(p for p in program.outputs if p.name == "copy")
    back = dequantize(program, port, found["copy"])
    assert np.abs(back - x[:, :, 0]).max() <= float(port.scale.max())


@pytest.mark.parametrize("name", ["le_table", "INT32_MAX", "pair_0", "low_1", "unit", "m_state"])
@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_a_port_may_have_the_name_of_something_in_the_generated_code(
    name: str, target: str, tmp_path: Path, tool_or_skip: Any
) -> None:
    tool_or_skip("cc", "arm-none-eabi-gcc")
    model = plain()
    model.graph.input[0].name = name
    model.graph.node[0].input[0] = name
    onnx.save(model, tmp_path / "m.onnx")
    assert compile_file(tmp_path / "m.onnx", target, name="m").manifest["flash"]["code"] > 0


def test_the_warning_without_data_names_the_narrowest_feature(tmp_path: Path) -> None:
    """Its range and centre are those of one feature: another one may be far beyond."""
    nodes = [
        helper.make_node("Sub", ["x", "far"], ["d"]),
        helper.make_node("Div", ["d", "std"], ["n"]),
        helper.make_node("LSTM", ["n", "W", "R"], ["Y"], hidden_size=5),
    ]
    rng = np.random.default_rng(2)
    arrays = {
        "far": np.array([250.0, 3e-6, 101325.0]),
        "std": np.array([8.0, 1e-6, 900.0]),
        "W": rng.normal(size=(1, 20, 3)),
        "R": rng.normal(size=(1, 20, 5)) * 0.3,
    }
    weights = [numpy_helper.from_array(a.astype(np.float32), k) for k, a in arrays.items()]
    info = [helper.make_tensor_value_info(k, 1, s) for k, s in (("x", [7, 1, 3]), ("Y", None))]
    graph = helper.make_graph(nodes, "g", info[:1], info[1:], weights)
    path = tmp_path / "sensors.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, path)
    warnings = compile_file(path, "host").warnings
    assert any("(feature 1, the narrowest of 3) saturate" in w for w in warnings)
