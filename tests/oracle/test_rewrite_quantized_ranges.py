"""Ranges at which quantized activations saturate, and integers between Q and DQ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from lstm_edge.frontend import load
from tests.oracle.graphs import node, saved
from tests.oracle.model_reference import run_model
from tests.oracle.quantized_graphs import (
    HIDDEN,
    INPUTS,
    STEPS,
    X,
    as_model,
    check_equal,
    microsoft,
    network,
    quantized,
    rewritten,
    run_onnx,
)
from tests.support.compiling import compile_file

LSTM_SHAPES = {"V": (1, INPUTS, 4 * HIDDEN), "U": (1, HIDDEN, 4 * HIDDEN)}
SEQUENCES = np.random.default_rng(9).normal(size=(STEPS, 4, INPUTS)).astype(np.float32)
HEAD = [
    node("LSTM", "x L_W L_R", "- h", hidden_size=HIDDEN),
    node("Squeeze", "h axes", "last"),
    node("Gemm", "last W", "g", transB=1),
]


def pair(scale: float, zero: Any, between: list[onnx.NodeProto]) -> onnx.ModelProto:
    """LSTM, Gemm, Q, `between` from q to m, DQ."""
    nodes = [
        *HEAD,
        node("QuantizeLinear", "g s z", "q"),
        *between,
        node("DequantizeLinear", f"{'m' if between else 'q'} s z", "y"),
    ]
    return network(
        nodes, {"x": SEQUENCES.shape}, ["y"], {**head_weights(), "s": np.float32(scale), "z": zero}
    )


def head_weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    shapes = {"L_W": (1, 4 * HIDDEN, INPUTS), "L_R": (1, 4 * HIDDEN, HIDDEN), "W": (4, HIDDEN)}
    weights = {name: rng.normal(size=s).astype(np.float32) for name, s in shapes.items()}
    return {**weights, "axes": np.int64([0]), "shape": np.int64([2, 2, 4])}


ENDS = [np.int8(-128), np.uint8(0), np.uint16(0), np.int8(127), np.int16(8000), np.uint8(100)]


@pytest.mark.parametrize("zero", ENDS, ids=lambda z: f"{z.dtype} {z}")
def test_a_range_may_be_a_relu_or_a_clip_and_stays(zero: Any, tmp_path: Path) -> None:
    """onnxruntime's quantizer leaves out a Relu or Clip before a range that does the same."""
    scale = 0.5 / np.iinfo(zero.dtype).max
    model = pair(scale, zero, [])
    found = run_onnx(as_model(rewritten(model, tmp_path)), {"x": SEQUENCES})[0]
    wanted = run_onnx(model, {"x": SEQUENCES})[0]
    np.testing.assert_allclose(found, wanted, atol=0.51 * scale)
    low, high = (end - int(zero) for end in (np.iinfo(zero.dtype).min, np.iinfo(zero.dtype).max))
    ends = [np.float32(end * scale) for end in (low, high)]
    assert np.isin(found, ends).any()
    assert not np.isin(found, ends).all()
    loaded = load(saved(model, tmp_path))
    for row in range(4):
        result = run_model(loaded, {"x": SEQUENCES[:, row : row + 1]})["y"]
        np.testing.assert_allclose(result, wanted[row : row + 1], atol=0.51 * scale)


def test_a_range_between_a_product_and_its_bias_is_left_out_with_a_warning(tmp_path: Path) -> None:
    arrays = {**head_weights(), "b": np.float32([0.3, -0.2, 0.1, 0.5])}
    arrays["W"] = arrays["W"].T.copy()
    head = [*HEAD[:-1], node("MatMul", "last W", "g")]
    nodes = [
        *head,
        node("QuantizeLinear", "g s z", "q"),
        node("DequantizeLinear", "q s z", "d"),
        node("Add", "d b", "a"),
        node("QuantizeLinear", "a t z", "aq"),
        node("DequantizeLinear", "aq t z", "y"),
    ]
    grids = {"s": np.float32(0.004), "t": np.float32(1), "z": np.int8(3)}
    model = network(nodes, {"x": SEQUENCES.shape}, ["y"], {**arrays, **grids})
    plain = [*head, node("Add", "g b", "sum"), node("Clip", "sum low high", "y")]
    arrays |= {"low": np.float32(-131), "high": np.float32(124)}
    check_equal(model, plain, arrays, tmp_path, SEQUENCES)
    warnings = " ".join(load(saved(model, tmp_path)).warnings)
    assert "[-0.524, 0.496] of 'g'" in warnings
    assert "is quantized" in warnings


@pytest.mark.parametrize("shape", [(STEPS, 1, INPUTS), ("time", "batch", INPUTS)])
def test_a_range_of_the_input_stays(shape: tuple[Any, ...], tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"s": np.float32(0.01), "z": np.uint8(128), **head_weights()}
    nodes = [
        node("QuantizeLinear", "x s z", "q"),
        node("DequantizeLinear", "q s z", "d"),
        node("LSTM", "d L_W L_R", "y", hidden_size=HIDDEN),
    ]
    model = network(nodes, {"x": shape}, ["y"], arrays)
    wanted = run_onnx(model, {"x": X})[0]
    found = run_model(load(saved(model, tmp_path)), {"x": X})["y"]
    np.testing.assert_allclose(found, wanted, atol=0.03)
    clipped = [node("Clip", "x low high", "d"), nodes[-1]]
    arrays |= {"low": np.float32(-1.28), "high": np.float32(1.27)}
    exact = run_onnx(network(clipped, {"x": X.shape}, ["y"], arrays), {"x": X})[0]
    np.testing.assert_allclose(found, exact, atol=1e-5)


def test_integers_may_move_between_q_and_dq(tmp_path: Path) -> None:
    moves = [node("Transpose", "q", "t", perm=[1, 0]), node("Transpose", "t", "u", perm=[1, 0])]
    model = pair(0.05, np.int8(3), [*moves, node("Reshape", "u shape", "m")])
    found = run_onnx(as_model(rewritten(model, tmp_path)), {"x": SEQUENCES})[0]
    wanted = run_onnx(model, {"x": SEQUENCES})[0]
    assert found.shape == (2, 2, 4)
    np.testing.assert_allclose(found, wanted, atol=0.026)


def test_a_range_of_a_scaled_input_is_left_out(tmp_path: Path) -> None:
    """The arithmetic is folded into the layer that follows; there is no Relu to lose."""
    names = {"s": np.float32(1 / 255), "z": np.uint8(0), "k": np.float32(0.01)}
    weights = quantized((1, 4 * HIDDEN, INPUTS), "int8"), quantized((1, 4 * HIDDEN, HIDDEN), "int8")
    names |= {"W": weights[0].floats, "R": weights[1].floats}
    nodes = [
        node("Mul", "x k", "scaled"),
        node("QuantizeLinear", "scaled s z", "q"),
        node("DequantizeLinear", "q s z", "d"),
        node("LSTM", "d W R", "y", hidden_size=HIDDEN),
    ]
    model = load(saved(network(nodes, {"x": X.shape}, ["y"], names), tmp_path))
    plain = [node("Mul", "x k", "d"), nodes[-1]]
    wanted = run_onnx(network(plain, {"x": X.shape}, ["y"], names), {"x": X})[0]
    np.testing.assert_allclose(run_model(model, {"x": X})["y"], wanted, atol=1e-5)


def test_a_range_that_is_the_only_trace_of_an_activation_stays(tmp_path: Path) -> None:
    """Relu after a scaled state, which onnxruntime's quantizer leaves out."""
    arrays = {**head_weights(), "s": np.float32(0.01), "z": np.int8(-128), "k": np.float32(0.5)}
    nodes = [
        *HEAD[:-1],
        node("Mul", "last k", "scaled"),
        node("QuantizeLinear", "scaled s z", "q"),
        node("DequantizeLinear", "q s z", "d"),
        node("Gemm", "d W", "y", transB=1),
    ]
    loaded = load(saved(network(nodes, {"x": SEQUENCES.shape}, ["y"], arrays), tmp_path))
    plain = [*nodes[:-3], node("Clip", "scaled low high", "d"), nodes[-1]]
    arrays |= {"low": np.float32(0), "high": np.float32(2.55)}
    wanted = run_onnx(network(plain, {"x": SEQUENCES.shape}, ["y"], arrays), {"x": SEQUENCES})[0]
    without = [*nodes[:-3], node("Gemm", "scaled W", "y", transB=1)]
    other = run_onnx(network(without, {"x": SEQUENCES.shape}, ["y"], arrays), {"x": SEQUENCES})[0]
    assert np.abs(wanted - other).max() > 0.01
    for row in range(4):
        found = run_model(loaded, {"x": SEQUENCES[:, row : row + 1]})["y"]
        np.testing.assert_allclose(found, wanted[row : row + 1], atol=1e-5)


def test_a_layer_without_its_first_output_is_read_with_what_follows(tmp_path: Path) -> None:
    """An absent output is no tensor that the absent inputs of other nodes depend on."""
    rng = np.random.default_rng(2)
    integers = {name: rng.integers(-99, 99, s).astype(np.int8) for name, s in LSTM_SHAPES.items()}
    scales = {"ws": np.float32([0.01]), "rs": np.float32([0.005]), "none": np.zeros(1, np.int8)}
    arrays: dict[str, Any] = {**head_weights(), **integers, **scales, "k": np.float32(0.01)}
    first = microsoft(
        "DynamicQuantizeLSTM", "x V U - - - - - ws none rs none", "- h", hidden_size=HIDDEN
    )
    arrays |= {"W8": np.ones((4, HIDDEN), np.int8), "large": np.float32(7)}
    nodes = [
        first,
        HEAD[1],
        node("Clip", "large - k", "scale"),
        node("DequantizeLinear", "W8 scale", "W_d"),
        node("Clip", "last - k", "low"),
        node("Gemm", "low W_d", "y", transB=1),
    ]
    model = network(nodes, {"x": SEQUENCES.shape}, ["y"], arrays)
    floats = {
        "L_W": (integers["V"] * np.float32(0.01)).transpose(0, 2, 1),
        "L_R": (integers["U"] * np.float32(0.005)).transpose(0, 2, 1),
        "W_d": np.full((4, HIDDEN), 0.01, np.float32),
        "axes": np.int64([0]),
        "k": np.float32(0.01),
    }
    wanted = run_onnx(
        network([HEAD[0], HEAD[1], *nodes[4:]], {"x": SEQUENCES.shape}, ["y"], floats),
        {"x": SEQUENCES},
    )[0]
    found = run_onnx(as_model(rewritten(model, tmp_path)), {"x": SEQUENCES})[0]
    np.testing.assert_array_equal(found, wanted)
    assert load(saved(model, tmp_path)).outputs


def test_integers_of_a_row_stay_the_same_integers(tmp_path: Path) -> None:
    """int8 with one symmetric scale per output, as `per_channel=True` writes, is our own format."""
    rng = np.random.default_rng(11)
    q = rng.integers(-126, 127, (HIDDEN, 4)).astype(np.int8)
    q[rng.integers(0, HIDDEN, 4), range(4)] = [127, -127, 127, -127]
    nodes = [
        *HEAD[:-1],
        node("DynamicQuantizeLinear", "last", "xq xs xz"),
        node("MatMulInteger", "xq q xz", "i"),
        node("Cast", "i", "c", to=TensorProto.FLOAT),
        node("Mul", "xs w_s", "m"),
        node("Mul", "c m", "y"),
    ]
    arrays = {**head_weights(), "q": q, "w_s": np.float32([0.01, 0.003, 0.02, 0.007])}
    file = saved(network(nodes, {"x": [STEPS, 1, INPUTS]}, ["y"], arrays), tmp_path)
    program = compile_file(file, "host").program
    stored = [array for array in program.constants.values() if array.shape == q.T.shape]
    assert any(np.array_equal(array, q.T) for array in stored)
