"""Quantized files are read as the float networks of which they give the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lstm_edge.frontend import load
from tests.oracle.compared import unsigned
from tests.oracle.graphs import node, saved
from tests.oracle.model_reference import run_model
from tests.oracle.quantized_graphs import (
    HIDDEN,
    INPUTS,
    Quantized,
    X,
    as_model,
    check_equal,
    microsoft,
    network,
    quantized,
    rewritten,
    run_onnx,
)

ROWS = np.random.default_rng(8).normal(size=(4, INPUTS)).astype(np.float32)

KINDS = [(kind, per_column) for kind in ("int8", "uint8") for per_column in (False, True)]
LSTMS: list[tuple[str, dict[str, Any]]] = [
    ("forward", {}),
    ("reverse", {"clip": 0.7}),
    ("bidirectional", {}),
    ("forward", {"input_forget": 1}),
    (
        "bidirectional",
        {
            "activations": ["HardSigmoid", "Tanh", "Softsign", "Sigmoid", "Elu", "Tanh"],
            "activation_alpha": [0.3, 1.0],
            "activation_beta": [0.4],
        },
    ),
]


def lstm_parts(kind: str, per_column: bool, count: int) -> tuple[dict[str, np.ndarray], dict]:
    """Initializers of a DynamicQuantizeLSTM, and W, R, B, P of the LSTM that it stands for."""
    axis = 1 if per_column else None
    size = 4 * HIDDEN
    names: dict[str, np.ndarray] = {}
    floats: dict[str, np.ndarray] = {}
    for name, inputs in (("W", INPUTS), ("R", HIDDEN)):
        parts = [quantized((inputs, size), kind, axis, seed=inputs + d) for d in range(count)]
        names[f"{name}_q"] = np.stack([p.q for p in parts])
        names[f"{name}_s"] = np.stack([p.s for p in parts])
        names[f"{name}_z"] = np.stack([p.z for p in parts])
        floats[name] = np.stack([p.floats.T for p in parts])
    rng = np.random.default_rng(count)
    for name, width in (("B", 2 * size), ("P", 3 * HIDDEN)):
        names[name] = floats[name] = rng.normal(size=(count, width)).astype(np.float32) * 0.5
    return names, floats


@pytest.mark.parametrize("optional", ["B P", "- -"])
@pytest.mark.parametrize(("direction", "more"), LSTMS)
@pytest.mark.parametrize(("kind", "per_column"), KINDS)
def test_dynamic_quantize_lstm_is_the_lstm_of_its_weights(
    kind: str, per_column: bool, direction: str, more: dict, optional: str, tmp_path: Path
) -> None:
    names, floats = lstm_parts(kind, per_column, 2 if direction == "bidirectional" else 1)
    attributes = {"hidden_size": HIDDEN, "direction": direction, **more}
    bias, peepholes = optional.split()
    if more.get("input_forget") and peepholes == "P":
        peepholes = "-"
    tail = f"{bias} - - - {peepholes}"
    inputs = f"x W_q R_q {tail} W_s W_z R_s R_z"
    outputs = ["y", "y_h", "y_c"]
    made = microsoft("DynamicQuantizeLSTM", inputs, "y y_h y_c", **attributes)
    model = network([made], {"x": X.shape}, outputs, names)
    by_hand = network(
        [node("LSTM", f"x W R {tail}", "y y_h y_c", **attributes)],
        {"x": X.shape},
        outputs,
        floats,
    )
    file = rewritten(model, tmp_path)
    found, wanted = run_onnx(as_model(file), {"x": X}), run_onnx(by_hand, {"x": X})
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    result = run_model(load(saved(model, tmp_path)), {"x": X})
    for name, other in zip(outputs, wanted, strict=True):
        np.testing.assert_allclose(result[name], other, atol=1e-5)
    if per_column:  # onnxruntime wants zero points of 0 then; the file may say others
        return
    # x and h are rounded to 255 steps of their ranges, of at most 6 and 2: half a step is 0.012.
    np.testing.assert_allclose(found[0], run_onnx(model, {"x": X})[0], atol=0.05)


def dense(kind: str, axis: int | None, bias: bool = True) -> tuple[Quantized, Quantized]:
    return quantized((4, INPUTS), kind, axis), quantized((4,), "int32", 0, symmetric=True)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16"])
def test_dequantized_weights_and_biases_are_constants(
    kind: str, axis: int | None, tmp_path: Path
) -> None:
    weights, bias = dense(kind, axis)
    attributes = {} if axis is None else {"axis": axis}
    nodes = [
        node("DequantizeLinear", "W_q W_s W_z", "W", **attributes),
        node("DequantizeLinear", "b_q b_s", "b", axis=0),
        node("Gemm", "x W b", "y", transB=1),
    ]
    named = {**weights.named("W"), **bias.named("b")}
    model = network(nodes, {"x": ROWS.shape}, ["y"], named)
    check_equal(model, nodes[2:], {"W": weights.floats, "b": bias.floats}, tmp_path, ROWS)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_blocks_of_weights_have_scales_of_their_own(size: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(size)
    blocks = -(-INPUTS // size)
    q = rng.integers(-128, 127, (4, INPUTS)).astype(np.int8)
    scales = rng.uniform(0.01, 0.02, (4, blocks)).astype(np.float32)
    floats = np.stack(
        [q[:, k].astype(np.float32) * scales[:, k // size] for k in range(INPUTS)], axis=1
    )
    nodes = [
        node("DequantizeLinear", "q s", "W", axis=1, block_size=size),
        node("Gemm", "x W", "y", transB=1),
    ]
    model = network(nodes, {"x": ROWS.shape}, ["y"], {"q": q, "s": scales})
    check_equal(model, nodes[1:], {"W": floats}, tmp_path, ROWS)


def test_weights_of_four_bits_are_read(tmp_path: Path) -> None:
    values = [-8, 7, 3, -1, 0, 5, -4, 2, 6, -7, 1]
    values += [-3]
    model = network(
        [node("DequantizeLinear", "q s", "W"), node("Gemm", "x W", "y", transB=1)],
        {"x": ROWS.shape},
        ["y"],
        {"s": np.float32(0.11)},
    )
    model.graph.initializer.append(helper.make_tensor("q", TensorProto.INT4, (4, 3), values))
    floats = np.asarray(values, np.float32).reshape(4, 3) * np.float32(0.11)
    check_equal(model, [node("Gemm", "x W", "y", transB=1)], {"W": floats}, tmp_path, ROWS)


def test_float_weights_that_the_file_rounds_are_rounded(tmp_path: Path) -> None:
    """As quantization-aware training writes them: Q and DQ behind a float initializer."""
    weights = np.random.default_rng(1).normal(size=(4, INPUTS)).astype(np.float32)
    weights[0, 0] = -2.0
    scales = np.float32([0.01, 0.02, 0.007, 0.03])
    nodes = [
        node("QuantizeLinear", "W s z", "q", axis=0),
        node("DequantizeLinear", "q s z", "d", axis=0),
        node("Gemm", "x d", "y", transB=1),
    ]
    names = {"W": weights, "s": scales, "z": np.zeros(4, np.int8)}
    model = network(nodes, {"x": ROWS.shape}, ["y"], names)
    steps = np.clip(np.rint(weights / scales[:, None]), -128, 127)
    assert steps[0, 0] == -128
    floats = (steps * scales[:, None]).astype(np.float32)
    check_equal(model, nodes[2:], {"d": floats}, tmp_path, ROWS)


MULTIPLIED = {
    "one product": "Mul:xs,w_s:m Mul:c,m:y",
    "scale of x last": "Mul:c,w_s:d Mul:xs,d:y",
    "scale of x first": "Mul:w_s,one:o Mul:o,xs:m Mul:m,c:y",
}


@pytest.mark.parametrize("chain", MULTIPLIED.values(), ids=MULTIPLIED)
@pytest.mark.parametrize("axis", [None, 1])
@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_matmul_integer_with_its_scales_is_a_matmul(
    kind: str, axis: int | None, chain: str, tmp_path: Path
) -> None:
    weights = quantized((INPUTS, 4), kind, axis)
    products = [part.split(":") for part in chain.split()]
    nodes = [
        node("DynamicQuantizeLinear", "x", "xq xs xz"),
        node("MatMulInteger", "xq w_q xz w_z", "i"),
        node("Cast", "i", "c", to=TensorProto.FLOAT),
        *(node(op, ins.replace(",", " "), out) for op, ins, out in products),
    ]
    named = {**weights.named("w"), "one": np.float32(1)}
    model = network(nodes, {"x": ROWS.shape}, ["y"], named, opset=17)
    check_equal(model, [node("MatMul", "x w", "y")], {"w": weights.floats}, tmp_path, ROWS)


@pytest.mark.parametrize("axis", [None, 0])
def test_conv_integer_with_its_scales_is_a_convolution(axis: int | None, tmp_path: Path) -> None:
    weights = quantized((4, INPUTS, 2), "int8", axis)
    symmetric = {**weights.named("w"), "w_z": np.zeros_like(weights.z)}
    floats = weights.q.astype(np.float32) * weights.s.reshape((-1, 1, 1) if axis == 0 else ())
    if axis == 0:
        symmetric["w_s"] = weights.s.reshape(1, -1, 1)
        symmetric["w_z"] = np.zeros((), np.int8)
    nodes = [
        node("DynamicQuantizeLinear", "x", "xq xs xz"),
        node("ConvInteger", "xq w_q xz w_z", "i", pads=[1, 0], strides=[2]),
        node("Cast", "i", "c", to=TensorProto.FLOAT),
        node("Mul", "xs w_s", "m"),
        node("Mul", "c m", "y"),
    ]
    x = np.random.default_rng(2).normal(size=(2, INPUTS, 9)).astype(np.float32)
    model = network(nodes, {"x": x.shape}, ["y"], symmetric, opset=17)
    check_equal(
        model, [node("Conv", "x w", "y", pads=[1, 0], strides=[2])], {"w": floats}, tmp_path, x
    )


SCALES = {"xs": np.float32(0.03), "xz": np.uint8(120), "ys": np.float32(0.02), "yz": np.uint8(110)}
OPERATORS = {
    "QLinearMatMul": ("", "xq xs xz w_q w_s w_z ys yz", {}),
    "QGemm": ("m", "xq xs xz w_q w_s w_z b ys yz", {"alpha": 0.5}),
    "QLinearAdd": ("m", "xq xs xz r_q r_s r_z ys yz", {}),
    "QLinearMul": ("m", "r_q r_s r_z xq xs xz ys yz", {}),
    "QLinearSigmoid": ("m", "xq xs xz ys yz", {}),
    "QLinearLeakyRelu": ("m", "xq xs xz ys yz", {"alpha": 0.2}),
    "QLinearSoftmax": ("m", "xq xs xz ys0 z0", {"axis": -1, "opset": 17}),
    "QLinearConcat": ("m", "ys yz xq xs xz xq xs xz", {"axis": 0}),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_on_integers_is_the_float_operator(name: str, tmp_path: Path) -> None:
    """Its result differs from the original by the rounding of its input, weights and result."""
    domain, inputs, attributes = OPERATORS[name]
    weights = quantized((INPUTS, 4), "uint8", None)
    named: dict[str, Any] = {**SCALES, **weights.named("w"), "ys0": np.float32(1 / 256)}
    named |= quantized((INPUTS,), "uint8", seed=4).named("r")
    named |= {"z0": np.uint8(0), "b": np.int32([3000, -4000, 100, 0])}
    make = microsoft if domain else node
    scale, zero = inputs.split()[-2:] if name != "QLinearConcat" else ("ys", "yz")
    nodes = [
        node("QuantizeLinear", "x xs xz", "xq"),
        make(name, inputs, "yq", **attributes),
        node("DequantizeLinear", f"yq {scale} {zero}", "y"),
    ]
    model = network(nodes, {"x": ROWS.shape}, ["y"], named, opset=17)
    file = rewritten(model, tmp_path)
    assert not {n.op_type for n in file.nodes} & {"QuantizeLinear", "DequantizeLinear", name}
    found, wanted = run_onnx(as_model(file), {"x": ROWS})[0], run_onnx(model, {"x": ROWS})[0]
    low, high = (np.array([0, 255]) - int(named[zero])) * named[scale]
    np.testing.assert_allclose(np.clip(found, low, high), wanted, atol=0.06)
    assert np.abs(wanted).max() > 0.2


@pytest.mark.parametrize(("transposed", "axis"), [(0, None), (0, 1), (1, None), (1, 0)])
def test_qgemm_without_an_output_scale_gives_floats(
    transposed: int, axis: int | None, tmp_path: Path
) -> None:
    """Its scales are one number or one per output, its bias has those of data and weights."""
    weights = quantized((4, INPUTS) if transposed else (INPUTS, 4), "int8", axis, symmetric=True)
    bias = np.int32([3000, -4000, 100, 0])
    attributes = {"transB": transposed, "alpha": 0.5}
    nodes = [
        node("QuantizeLinear", "x xs xz", "xq"),
        microsoft("QGemm", "xq xs xz w_q w_s w_z b", "y", **attributes),
    ]
    named: dict[str, Any] = {"xs": np.float32(0.03), "xz": np.int8(-3), **weights.named("w")}
    model = network(nodes, {"x": ROWS.shape}, ["y"], {**named, "b": bias}, opset=17)
    found = run_onnx(as_model(rewritten(model, tmp_path)), {"x": ROWS})[0]
    matrix = weights.floats.T if transposed else weights.floats
    exact = 0.5 * (ROWS @ matrix + bias * np.float32(0.03) * weights.s)
    np.testing.assert_allclose(found, exact, atol=1e-5)
    # Rounding three numbers to steps of 0.03 and times weights of at most 1, halved by alpha.
    np.testing.assert_allclose(found, run_onnx(model, {"x": ROWS})[0], atol=0.5 * 3 * 0.015)


CONVOLUTIONS = {
    "QLinearConv": ("", "xq xs xz w_q w_s w_z ys yz b", {"strides": [2]}),
    "QLinearGlobalAveragePool": ("m", "xq xs xz ys yz", {"channels_last": 0}),
    "QLinearAveragePool": ("m", "xq xs xz ys yz", {"kernel_shape": [3]}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_operator_along_time_is_the_float_operator(name: str, tmp_path: Path) -> None:
    domain, inputs, attributes = CONVOLUTIONS[name]
    weights = quantized((4, INPUTS, 2), "int8", 0, symmetric=True)
    named: dict[str, Any] = {**SCALES, **weights.named("w"), "b": np.int32([900, -700, 100, 0])}
    make = microsoft if domain else node
    nodes = [
        node("QuantizeLinear", "x xs xz", "xq"),
        make(name, inputs, "yq", **attributes),
        node("DequantizeLinear", "yq ys yz", "y"),
    ]
    x = np.random.default_rng(5).normal(size=(2, INPUTS, 9)).astype(np.float32)
    model = network(nodes, {"x": x.shape}, ["y"], named, opset=17)
    found = run_onnx(as_model(rewritten(model, tmp_path)), {"x": x})[0]
    wanted = run_onnx(model, {"x": x})[0]
    low, high = (np.array([0, 255]) - int(SCALES["yz"])) * SCALES["ys"]
    np.testing.assert_allclose(np.clip(found, low, high), wanted, atol=0.08)
    assert np.abs(wanted).max() > 0.2


@pytest.mark.parametrize("axis", [None, 1])
@pytest.mark.parametrize("name", ["DynamicQuantizeMatMul", "MatMulIntegerToFloat"])
def test_matmul_of_one_node_is_a_matmul_and_an_addition(
    name: str, axis: int | None, tmp_path: Path
) -> None:
    weights = quantized((INPUTS, 4), "int8", axis)
    bias = np.float32([0.3, -0.2, 0.1, 0.5])
    nodes = [microsoft("DynamicQuantizeMatMul", "x w_q w_s w_z b", "y")]
    if name == "MatMulIntegerToFloat":
        nodes = [
            node("DynamicQuantizeLinear", "x", "xq xs xz"),
            microsoft(name, "xq w_q xs w_s xz w_z b", "y"),
        ]
    model = network(nodes, {"x": ROWS.shape}, ["y"], {**weights.named("w"), "b": bias}, opset=17)
    by_hand = [node("MatMul", "x w", "p"), node("Add", "p b", "y")]
    check_equal(model, by_hand, {"w": weights.floats, "b": bias}, tmp_path, ROWS)


QUANT = Path(__file__).resolve().parents[3] / "shared" / "onnx_patterns" / "quant"
FILES = sorted(QUANT.glob("*.q*.onnx"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_file_of_a_quantizer_computes_what_onnxruntime_does(file: Path) -> None:
    """To the rounding of activations: 8 bits of a range of about 1, times weights below 1."""
    model, original = load(file), onnx.load(file)
    x = np.random.default_rng(1).normal(size=(2, 7, 3)).astype(np.float32)
    wanted = run_onnx(unsigned(original), {"x": x})[0]
    (port,) = model.outputs
    for row in range(2):
        found = run_model(model, {"x": x[row : row + 1]})[port.name]
        np.testing.assert_allclose(found, wanted[row : row + 1], atol=1e-2)
    assert "is quantized" in " ".join(model.warnings)
