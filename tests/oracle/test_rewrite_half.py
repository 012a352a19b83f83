"""Files in half or double precision are read as float32 models with the numbers that they give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.graphs import graph, lstm_weights, node, saved
from tests.oracle.model_reference import run_model
from tests.oracle.quantized_graphs import as_model, rewritten, run_onnx

INPUTS, HIDDEN, STEPS = 3, 5, 6
X = np.random.default_rng(7).normal(size=(STEPS, 2, INPUTS)).astype(np.float32)
LSTM = node("LSTM", "x W R B - h0 h0", "y y_h", hidden_size=HIDDEN)
KINDS = {
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "double": TensorProto.DOUBLE,
}


def stored(array: np.ndarray, name: str, kind: int) -> onnx.TensorProto:
    return helper.make_tensor(name, kind, array.shape, array.reshape(-1).astype(float))


def rounded(array: np.ndarray, kind: int) -> np.ndarray:
    """The float32 numbers nearest to what the file stores, computed without the front end."""
    if kind == TensorProto.DOUBLE:
        return array.astype(np.float32)
    if kind == TensorProto.FLOAT16:
        return array.astype(np.float16).astype(np.float32)
    bits = array.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16
    return bits.astype(np.uint32).view(np.float32)


def weights() -> dict[str, np.ndarray]:
    return lstm_weights(INPUTS, HIDDEN, seed=1, h0=(1, 1, HIDDEN))


def in_kind(
    kind: int,
    nodes: list[onnx.NodeProto],
    ends: int | None = None,
    arrays: Mapping[str, np.ndarray] | None = None,
) -> onnx.ModelProto:
    """A model with weights of a kind, and inputs and outputs of the kind `ends`."""
    named = weights() if arrays is None else arrays
    whole = {"axes": np.int64([0]), "shape": np.int64([1, 2, HIDDEN])}
    model = graph(nodes, {"x": X.shape}, ["y"], whole, opset=21)
    model.graph.initializer.extend(stored(array, name, kind) for name, array in named.items())
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = kind if ends is None else ends
    model.ir_version = 10
    return model


def expand(name: str) -> list[onnx.NodeProto]:
    """h0 for a batch of two, as a node of constants."""
    return [node("Expand", f"h0 {name}", "states")]


STATEFUL = node("LSTM", "x W R B - states states", "y y_h", hidden_size=HIDDEN)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_numbers_are_those_of_the_file(kind: int, tmp_path: Path) -> None:
    """The same bits as a float32 model of the rounded weights."""
    model = in_kind(kind, [*expand("shape"), STATEFUL])
    floats = {name: rounded(array, kind) for name, array in weights().items()}
    by_hand = in_kind(TensorProto.FLOAT, [*expand("shape"), STATEFUL], arrays=floats)
    file = rewritten(model, tmp_path)
    assert {i.type.tensor_type.elem_type for i in file.proto().input} == {TensorProto.FLOAT}
    assert {t.data_type for t in file.proto().initializer} <= {TensorProto.FLOAT, TensorProto.INT64}
    wanted = run_onnx(by_hand, {"x": X})[0]
    np.testing.assert_array_equal(run_onnx(as_model(file), {"x": X})[0], wanted)
    loaded = load(saved(model, tmp_path))
    for row in range(2):
        found = run_model(loaded, {"x": X[:, row : row + 1]})["y"]
        np.testing.assert_allclose(found, wanted[:, :, row : row + 1], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_casts_at_the_edges_go(kind: int, tmp_path: Path) -> None:
    """float32 outside, another kind inside: what converters write."""
    inner = node("LSTM", "c W R B - states states", "i", hidden_size=HIDDEN)
    nodes = [
        node("Cast", "x", "c", to=kind),
        *expand("shape"),
        inner,
        node("Cast", "i", "y", to=TensorProto.FLOAT),
    ]
    model = in_kind(kind, nodes, ends=TensorProto.FLOAT)
    floats = {name: rounded(array, kind) for name, array in weights().items()}
    by_hand = in_kind(TensorProto.FLOAT, [*expand("shape"), STATEFUL], arrays=floats)
    found = run_onnx(as_model(rewritten(model, tmp_path)), {"x": X})[0]
    np.testing.assert_array_equal(found, run_onnx(by_hand, {"x": X})[0])
    assert load(saved(model, tmp_path)).outputs


def test_float_weights_that_the_file_casts_to_half_are_rounded(tmp_path: Path) -> None:
    names = ("W", "R", "B")
    casts = [node("Cast", name, f"{name}16", to=TensorProto.FLOAT16) for name in names]
    back = [node("Cast", f"{name}16", f"{name}32", to=TensorProto.FLOAT) for name in names]
    nodes = [*casts, *back, node("LSTM", "x W32 R32 B32", "y", hidden_size=HIDDEN)]
    model = in_kind(TensorProto.FLOAT, nodes)
    floats = {name: rounded(array, TensorProto.FLOAT16) for name, array in weights().items()}
    plain = [node("LSTM", "x W R B", "y", hidden_size=HIDDEN)]
    by_hand = in_kind(TensorProto.FLOAT, plain, arrays=floats)
    wanted = run_onnx(by_hand, {"x": X})[0]
    np.testing.assert_array_equal(
        run_onnx(as_model(rewritten(model, tmp_path)), {"x": X})[0], wanted
    )


def test_constant_nodes_of_half_precision_are_read(tmp_path: Path) -> None:
    """Constant and ConstantOfShape hold their numbers in attributes."""
    zero = numpy_helper.from_array(np.float16([0.25]))
    half = numpy_helper.from_array(np.float16(0.3), "half")
    nodes = [
        node("Shape", "x", "sizes"),
        node("Slice", "sizes one two", "batch"),
        node("Concat", "one batch width", "state_shape", axis=0),
        node("ConstantOfShape", "state_shape", "states", value=zero),
        node("LSTM", "x W R B - states states", "- - c", hidden_size=HIDDEN),
        node("Constant", "", "half", value=half),
        node("Clip", "c - half", "y"),
    ]
    model = in_kind(TensorProto.FLOAT16, nodes)
    for name, value in (("one", 1), ("two", 2), ("width", HIDDEN)):
        model.graph.initializer.append(numpy_helper.from_array(np.int64([value]), name))
    found = run_onnx(as_model(rewritten(model, tmp_path)), {"x": X})[0]
    floats = {name: rounded(array, TensorProto.FLOAT16) for name, array in weights().items()}
    floats["states"] = np.full((1, 2, HIDDEN), 0.25, np.float32)
    floats["half"] = np.asarray(np.float16(0.3), np.float32)
    by_hand = in_kind(TensorProto.FLOAT, [nodes[4], nodes[6]], arrays=floats)
    np.testing.assert_array_equal(found, run_onnx(by_hand, {"x": X})[0])
    assert (found == floats["half"]).any()
    assert load(saved(model, tmp_path)).outputs


def test_doubles_that_compute_shapes_stay_doubles(tmp_path: Path) -> None:
    """floor(0.29 * 100) is 28 in double and 29 in float32: both would be another network."""
    count = int(np.floor(np.float64(0.29) * 100))
    assert count != int(np.floor(np.float32(0.29) * np.float32(100)))
    nodes = [
        node("Shape", "x", "sizes"),
        node("Gather", "sizes last", "features"),
        node("Cast", "features", "wide", to=TensorProto.DOUBLE),
        node("Mul", "wide k", "part"),
        node("Floor", "part", "floor"),
        node("Cast", "floor", "end", to=TensorProto.INT64),
        node("Slice", "W zero end two", "head"),
        node("Slice", "W end size two", "tail"),
        node("Concat", "tail head", "turned", axis=2),
        node("LSTM", "x turned R", "y", hidden_size=HIDDEN),
    ]
    named: dict[str, Any] = {"last": np.int64([2]), "k": np.float64([0.29]), "zero": np.int64([0])}
    named |= {"two": np.int64([2]), "size": np.int64([100]), **lstm_weights(100, HIDDEN)}
    model = graph(nodes, {"x": (STEPS, 1, 100)}, ["y"], named)
    x = np.random.default_rng(1).normal(size=(STEPS, 1, 100)).astype(np.float32)
    found = run_model(load(saved(model, tmp_path)), {"x": x})["y"]
    np.testing.assert_allclose(found, run_onnx(model, {"x": x})[0], atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_numbers_that_are_none_are_refused(kind: int, bad: float, tmp_path: Path) -> None:
    damaged = weights()
    damaged["R"][0, 2, 1] = bad
    model = in_kind(kind, [*expand("shape"), STATEFUL], arrays=damaged)
    with pytest.raises(ModelError, match=r"'R'.*(NaN|infinity)"):
        load(saved(model, tmp_path))


def test_double_that_float32_cannot_hold_is_refused(tmp_path: Path) -> None:
    large = weights()
    large["R"] = large["R"].astype(np.float64)
    large["R"][0, 0, 0] = 1e300
    model = in_kind(TensorProto.DOUBLE, [*expand("shape"), STATEFUL], arrays=large)
    with pytest.raises(ModelError, match=r"'R'.*float32 cannot hold"):
        load(saved(model, tmp_path))


def test_half_file_of_an_exporter_computes_what_its_numbers_say(shared_dir: Path) -> None:
    """onnxruntime rounds to half after each node: 11 bits of numbers below 1."""
    file = shared_dir / "onnx_patterns" / "quant" / "lstm_dyn.fp16.onnx"
    if not file.is_file():
        pytest.skip("the shared folder has no lstm_dyn.fp16")
    x = np.random.default_rng(1).normal(size=(2, 7, 3)).astype(np.float16)
    wanted = run_onnx(onnx.load(file), {"x": x})[0]
    model = load(file)
    for row in range(2):
        found = run_model(model, {"x": x[row : row + 1].astype(np.float32)})[model.outputs[0].name]
        np.testing.assert_allclose(found, wanted[row : row + 1], atol=2e-3)
