"""Inputs of integers that are data: the C takes them as the file has them, in any place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import lstm_edge
from lstm_edge.formats import Format
from tests.oracle.entire import SAMPLES, entire
from tests.oracle.graphs import graph, node, saved

N, H, T = 3, 6, 9
RNG = np.random.default_rng(11)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.5)


WEIGHTS = {
    "W": floats(1, 4 * H, N),
    "R": floats(1, 4 * H, H),
    "B": floats(1, 8 * H),
    "K": floats(N, N, 3),
    "w": floats(H, N),
    "eps": np.float32(1),
    "zero": np.array([0]),
    "first": np.array([1]),
    "one": np.array([1]),
    "two": np.array([2]),
    "three": np.array([3]),
    "last_axis": np.array([2]),
    "minus_one": np.int64(-1),
}
CAST = [node("Cast", "x", "f", to=1), node("Mul", "f scale", "g")]
TYPES = {"int8": Format("int8", 1.0, -128, 127), "int16": Format("int16", 1.0, -32768, 32767)}
TYPES["uint8"] = Format("uint8", 1.0, 0, 255)
LSTM = node("LSTM", "g W R B", "Y", hidden_size=H)
PLACES: dict[str, list[onnx.NodeProto]] = {
    "read by the layer": [*CAST, LSTM],
    "read by a convolution": [
        node("Cast", "x", "f", to=1),
        node("Transpose", "f", "t", perm=[1, 2, 0]),
        node("Mul", "t scale", "u"),
        node("Conv", "u K", "c", pads=[1, 1]),
        node("Transpose", "c", "g", perm=[2, 0, 1]),
        LSTM,
    ],
    "added to the result": [
        *CAST,
        node("LSTM", "g W R B", "Z", hidden_size=H),
        node("Squeeze", "Z one", "z"),
        node("MatMul", "z w", "d"),
        node("Add", "d g", "Y"),
    ],
    "its magnitude": [
        *CAST,
        node("Abs", "g", "a"),
        node("LSTM", "a W R B", "Y", hidden_size=H),
    ],
    "some of its features": [
        node("Slice", "x zero two last_axis", "part"),
        node("Cast", "part", "f", to=1),
        node("Div", "f divisor", "p"),
        node("Concat", "p p", "q", axis=2),
        node("Slice", "q zero three last_axis", "g"),
        LSTM,
    ],
    "its last step": [
        *CAST,
        node("LSTM", "g W R B", "Z Zh", hidden_size=H),
        node("Squeeze", "Zh zero", "h"),
        node("MatMul", "h w", "d"),
        node("Gather", "x minus_one", "l", axis=0),
        node("Cast", "l", "m", to=1),
        node("Div", "m divisor", "n"),
        node("Add", "d n", "Y"),
    ],
    "differences": [
        *CAST,
        node("Slice", "g first big zero", "later"),
        node("Slice", "g zero minus zero", "earlier"),
        node("Sub", "later earlier", "d"),
        node("LSTM", "d W R B", "Y", hidden_size=H),
    ],
}


def model_of(kind: str, nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    scale = {"scale": np.float32(2.0 / np.iinfo(kind).max), "big": np.array([99])}
    more = {"divisor": np.float32(np.iinfo(kind).max / 2), "minus": np.array([-1])}
    weights = WEIGHTS | scale | more
    model = graph(nodes, {"x": (T, 1, N)}, ["Y"], weights)
    type_ = onnx.TensorProto.DataType.Value(kind.upper())
    model.graph.input[0].type.tensor_type.elem_type = type_
    return model


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["int8", "uint8", "int16"])
def test_the_c_takes_integers_as_they_are(kind: str, place: str, tmp_path: Path) -> None:
    bounds = np.iinfo(kind)
    data = RNG.integers(bounds.min, bounds.max, (SAMPLES, T, 1, N), endpoint=True).astype(kind)
    entire(model_of(kind, PLACES[place]), tmp_path, data={"x": data}, least=40.0)
    network = lstm_edge.load(saved(model_of(kind, PLACES[place]), tmp_path))
    compiled = lstm_edge.compile(network, target="cortex-m4", calibration={"x": data})
    (port,) = compiled.program.inputs
    assert compiled.program.values[port.value].format == TYPES[kind]
    stored = compiled.run({"x": data[:2]}, raw=True)
    again = compiled.run({"x": data[:2].astype(np.float32)}, raw=True)
    assert np.array_equal(stored["Y"], again["Y"])


@pytest.mark.parametrize("activations", [8, 12, 16])
@pytest.mark.parametrize("kind", ["int8", "uint8", "int16"])
def test_any_width_of_activations_reads_them(kind: str, activations: int, tmp_path: Path) -> None:
    bounds = np.iinfo(kind)
    data = RNG.integers(bounds.min, bounds.max, (SAMPLES, T, 1, N), endpoint=True).astype(kind)
    network = lstm_edge.load(saved(model_of(kind, PLACES["read by the layer"]), tmp_path))
    compiled = lstm_edge.compile(
        network, target="cortex-m4", calibration={"x": data}, activations=activations
    )
    (port,) = compiled.program.inputs
    assert compiled.program.values[port.value].format == TYPES[kind]
    assert compiled.compare({"x": data[:3]}, on="host").ok


def test_integers_of_sixteen_bits_without_a_sign_are_stored_as_calibration_says(
    tmp_path: Path,
) -> None:
    data = RNG.integers(0, 2**16, (SAMPLES, T, 1, N)).astype(np.uint16)
    model = model_of("uint16", PLACES["read by the layer"])
    network = entire(model, tmp_path, data={"x": data}, least=40.0)
    assert network.model.inputs[0].kind == "uint16"
