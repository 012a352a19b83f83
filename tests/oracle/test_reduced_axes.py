"""Reductions over several axes, over axes of size 1 alone, and over none, as ONNX defines them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from tests.oracle.graphs import graph, lstm_weights, node, saved
from tests.oracle.model_reference import run_model

T, N, UNITS = 6, 3, 4
KINDS = ("L1", "L2", "SumSquare", "LogSum", "LogSumExp", "Max", "Mean")
AXES = {"several": [1, 2], "single": [0], "all": [0, 1, 2], "none": []}


def agrees(model: onnx.ModelProto, feeds: dict[str, np.ndarray], folder: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    found = run_model(load(saved(model, folder)), feeds)
    for value, expected in zip(model.graph.output, wanted, strict=True):
        np.testing.assert_allclose(found[value.name], expected, atol=1e-4, err_msg=value.name)


def reduced(x: str, positive: str) -> tuple[list[onnx.NodeProto], list[str]]:
    """Each kind of reduction over axes of each kind; of a logarithm, of numbers above 0."""
    nodes, outputs = [], []
    for kind in KINDS:
        for axes, numbers in AXES.items():
            name = f"{kind}_{axes}"
            given = {} if numbers else {"noop_with_empty_axes": 1}
            read = f"{positive if kind == 'LogSum' else x} {axes}"
            nodes.append(node(f"Reduce{kind}", read, name, keepdims=1, **given))
            outputs.append(name)
    return nodes, outputs


def test_what_is_done_with_each_number_is_done_once(tmp_path: Path) -> None:
    nodes, outputs = reduced("h", "positive")
    layer = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("LSTM", "t W R B", "Y", hidden_size=UNITS),
        node("Squeeze", "Y second", "y"),
        node("Transpose", "y", "h", perm=[1, 0, 2]),
        node("Exp", "h", "positive"),
    ]
    known = {name: np.array(numbers, np.int64) for name, numbers in AXES.items()}
    weights = {**lstm_weights(N, UNITS), **known, "second": np.array([1])}
    model = graph([*layer, *nodes], {"x": [1, T, N]}, outputs, weights, opset=18)
    x = np.random.default_rng(1).normal(size=(1, T, N)).astype(np.float32)
    agrees(model, {"x": x}, tmp_path)


def unrolled(change: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """h = tanh(w x_t + r), of r that `change` makes of h at each step."""
    rng = np.random.default_rng(2)
    known: dict[str, np.ndarray] = {
        "w": rng.normal(size=(N, N)).astype(np.float32),
        "h0": np.full((1, N), -0.5, np.float32),
        "first": np.array([0]),
        **weights,
    }
    nodes = []
    for t in range(T):
        known[f"at{t}"] = np.array(t)
        nodes.append(node("Gather", f"x at{t}", f"x{t}"))
        for each in change:
            copy = onnx.NodeProto()
            copy.CopyFrom(each)
            own = [name if name in known else f"{name}{t}" for name in each.input]
            copy.input[:], copy.output[:] = own, [f"{name}{t}" for name in each.output]
            nodes.append(copy)
        nodes += [
            node("MatMul", f"x{t} w", f"p{t}"),
            node("Add", f"p{t} r{t}", f"s{t}"),
            node("Tanh", f"s{t}", f"h{t + 1}"),
            node("Unsqueeze", f"h{t + 1} first", f"u{t}"),
        ]
    nodes.append(node("Concat", " ".join(f"u{t}" for t in range(T)), "y", axis=0))
    return graph(nodes, {"x": [T, 1, N]}, ["y"], known, opset=18)


@pytest.mark.parametrize(
    "change",
    [
        [node("ReduceL1", "h none", "r", noop_with_empty_axes=1)],
        [
            node("Greater", "h zero", "positive"),
            node("Where", "positive h rows", "two"),
            node("ReduceSum", "two first", "r", keepdims=1),
        ],
        [
            node("Greater", "h zero", "positive"),
            node("Mul", "h tenth", "a"),
            node("Expand", "a shape", "b"),
            node("Where", "positive h b", "two"),
            node("ReduceSum", "two first", "r", keepdims=1),
        ],
    ],
    ids=["no axes", "a choice of more rows", "a slope of more rows"],
)
def test_steps_keep_what_is_repeated(change: list[onnx.NodeProto], tmp_path: Path) -> None:
    weights = {
        "zero": np.zeros((), np.float32),
        "tenth": np.array(0.1, np.float32),
        "rows": np.zeros((2, N), np.float32),
        "shape": np.array([2, N]),
        "none": np.zeros(0, np.int64),
    }
    x = np.random.default_rng(1).normal(size=(T, 1, N)).astype(np.float32)
    agrees(unrolled(change, weights), {"x": x}, tmp_path)
