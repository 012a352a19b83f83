"""Quantized graphs that contradict themselves are refused by the name of the node."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.graphs import node, saved
from tests.oracle.quantized_graphs import microsoft, network

Q = np.random.default_rng(0).integers(-100, 100, (4, 3)).astype(np.int8)
ZEROS: dict[str, Any] = {"s": np.float32(0.02), "z": np.int8(0)}

WEIGHTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "scale 0": ({"s": np.float32(0)}, {}, "scale of 0, expected a number above 0"),
    "scale negative": ({"s": np.float32([0.1, -0.1, 1, 1])}, {"axis": 0}, "scale of -0.1"),
    "scale NaN": ({"s": np.float32("nan")}, {}, "initializer 's'.*NaN"),
    "scale of integers": ({"s": np.int32(1)}, {}, "scale is of type int32|not a valid ONNX"),
    "three for four": (
        {"s": np.float32([0.1] * 3), "z": np.zeros(3, np.int8)},
        {"axis": 0},
        r"are \[3\], expected \[4\]",
    ),
    "four along axis 1": (
        {"s": np.float32([0.1] * 4), "z": np.zeros(4, np.int8)},
        {},
        r"are \[4\], expected \[3\].*axis",
    ),
    "axis 2": (
        {"s": np.float32([0.1] * 4), "z": np.zeros(4, np.int8)},
        {"axis": 2},
        "axis = 2 does not fit a tensor of 2 axes",
    ),
    "zero point of another shape": (
        {"s": np.float32([0.1] * 4), "z": np.zeros(3, np.int8)},
        {"axis": 0},
        r"zero point is \[3\], but its scale \[4\]",
    ),
    "zero point of another type": ({"z": np.uint8(0)}, {}, "uint8, but the numbers are int8"),
    "blocks": (
        {"s": np.full((4, 1), 0.1, np.float32), "z": np.zeros((4, 1), np.int8)},
        {"axis": 1, "block_size": 2},
        r"are \[4, 1\], expected \[4, 2\] \(blocks of 2",
    ),
}


def refused(model: Any, folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load(saved(model, folder))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", WEIGHTS)
def test_scales_and_zero_points_that_do_not_fit_are_refused(name: str, tmp_path: Path) -> None:
    arrays, attributes, words = WEIGHTS[name]
    nodes = [
        node("DequantizeLinear", "q s z", "W", name="weights", **attributes),
        node("Gemm", "x W", "y", transB=1),
    ]
    message = refused(network(nodes, {"x": [1, 3]}, ["y"], {"q": Q, **ZEROS, **arrays}), tmp_path)
    assert re.search(words, message), message
    assert re.search("'weights'|initializer|model.onnx", message)


def lstm(**arrays: Any) -> Any:
    named = {
        "W": np.ones((1, 3, 8), np.int8),
        "R": np.ones((1, 2, 8), np.int8),
        "ws": np.float32([0.1]),
        "wz": np.zeros(1, np.int8),
        "rs": np.full((1, 8), 0.1, np.float32),
        "rz": np.zeros((1, 8), np.int8),
        **arrays,
    }
    inputs = "x W R - - - - - ws wz rs rz"
    made = microsoft("DynamicQuantizeLSTM", inputs, "y", hidden_size=2, name="layer")
    return network([made], {"x": [5, 1, 3]}, ["y"], named)


def test_the_dynamic_lstm_of_these_tests_loads_as_it_is(tmp_path: Path) -> None:
    assert load(saved(lstm(), tmp_path)).outputs


LSTM = {
    "transposed W": ({"W": np.ones((1, 8, 3), np.int8)}, r"W \[1, 3, 8\] takes 8 features"),
    "flat W": ({"W": np.ones((3, 8), np.int8)}, r"input W is \[3, 8\], expected three axes"),
    "scale": ({"ws": np.float32([0.1, 0.2])}, r"scale of input W is \[2\], expected \[1\]"),
    "scale 0": ({"rs": np.zeros((1, 8), np.float32)}, "scale of 0"),
    "zero point": ({"rz": np.zeros(8, np.int8)}, r"zero point is \[8\], but its scale \[1, 8\]"),
    "type": ({"wz": np.zeros(1, np.uint8)}, "uint8, but the numbers are int8"),
    "float W": ({"W": np.ones((1, 3, 8), np.float32)}, "type float32, expected integers"),
}


@pytest.mark.parametrize("name", LSTM)
def test_dynamic_lstm_that_contradicts_itself_is_refused(name: str, tmp_path: Path) -> None:
    arrays, words = LSTM[name]
    message = refused(lstm(**arrays), tmp_path)
    assert "'layer'" in message
    assert re.search(words, message), message


def test_reading_at_another_scale_is_refused(tmp_path: Path) -> None:
    nodes = [
        node("QuantizeLinear", "x s z", "q"),
        node("DequantizeLinear", "q t z", "y", name="back"),
    ]
    named = {**ZEROS, "t": np.float32(0.5)}
    message = refused(network(nodes, {"x": [1, 3]}, ["y"], named), tmp_path)
    assert "'back'" in message
    assert "another scale" in message


UNKNOWN = [
    (microsoft("QAttention", "x q b s s", "y", num_heads=1), "QAttention of domain com.microsoft"),
    (microsoft("MatMulNBits", "x q s", "y", K=3, N=4, bits=8, block_size=16), "MatMulNBits"),
    (node("QuantizeLinear", "x s z", "y"), "output 'y'|QuantizeLinear"),
    (node("MatMulInteger", "x q", "y"), "MatMulInteger"),
]


@pytest.mark.parametrize(("made", "words"), UNKNOWN, ids=lambda v: getattr(v, "op_type", ""))
def test_operator_that_no_rewrite_knows_is_refused_by_name(
    made: Any, words: str, tmp_path: Path
) -> None:
    named = {"q": Q, **ZEROS, "b": np.zeros(3, np.float32)}
    assert re.search(words, refused(network([made], {"x": [1, 3]}, ["y"], named), tmp_path))


PRODUCTS = {
    "scale of another tensor": ("c other", "DynamicQuantizeLinear|MatMulInteger|Mul"),
    "scale 0": ("c zero", "DynamicQuantizeLinear|not above 0"),
    "no scale at all": ("c c", "DynamicQuantizeLinear|MatMulInteger|Mul"),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_integer_product_without_its_scales_is_refused(name: str, tmp_path: Path) -> None:
    inputs, words = PRODUCTS[name]
    nodes = [
        node("DynamicQuantizeLinear", "x", "xq xs xz"),
        node("Neg", "x", "n"),
        node("DynamicQuantizeLinear", "n", "nq other nz"),
        node("Mul", "xs none", "zero"),
        node("MatMulInteger", "xq w xz", "i"),
        node("Cast", "i", "c", to=TensorProto.FLOAT),
        node("Mul", inputs, "y"),
    ]
    named = {"w": Q.T.copy(), "none": np.float32(0)}
    message = refused(network(nodes, {"x": [1, 3]}, ["y"], named), tmp_path)
    assert re.search(words, message), message


DAMAGED = [
    microsoft("DynamicQuantizeMatMul", "", "y"),
    microsoft("DynamicQuantizeLSTM", "x", "y"),
    microsoft("QLinearConcat", "s z x", "y"),
    microsoft("QLinearSoftmax", "n s z s z", "y", opset="new", axis=0),
    microsoft("DequantizeLinear", "q s z", "y", axis="first"),
    microsoft("QGemm", "n s z q three z b three z", "y", transB=1),
    microsoft("QLinearAdd", "n s z", "y"),
    node("DequantizeLinear", "q s z", "y", axis=1, block_size=-2),
    node("QuantizeLinear", "q s z", "y"),
    node("ConvInteger", "n one z zeros", "y"),
]


@pytest.mark.parametrize("made", DAMAGED, ids=lambda n: n.op_type)
def test_damaged_node_is_refused_in_one_line(made: Any, tmp_path: Path) -> None:
    named = {"q": Q, **ZEROS, "b": np.zeros(4, np.int32), "three": np.float32([0.1] * 3)}
    named |= {"one": np.ones((), np.int8), "zeros": np.zeros(2, np.int8)}
    nodes = [node("QuantizeLinear", "x s z", "n"), made]
    refused(network(nodes, {"x": [1, 3]}, ["y"], named), tmp_path)


def test_scales_that_cannot_be_multiplied_are_refused(tmp_path: Path) -> None:
    nodes = [
        node("DynamicQuantizeLinear", "x", "xq xs xz"),
        node("Mul", "xs four", "a"),
        node("Mul", "a three", "b"),
        node("Neg", "b", "y"),
    ]
    named = {"three": np.float32([0.1] * 3), "four": np.float32([0.1] * 4)}
    refused(network(nodes, {"x": [1, 3]}, ["y"], named), tmp_path)
