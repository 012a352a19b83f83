"""Rows sorted by length before a layer and put back behind it: one row is computed as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.passes.lower_real import lower_real

STEPS, FEATURES, UNITS = 7, 3, 5


def graph(
    also: tuple[onnx.NodeProto, ...] = (), outputs: tuple[str, ...] = (), axis: int = 0
) -> onnx.ModelProto:
    """x sorted by lens, an LSTM over it, its states put back; as torch 2 writes it."""
    rng = np.random.default_rng(0)
    shapes = {"W": (1, 4 * UNITS, FEATURES), "R": (1, 4 * UNITS, UNITS), "B": (1, 8 * UNITS)}
    constants = {n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}
    constants |= {"last": np.int64([-1]), "zero": np.int64(0), "one": np.int64(1)}
    constants["table"] = rng.normal(size=(9, 2)).astype(np.float32)
    node, zero = helper.make_node, helper.make_tensor("", TensorProto.INT64, [1], [0])
    nodes = [
        node("Shape", ["lens"], ["lens_shape"]),
        node("Gather", ["lens_shape", "last"], ["rows"]),
        node("TopK", ["lens", "rows"], ["sorted", "order"], axis=-1),
        node("Gather", ["x", "order"], ["x_sorted"], axis=axis),
        node("Transpose", ["x_sorted"], ["x_steps"], perm=[1, 0, 2]),
        node("Cast", ["sorted"], ["lengths"], to=TensorProto.INT32),
        node("LSTM", ["x_steps", "W", "R", "B", "lengths"], ["", "h"], hidden_size=UNITS),
        node("Shape", ["order"], ["order_shape"]),
        node("ConstantOfShape", ["order_shape"], ["zeros"], value=zero),
        node("Squeeze", ["rows"], ["count"]),
        node("Range", ["zero", "count", "one"], ["numbers"]),
        node("ScatterElements", ["zeros", "order", "numbers"], ["back"], axis=0),
        node("Gather", ["h", "back"], ["y"], axis=1),
        *also,
    ]
    info = helper.make_tensor_value_info
    return helper.make_model(
        helper.make_graph(
            nodes,
            "sorted",
            [info("x", 1, ["batch", STEPS, FEATURES]), info("lens", 7, ["batch"])],
            [info("y", 1, None), *(info(name, 1, None) for name in outputs)],
            [numpy_helper.from_array(a, name) for name, a in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def test_each_row_is_computed_as_in_any_batch(tmp_path: Path) -> None:
    model = graph()
    onnx.save(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    rng = np.random.default_rng(1)
    x, lens = rng.normal(size=(4, STEPS, FEATURES)).astype(np.float32), np.int64([3, 7, 1, 5])
    (expected,) = session.run(["y"], {"x": x, "lens": lens})
    program = lower_real(load(tmp_path / "m.onnx"))
    feed = feed_of(program, {"x": x[:, None], "lens": lens[:, None]}, stream=False)
    found = run_numpy(program, feed).outputs["y"]
    np.testing.assert_allclose(found.reshape(4, UNITS), expected[0], atol=1e-5)


OTHERS = {
    "a_table_is_read_by_rank": helper.make_node("Gather", ["table", "order"], ["z"]),
    "the_order_is_a_result": helper.make_node("Cast", ["order"], ["z"], to=TensorProto.FLOAT),
}


@pytest.mark.parametrize("case", OTHERS)
def test_an_order_that_is_read_otherwise_is_refused(case: str, tmp_path: Path) -> None:
    onnx.save(graph((OTHERS[case],), ("z",)), tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="TopK"):
        load(tmp_path / "m.onnx")


def test_an_order_of_steps_is_refused(tmp_path: Path) -> None:
    onnx.save(graph(axis=1), tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="batch"):
        load(tmp_path / "m.onnx")


def test_integers_that_are_no_lengths_stay_sorted(tmp_path: Path) -> None:
    model = graph()
    lstm = next(n for n in model.graph.node if n.op_type == "LSTM")
    del lstm.input[4]
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="TopK"):
        load(tmp_path / "m.onnx")
