"""Nodes of old opsets in their newest form compute what they did, by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.frontend.onnx.file import read_onnx
from tests.oracle.graphs import graph, node, saved
from tests.oracle.rewritten import MODERN

SHAPE = (2, 3, 4)
X = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)

Case = tuple[int, onnx.NodeProto | list[onnx.NodeProto]]


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


CONSTANTS = {
    "one": ints(1),
    "last": ints(-1),
    "parts": ints(1, 3),
    "three": ints(3),
    "starts": ints(1, -2),
    "ends": ints(3, 2**31 - 1),
    "axes": ints(1, 2),
    "before": ints(0, 1, 0, 0, 0, 2),
    "half": np.float32(0.5),
    "low": np.float32(-0.3),
    "scales": np.float32([1, 2, 3]),
    "gain": np.float32([1.5, -2, 0.25]),
    "square": np.float32([4, 1, 0.3]),
    "where": np.int64([[[1, 0, 2, 1]], [[0, 2, 1, 0]]]),
    "what": np.float32([[[7, 8, 9, 6]], [[5, 4, 3, 2]]]),
    "nowhere": np.float32([]),
}

OLD: dict[str, Case] = {
    "Squeeze": (7, [node("Unsqueeze", "x", "u", axes=[0, 2]), node("Squeeze", "u", "y", axes=[2])]),
    "Squeeze of all": (
        7,
        [node("Unsqueeze", "x", "u", axes=[0, 2]), node("Squeeze", "u", "y")],
    ),
    "Split": (7, node("Split", "x", "y z", axis=2, split=[1, 3])),
    "Split in equal parts": (7, node("Split", "x", "y z", axis=2)),
    "Slice": (7, node("Slice", "x", "y", starts=[1, -2], ends=[3, 2**31 - 1], axes=[1, 2])),
    "Slice of first axes": (7, node("Slice", "x", "y", starts=[1, 0], ends=[2, 2])),
    "Pad": (7, node("Pad", "x", "y", pads=[0, 1, 0, 0, 0, 2], value=0.5)),
    "Pad with zeros": (7, node("Pad", "x", "y", pads=[0, 1, 0, 0, 0, 2])),
    "Pad with edges": (7, node("Pad", "x", "y", pads=[0, 1, 0, 0, 0, 2], mode="edge")),
    "Clip": (7, node("Clip", "x", "y", min=-0.3, max=0.5)),
    "Clip below": (7, node("Clip", "x", "y", max=0.5)),
    "Clip of nothing": (7, node("Clip", "x", "y", min=-float("inf"))),
    "Dropout": (7, node("Dropout", "x", "y", ratio=0.5)),
    "TopK": (7, node("TopK", "x", "y i", axis=1, k=2)),
    "Upsample": (7, node("Upsample", "x", "y", scales=[1.0, 2.0, 3.0])),
    "Upsample by an input": (9, node("Upsample", "x scales", "y")),
    "Upsample lines": (9, node("Upsample", "x scales", "y", mode="linear")),
    "Resize": (10, node("Resize", "x scales", "y")),
    "Scatter": (9, node("Scatter", "x where what", "y", axis=1)),
    "BatchNormalization": (
        7,
        node("BatchNormalization", "x gain gain gain square", "y", spatial=1),
    ),
    "ReduceSum": (7, node("ReduceSum", "x", "y", axes=[1, 2])),
    "ReduceSum of all": (11, node("ReduceSum", "x", "y", keepdims=0)),
    **{
        f"Reduce{kind}": (7, node(f"Reduce{kind}", "x", "y", axes=[1], keepdims=0))
        for kind in ["L1", "L2", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare"]
    },
    **{
        f"{op} from {axis}": (
            11 if axis < 0 else 7,
            node(op, "x", "y", axis=axis),
        )
        for op in ("Softmax", "LogSoftmax", "Hardmax")
        for axis in (0, 1, 2, -1, -2)
    },
    "Softmax": (7, node("Softmax", "x", "y")),
}

LAST: dict[str, Case] = {
    "Squeeze": (12, OLD["Squeeze"][1]),
    "Split": (12, OLD["Split"][1]),
    "Split in equal parts": (17, OLD["Split in equal parts"][1]),
    "Slice": (9, OLD["Slice"][1]),
    "Pad": (10, OLD["Pad"][1]),
    "Clip": (10, OLD["Clip"][1]),
    "Dropout": (11, OLD["Dropout"][1]),
    "TopK": (9, OLD["TopK"][1]),
    "Upsample": (8, OLD["Upsample"][1]),
    "BatchNormalization": (8, OLD["BatchNormalization"][1]),
    "ReduceSum": (12, OLD["ReduceSum"][1]),
    "ReduceMean": (17, OLD["ReduceMean"][1]),
    "ReduceL2": (17, OLD["ReduceL2"][1]),
    "Softmax": (12, OLD["Softmax"][1]),
}
"""The same at the last opset at which they had that form."""

NEW: dict[str, Case] = {
    "Squeeze": (13, [node("Unsqueeze", "x one", "u"), node("Squeeze", "u one", "y")]),
    "Split": (13, node("Split", "x parts", "y z", axis=2)),
    "Split in equal parts": (18, node("Split", "x", "y z", axis=2, num_outputs=2)),
    "Slice": (10, node("Slice", "x starts ends axes", "y")),
    "Pad": (11, node("Pad", "x before half", "y")),
    "Pad of some axes": (18, node("Pad", "x axes - one", "y")),
    "Clip": (11, node("Clip", "x low half", "y")),
    "Dropout": (12, node("Dropout", "x half", "y")),
    "TopK": (10, node("TopK", "x one", "y i", axis=1)),
    "Resize": (11, node("Resize", "x nowhere scales", "y")),
    "BatchNormalization": (9, node("BatchNormalization", "x gain gain gain square", "y")),
    "ReduceSum": (13, node("ReduceSum", "x axes", "y")),
    "ReduceMean": (18, node("ReduceMean", "x one", "y", keepdims=0)),
    "Softmax": (13, node("Softmax", "x", "y")),
    "Softmax from 1": (13, node("Softmax", "x", "y", axis=1)),
}
"""The newest form at its first opset: nothing changes."""

ALL = {
    f"{name} at {opset}": (opset, made)
    for cases in (OLD, LAST, NEW)
    for name, (opset, made) in cases.items()
}


def model_of(opset: int, made: onnx.NodeProto | list[onnx.NodeProto]) -> onnx.ModelProto:
    nodes = made if isinstance(made, list) else [made]
    read = {name for one in nodes for name in one.input}
    weights = {name: array for name, array in CONSTANTS.items() if name in read}
    outputs = [nodes[-1].output[0], *(name for name in nodes[-1].output[1:] if name == "z")]
    return graph(nodes, {"x": SHAPE}, outputs, weights, opset=opset)


def results(model: onnx.ModelProto, **feeds: Any) -> list[np.ndarray]:
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return list(session.run(None, feeds))


def modern(path: Path) -> onnx.ModelProto:
    """What a file became, stamped with an opset that onnxruntime knows."""
    opsets = [helper.make_opsetid("", MODERN)]
    return helper.make_model(read_onnx(path).proto(), opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("case", ALL)
def test_a_node_in_its_newest_form_computes_the_same(case: str, tmp_path: Path) -> None:
    model = model_of(*ALL[case])
    wanted = results(model, x=X)
    found = results(modern(saved(model, tmp_path)), x=X)
    for one, other in zip(wanted, found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("case", NEW)
def test_the_newest_form_stays(case: str, tmp_path: Path) -> None:
    model = model_of(*NEW[case])
    assert list(read_onnx(saved(model, tmp_path)).nodes) == list(model.graph.node)


def test_nodes_of_bodies_too(tmp_path: Path) -> None:
    inner = [
        node("Clip", "state", "c", min=-0.5, max=0.9),
        node("ReduceSum", "c", "s", axes=[1], keepdims=1),
        node("Softmax", "c", "p", axis=1),
        node("Add", "p s", "next"),
        node("Identity", "again", "on"),
    ]
    ports = [helper.make_tensor_value_info("k", TensorProto.INT64, [])]
    ports.append(helper.make_tensor_value_info("again", TensorProto.BOOL, []))
    ports.append(helper.make_tensor_value_info("state", TensorProto.FLOAT, SHAPE))
    ends = [helper.make_tensor_value_info("on", TensorProto.BOOL, [])]
    ends.append(helper.make_tensor_value_info("next", TensorProto.FLOAT, SHAPE))
    body = helper.make_graph(inner, "body", ports, ends)
    model = graph(
        [node("Loop", "three true x", "y", body=body)],
        {"x": SHAPE},
        ["y"],
        {"three": np.int64(3), "true": np.bool_(True)},
        opset=10,
    )
    wanted = results(model, x=X)[0]
    np.testing.assert_allclose(results(modern(saved(model, tmp_path)), x=X)[0], wanted, atol=1e-6)


def test_a_new_name_is_no_name_of_the_file(tmp_path: Path) -> None:
    nodes = [node("Add", "x y.axes", "a"), node("Squeeze", "a", "y", axes=[0])]
    taken = {"y.axes": np.float32(0.5)}
    model = graph(nodes, {"x": (1, 3)}, ["y"], taken, opset=11)
    x = X[0, :1, :3].copy()
    found = results(modern(saved(model, tmp_path)), x=x)
    np.testing.assert_array_equal(found[0], results(model, x=x)[0])


ADDS = helper.make_graph(
    [node("Neg", "i", "o")],
    "body",
    [helper.make_tensor_value_info("i", TensorProto.FLOAT, [4])],
    [helper.make_tensor_value_info("o", TensorProto.FLOAT, [4])],
)
REFUSED = {
    "spatial = 0": (node("BatchNormalization", "x a b c d", "y", spatial=0), 7, "spatial = 0"),
    "Scan": (node("Scan", "- x", "y", body=ADDS, num_scan_inputs=1), 8, "Scan of opset 8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_newest_form_is_refused_by_name(case: str, tmp_path: Path) -> None:
    made, opset, words = REFUSED[case]
    some = {name: np.ones((3, 4), np.float32) for name in "abcd"}
    path = saved(graph([made], {"x": SHAPE}, ["y"], CONSTANTS | some, opset=opset), tmp_path)
    with pytest.raises(ModelError, match=words):
        load(path)


def test_constants_of_a_body_stay_in_it(tmp_path: Path) -> None:
    test_nodes_of_bodies_too(tmp_path)
    (loop,) = read_onnx(tmp_path / "model.onnx").nodes
    stored = [numpy_helper.to_array(t).tolist() for t in loop.attribute[0].g.initializer]
    assert [np.round(v, 3) if isinstance(v, float) else v for v in stored] == [-0.5, 0.9, [1]]
