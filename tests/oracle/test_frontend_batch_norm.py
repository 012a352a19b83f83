"""BatchNormalization, and constants that no weights take: layers that scale, or none at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.compared import against_onnxruntime
from tests.oracle.graphs import graph, node, saved
from tests.oracle.norm_graphs import WEIGHTS, H, N, T, floats, loaded, names, refused

BN = "gain offset mean variance"
BATCH_NORMS = {
    "after_transposing_to_channels_first": (
        [
            node("Transpose", "y", "c", perm=[0, 2, 1]),
            node("BatchNormalization", f"c {BN}", "n"),
            node("Transpose", "n", "t", perm=[0, 2, 1]),
            node("MatMul", "t w", "z"),
        ],
        ["lstm", "fc"],
    ),
    "of_the_last_step": (
        [
            node("Gather", "y last0", "g", axis=1),
            node("BatchNormalization", f"g {BN}", "n", epsilon=1e-2),
            node("Gemm", "n w b", "z"),
        ],
        ["lstm", "last", "fc"],
    ),
    "then_an_output": (
        [
            node("Transpose", "y", "c", perm=[0, 2, 1]),
            node("BatchNormalization", f"c {BN}", "z"),
        ],
        ["lstm", "scale"],
    ),
    "then_relu_and_a_concat": (
        [
            node("Transpose", "y", "c", perm=[0, 2, 1]),
            node("BatchNormalization", f"c {BN}", "n"),
            node("Relu", "n", "r"),
            node("Concat", "n r", "z", axis=1),
        ],
        ["lstm", "scale", "relu", "join"],
    ),
    "after_a_dense_layer": (
        [
            node("Gather", "y last0", "g", axis=1),
            node("Gemm", "g square", "f"),
            node("BatchNormalization", f"f {BN}", "n"),
            node("Tanh", "n", "z"),
        ],
        ["lstm", "last", "fc", "tanh"],
    ),
    "then_layer_norm": (
        [
            node("Gather", "y last0", "g", axis=1),
            node("BatchNormalization", f"g {BN}", "n"),
            node("LayerNormalization", "n gain offset", "z"),
        ],
        ["lstm", "last", "scale", "layer_norm"],
    ),
}


@pytest.mark.parametrize("case", BATCH_NORMS)
def test_batch_normalization(case: str, tmp_path: Path) -> None:
    nodes, layers = BATCH_NORMS[case]
    weights = {"last0": np.int64(-1), "square": floats(H, H)}
    assert names(loaded(nodes, "z", tmp_path, **weights)) == layers


REFUSED = {
    "training": (node("BatchNormalization", f"y {BN}", "z a c", training_mode=1), "training"),
    "channels": (node("BatchNormalization", f"y {BN}", "z"), "expected"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_normalization_is_refused_by_name(case: str, tmp_path: Path) -> None:
    one, words = REFUSED[case]
    assert words in refused([one], "z", tmp_path)


@pytest.mark.parametrize("opset", [7, 8, 9, 14, 15, 20])
def test_batch_normalization_before_the_first_layer(opset: int, tmp_path: Path) -> None:
    nodes = [
        node("Transpose", "x", "c", perm=[1, 2, 0]),
        node("BatchNormalization", "c g o m v", "n"),
        node("Transpose", "n", "t", perm=[2, 0, 1]),
        node("LSTM", "t W R B", "Y", hidden_size=H),
    ]
    more = {"g": floats(N), "o": floats(N), "m": floats(N), "v": np.abs(floats(N)) + 0.1}
    model = graph(nodes, {"x": (T, 1, N)}, ["Y"], WEIGHTS | more, opset=opset)
    assert names(against_onnxruntime(model, tmp_path)) == ["lstm"]


ALONE = {
    "number_before_a_function": [node("Mul", "y half", "n"), node("Tanh", "n", "z")],
    "vector_before_a_function": [
        node("Mul", "y gain", "n"),
        node("Add", "n offset", "k"),
        node("Sigmoid", "k", "z"),
    ],
    "before_an_output": [node("Sub", "offset y", "z")],
    "before_a_residual_sum": [node("Mul", "y gain", "n"), node("Add", "n y", "z")],
    "before_softmax": [node("Div", "y half", "n"), node("Softmax", "n", "z")],
    "by_channel": [
        node("Transpose", "y", "c", perm=[0, 2, 1]),
        node("Mul", "c column", "n"),
        node("LeakyRelu", "n", "z"),
    ],
    "dead_features_and_large_offsets": [
        node("Mul", "y some", "n"),
        node("Add", "n large", "k"),
        node("Relu", "k", "z"),
    ],
}


@pytest.mark.parametrize("case", ALONE)
def test_a_constant_that_no_weights_take_is_a_layer(case: str, tmp_path: Path) -> None:
    some = floats(H) * np.float32([0, 1, 0, 1, 1])
    large = np.float32([100, 100, -70, 3, 0])
    model = loaded(ALONE[case], "z", tmp_path, some=some, large=large)
    assert names(model).count("scale") == 1


def test_a_layer_of_constants_is_made_once_for_all_that_read_it(tmp_path: Path) -> None:
    nodes = [
        node("Mul", "y gain", "n"),
        node("Relu", "n", "r"),
        node("Tanh", "n", "t"),
        node("Add", "r t", "z"),
    ]
    assert names(loaded(nodes, "z", tmp_path)) == ["lstm", "scale", "relu", "tanh", "add"]


def test_a_mean_far_from_zero_is_taken_off_before_the_first_layer(tmp_path: Path) -> None:
    """In float32, x - 1000 is exact; W x and a bias of a thousand times W are not."""
    far = np.float32([1000, -3000, 0])
    nodes = [
        node("Sub", "x far", "a"),
        node("Div", "a std", "n"),
        node("LSTM", "n W R B", "Y", hidden_size=H),
    ]
    weights = WEIGHTS | {"far": far, "std": np.float32([0.5, 20, 3])}
    model = graph(nodes, {"x": (T, 1, N)}, ["Y"], weights)
    found = load(saved(model, tmp_path))
    assert names(found) == ["scale", "lstm"]
    onnxruntime = pytest.importorskip("onnxruntime")
    x = (floats(T, 1, N) * weights["std"] + far).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    expected = session.run(["Y"], {"x": x})[0]
    ours, _ = run(lower_real(found), {"x": x.reshape(1, T, N)})
    np.testing.assert_allclose(ours["Y"].reshape(expected.shape), expected, atol=1e-6)
