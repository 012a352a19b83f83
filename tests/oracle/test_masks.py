"""Masks: as factors, as conditions, and as lengths of sequences that are their sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import lstm_edge
from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.entire import SAMPLES, entire
from tests.oracle.graphs import graph, node, saved
from tests.oracle.state_graphs import session_of

N, H, T, OUT = 3, 6, 9, 2
RNG = np.random.default_rng(21)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.6)


WEIGHTS: dict[str, Any] = {
    "W": floats(1, 4 * H, N),
    "R": floats(1, 4 * H, H),
    "B": floats(1, 8 * H),
    "W2": floats(2, 3 * H, N),
    "R2": floats(2, 3 * H, H),
    "B2": floats(2, 6 * H),
    "w": floats(H, OUT),
    "w2": floats(2 * H, OUT),
    "E": floats(20, N),
    "zero": np.array([0]),
    "one": np.array([1]),
    "two": np.array([2]),
    "nil": np.float32(0),
    "none": np.int64(0),
    "flat": np.array([1, 2 * H]),
}
TURNED = node("Transpose", "x", "t", perm=[1, 0, 2])
LAST = [
    TURNED,
    node("LSTM", "t W R B length", "Y Yh", hidden_size=H),
    node("Squeeze", "Yh zero", "h"),
    node("MatMul", "h w", "y"),
]
ALL = [
    TURNED,
    node("LSTM", "t W R B length", "Y", hidden_size=H),
    node("Squeeze", "Y one", "s"),
    node("ReduceMean", "s", "m", axes=[0], keepdims=0),
    node("MatMul", "m w", "y"),
]
BOTH = [
    TURNED,
    node("GRU", "t W2 R2 B2 length", "Y Yh", hidden_size=H, direction="bidirectional"),
    node("Transpose", "Yh", "v", perm=[1, 0, 2]),
    node("Reshape", "v flat", "h"),
    node("MatMul", "h w2", "y"),
]
FORMS = {"last step": LAST, "all steps": ALL, "both directions": BOTH}
SUM = node("ReduceSum", "i one", "c", keepdims=0)
TO_LENGTH = node("Cast", "c", "length", to=6)
KINDS: dict[str, list[onnx.NodeProto]] = {
    "INT64": [node("ReduceSum", "mask one", "c", keepdims=0), TO_LENGTH],
    "INT32": [node("ReduceSum", "mask one", "length", keepdims=0)],
    "FLOAT": [node("ReduceSum", "mask one", "c", keepdims=0), TO_LENGTH],
    "UINT8": [node("Cast", "mask", "i", to=7), SUM, TO_LENGTH],
    "BOOL": [node("Cast", "mask", "i", to=7), SUM, TO_LENGTH],
}


def ones_first(kind: str) -> np.ndarray:
    """Masks [SAMPLES, 1, T] of 2 to T ones."""
    counts = RNG.integers(2, T + 1, SAMPLES)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(onnx.TensorProto.DataType.Value(kind))
    return (np.arange(T) < counts[:, None])[:, None].astype(dtype)


def model_of(
    nodes: list[onnx.NodeProto], kinds: dict[str, str], **shapes: tuple[int, ...]
) -> onnx.ModelProto:
    model = graph(nodes, shapes, ["y"], WEIGHTS)
    for value in model.graph.input:
        kind = kinds.get(value.name, "FLOAT")
        value.type.tensor_type.elem_type = onnx.TensorProto.DataType.Value(kind)
    return model


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["INT64", "BOOL"])
def test_a_layer_runs_for_as_many_steps_as_a_mask_has_ones(
    kind: str, form: str, tmp_path: Path
) -> None:
    model = model_of([*KINDS[kind], *FORMS[form]], {"mask": kind}, x=(1, T, N), mask=(1, T))
    data = {"x": floats(SAMPLES, 1, T, N), "mask": ones_first(kind)}
    network = entire(model, tmp_path, data=data)
    assert any("as many steps as a mask has ones" in text for text in network.model.warnings)


@pytest.mark.parametrize("kind", ["INT32", "FLOAT", "UINT8"])
def test_a_mask_is_of_any_type(kind: str, tmp_path: Path) -> None:
    model = model_of([*KINDS[kind], *LAST], {"mask": kind}, x=(1, T, N), mask=(1, T))
    entire(model, tmp_path, data={"x": floats(SAMPLES, 1, T, N), "mask": ones_first(kind)})


def test_a_mask_of_padding_is_turned(tmp_path: Path) -> None:
    count = [node("Not", "mask", "k"), node("Cast", "k", "i", to=7), SUM, TO_LENGTH]
    model = model_of([*count, *LAST], {"mask": "BOOL"}, x=(1, T, N), mask=(1, T))
    entire(model, tmp_path, data={"x": floats(SAMPLES, 1, T, N), "mask": ~ones_first("BOOL")})


def test_a_mask_is_found_in_the_data(tmp_path: Path) -> None:
    nodes = [
        node("Equal", "x nil", "e"),
        node("Not", "e", "k"),
        node("Cast", "k", "f", to=1),
        node("ReduceMax", "f", "any", axes=[2], keepdims=0),
        node("Cast", "any", "i", to=6),
        node("ReduceSum", "i one", "length", keepdims=0),
    ]
    x = floats(SAMPLES, 1, T, N) * ones_first("FLOAT")[..., None]
    entire(model_of([*nodes, *LAST], {}, x=(1, T, N)), tmp_path, data={"x": x})


@pytest.mark.parametrize("table_first", [True, False])
def test_a_mask_is_found_in_ids(table_first: bool, tmp_path: Path) -> None:
    table = node("Gather", "E ids", "x")
    count = [
        node("Equal", "ids none", "e"),
        node("Not", "e", "k"),
        node("Cast", "k", "i", to=7),
        SUM,
        TO_LENGTH,
    ]
    nodes = [table, *count] if table_first else [*count, table]
    ids = RNG.integers(1, 20, (SAMPLES, 1, T)) * ones_first("INT64")
    model = model_of([*nodes, *LAST], {"ids": "INT64"}, ids=(1, T))
    network = entire(model, tmp_path, data={"ids": ids})
    assert network.model.inputs[0].limit == 20


@pytest.mark.parametrize("keep", [True, False])
def test_a_mask_chooses_or_multiplies(keep: bool, tmp_path: Path) -> None:
    chosen = node("Where", "u v nil", "z") if keep else node("Mul", "v f", "z")
    kind = "BOOL" if keep else "FLOAT"
    nodes = [
        TURNED,
        node("LSTM", "t W R B", "Y", hidden_size=H),
        node("Squeeze", "Y one", "s"),
        node("Transpose", "s", "v", perm=[1, 0, 2]),
        node("Unsqueeze", "mask two", "u"),
        node("Cast", "u", "f", to=1),
        chosen,
        node("ReduceSum", "z one", "q", keepdims=0),
        node("Cast", "mask", "g", to=1),
        node("ReduceSum", "g one", "c", keepdims=1),
        node("Div", "q c", "d"),
        node("MatMul", "d w", "y"),
    ]
    model = model_of(nodes, {"mask": kind}, x=(1, T, N), mask=(1, T))
    entire(model, tmp_path, data={"x": floats(SAMPLES, 1, T, N), "mask": ones_first(kind)})


def test_a_mask_chooses_of_the_input_itself(tmp_path: Path) -> None:
    """Of which nothing tells yet how many features it has: masked_fill."""
    nodes = [
        node("Unsqueeze", "mask two", "u"),
        node("Where", "u nil x", "z"),
        node("Transpose", "z", "t", perm=[1, 0, 2]),
        *LAST[1:],
    ]
    nodes[3].input.pop()  # no length
    model = model_of(nodes, {"mask": "BOOL"}, x=(1, T, N), mask=(1, T))
    path = saved(model, tmp_path)
    session = session_of(model)
    x, mask = floats(4, 1, T, N), RNG.random((4, 1, T)) < 0.3
    wanted = [session.run(["y"], {"x": a, "mask": b})[0] for a, b in zip(x, mask, strict=True)]
    real = lower_real(load(path))
    found = run_numpy(real, feed_of(real, {"x": x, "mask": mask.astype(float)}, stream=False))
    np.testing.assert_allclose(found.outputs["y"].reshape(4, 1, OUT), wanted, atol=1e-6)


def test_what_counts_steps_of_numbers_is_a_length_alone(tmp_path: Path) -> None:
    nodes = [
        *KINDS["FLOAT"],
        node("Cast", "length", "back", to=1),
        *LAST[:-1],
        node("MatMul", "h w", "d"),
        node("Mul", "d back", "y"),
    ]
    model = model_of(nodes, {}, x=(1, T, N), mask=(1, T))
    with pytest.raises(ModelError, match="Mul"):
        lstm_edge.load(saved(model, tmp_path))
