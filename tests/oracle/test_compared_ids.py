"""Ids compared with numbers that have more axes than they: ONNX puts axes of one in front."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from lstm_edge.frontend import load
from tests.oracle.graphs import node, saved
from tests.oracle.model_reference import run_model

T, KINDS, UNITS = 6, 5, 3


@pytest.mark.parametrize(
    "without",
    [
        [node("Squeeze", "e zero", "s")],
        [
            node("Transpose", "e", "t", perm=[1, 0, 2, 3]),
            node("ReduceSum", "t one", "s", keepdims=0),
        ],
    ],
    ids=["first", "turned"],
)
def test_ids_compared_with_numbers_of_more_axes(without: list[NodeProto], tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(0)
    weights = {
        "last": np.int64([-1]),
        "zero": np.int64([0]),
        "one": np.int64([1]),
        "table": np.arange(KINDS).reshape(1, 1, 1, KINDS),
        "w": rng.normal(size=(KINDS, 4)).astype(np.float32),
        "W": rng.normal(size=(1, 4 * UNITS, 4)).astype(np.float32),
        "R": rng.normal(size=(1, 4 * UNITS, UNITS)).astype(np.float32),
    }
    nodes = [
        node("Unsqueeze", "k last", "u"),
        node("Equal", "u table", "b"),
        node("Cast", "b", "e", to=TensorProto.FLOAT),
        *without,
        node("MatMul", "s w", "m"),
        node("Transpose", "m", "tm", perm=[1, 0, 2]),
        node("LSTM", "tm W R", "Y h", hidden_size=UNITS),
    ]
    told = helper.make_tensor_value_info
    made = helper.make_graph(
        nodes,
        "test",
        [told("k", TensorProto.INT64, (1, T))],
        [told("h", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, name) for name, a in weights.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    feeds = {"k": rng.integers(0, KINDS, (1, T))}
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    found = run_model(load(saved(model, tmp_path)), feeds)["h"]
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-5)
