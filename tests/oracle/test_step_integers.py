"""Integers that a step reads: it computes with real numbers, which neither round nor wrap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.graphs import node, saved
from tests.oracle.model_reference import run_model

T, UNITS = 4, 3
CONSTANTS = {"three": np.int64(3), "byte": np.uint8(3)}


def loop(inner: onnx.NodeProto, kind: int) -> onnx.ModelProto:
    """h = tanh(W x_t + h + f), f what a node makes of integers k."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(size=(UNITS, UNITS)).astype(np.float32),
        "z": np.zeros((1, UNITS), np.float32),
        "T": np.int64(T),
        "on": np.bool_(True),
        **CONSTANTS,
    }
    steps = [
        inner,
        node("Cast", "q", "f", to=TensorProto.FLOAT),
        node("Gather", "x i", "xt"),
        node("MatMul", "xt w", "wx"),
        node("Sum", "wx h f", "s"),
        node("Tanh", "s", "new"),
        node("Identity", "new", "shown"),
        node("Identity", "c", "more"),
    ]
    told = helper.make_tensor_value_info
    shape = (1, UNITS)
    before = [told("i", TensorProto.INT64, ()), told("c", TensorProto.BOOL, ())]
    after = [told("more", TensorProto.BOOL, ()), told("new", TensorProto.FLOAT, shape)]
    body = helper.make_graph(
        steps,
        "step",
        [*before, told("h", TensorProto.FLOAT, shape)],
        [*after, told("shown", TensorProto.FLOAT, shape)],
    )
    return helper.make_model(
        helper.make_graph(
            [helper.make_node("Loop", ["T", "on", "z"], ["last", "y"], body=body)],
            "test",
            [told("x", TensorProto.FLOAT, (T, *shape)), told("k", kind, shape)],
            [told("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(a), name) for name, a in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        (node("Div", "k three", "q"), TensorProto.INT64),
        (node("ReduceMean", "k", "q", axes=[1]), TensorProto.INT64),
        (node("Sub", "k byte", "q"), TensorProto.UINT8),
    ],
)
def test_integers_that_are_rounded_or_wrap_are_refused(
    inner: onnx.NodeProto, kind: int, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=f"{inner.op_type} of u?int.*cast to float32"):
        load(saved(loop(inner, kind), tmp_path))


def test_integers_of_which_a_remainder_is_taken_are_read(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model = loop(node("Mod", "k three", "q"), TensorProto.INT64)
    rng = np.random.default_rng(1)
    feeds = {
        "x": rng.normal(size=(T, 1, UNITS)).astype(np.float32),
        "k": np.array([[-4, 7, 2]]),
    }
    loaded = load(saved(model, tmp_path))
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    np.testing.assert_allclose(run_model(loaded, feeds)["y"], expected, atol=1e-5)
