"""LayerNormalization, written out or not, BatchNormalization, and constants that stand alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.ir.model import Layer, Model
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.graphs import graph, lstm_weights, node, saved
from tests.oracle.test_frontend_operators import against_onnxruntime

N, H, T = 3, 5, 7
X = {"x": (1, T, N)}
RNG = np.random.default_rng(11)

LSTM = [
    node("Transpose", "x", "xt", perm=[1, 0, 2]),
    node("LSTM", "xt W R B", "Y Yh", hidden_size=H),
    node("Squeeze", "Y one", "s"),
    node("Transpose", "s", "y", perm=[1, 0, 2]),
]
"""x [1, T, N] -> y [1, T, H], Yh [1, 1, H]."""


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


WEIGHTS = {
    **lstm_weights(N, H),
    "one": ints(1),
    "last": ints(-1),
    "two": np.float32(2.0),
    "unit": np.float32(1.0),
    "half": np.float32(0.5),
    "minus_half": np.float32(-0.5),
    "eps": np.float32(1e-3),
    "gain": floats(H) + 1,
    "offset": floats(H),
    "w": floats(H, 4),
    "b": floats(4),
    "mean": floats(H) * 0.3,
    "variance": np.abs(floats(H)) + 0.1,
    "column": floats(H, 1),
}


def loaded(
    nodes: list[onnx.NodeProto], output: str, tmp_path: Path, opset: int = 17, **more: np.ndarray
) -> Model:
    model = graph([*LSTM, *nodes], X, [output], WEIGHTS | more, opset=opset)
    return against_onnxruntime(model, tmp_path)


def names(model: Model) -> list[str]:
    return [n.name.rstrip("0123456789") for n in model.nodes]


def refused(nodes: list[onnx.NodeProto], output: str, tmp_path: Path, opset: int = 17) -> str:
    with pytest.raises(ModelError) as caught:
        load(saved(graph([*LSTM, *nodes], X, [output], WEIGHTS, opset=opset), tmp_path))
    return str(caught.value)


LAYER_NORMS = {
    "plain": [node("LayerNormalization", "y gain offset", "z")],
    "no_bias": [node("LayerNormalization", "y gain", "z", epsilon=1e-2)],
    "axis_2": [node("LayerNormalization", "y gain offset", "z", axis=2, stash_type=1)],
    "then_dense": [
        node("LayerNormalization", "y gain offset", "n", epsilon=1e-3),
        node("MatMul", "n w", "m"),
        node("Add", "m b", "z"),
    ],
    "then_relu": [node("LayerNormalization", "y gain offset", "n"), node("Relu", "n", "z")],
    "of_the_last_state": [node("LayerNormalization", "Yh gain offset", "z")],
    "of_the_last_step": [
        node("Gather", "y last", "g", axis=1),
        node("LayerNormalization", "g gain offset", "z"),
    ],
    "of_features_and_an_axis_of_one": [node("LayerNormalization", "Yh row", "z", axis=1)],
}


@pytest.mark.parametrize("case", LAYER_NORMS)
def test_layer_normalization(case: str, tmp_path: Path) -> None:
    model = loaded(LAYER_NORMS[case], "z", tmp_path, row=floats(1, H))
    assert "layer_norm" in names(model)


def test_layer_normalization_before_the_first_layer_and_between_two(tmp_path: Path) -> None:
    nodes = [
        node("LayerNormalization", "x first", "n"),
        node("LSTM", "n W R B", "Y", hidden_size=H),
        node("Squeeze", "Y one", "s"),
        node("LayerNormalization", "s gain offset", "m"),
        node("GRU", "m kW kR kB", "Z", hidden_size=4),
        node("Squeeze", "Z one", "t"),
        node("LayerNormalization", "t four four", "z"),
    ]
    weights = WEIGHTS | lstm_weights(H, 4, 3, "k") | {"first": floats(N), "four": floats(4)}
    weights["kW"], weights["kR"], weights["kB"] = floats(1, 12, H), floats(1, 12, 4), floats(1, 24)
    model = against_onnxruntime(graph(nodes, {"x": (T, 1, N)}, ["z"], weights), tmp_path)
    assert names(model) == ["layer_norm", "lstm", "layer_norm", "gru", "layer_norm"]


MEAN = node("ReduceMean", "y", "m", axes=[-1])
DISTANCE = node("Sub", "y m", "d")
SQUARE = node("Pow", "d two", "q")
VARIANCE = [MEAN, DISTANCE, SQUARE, node("ReduceMean", "q", "v", axes=[-1])]
SUM = node("Add", "v eps", "p")
INVERSE = [*VARIANCE, SUM, node("Sqrt", "p", "r"), node("Reciprocal", "r", "i")]
SCALED = [node("Mul", "n gain", "g"), node("Add", "g offset", "z")]
PRODUCTS = [node("Mul", "y k", "yk"), node("Mul", "m k", "mk")]

WRITTEN_OUT = {
    "torch": [*VARIANCE, SUM, node("Sqrt", "p", "r"), node("Div", "d r", "n"), *SCALED],
    "torch_bare": [*VARIANCE, SUM, node("Sqrt", "p", "r"), node("Div", "d r", "z")],
    "torch_old_with_two_differences": [
        *VARIANCE,
        SUM,
        node("Sqrt", "p", "r"),
        node("ReduceMean", "y", "m2", axes=[2]),
        node("Sub", "y m", "d2"),
        node("Div", "d2 r", "n"),
        *SCALED,
    ],
    "squares_by_mul": [
        MEAN,
        DISTANCE,
        node("Mul", "d d", "q"),
        VARIANCE[3],
        node("Add", "eps v", "p"),
        node("Pow", "p half", "r"),
        node("Div", "d r", "n"),
        node("Mul", "gain n", "g"),
        node("Add", "offset g", "z"),
    ],
    "inverse_root": [*INVERSE, node("Mul", "d i", "n"), *SCALED],
    "one_over_root": [*INVERSE[:-1], node("Div", "unit r", "i"), node("Mul", "i d", "n"), *SCALED],
    "power_of_minus_half": [
        *VARIANCE,
        SUM,
        node("Pow", "p minus_half", "i"),
        node("Mul", "d i", "n"),
        *SCALED,
    ],
    "gain_in_the_root": [
        *INVERSE,
        node("Mul", "i gain", "k"),
        node("Mul", "d k", "g"),
        node("Add", "g offset", "z"),
    ],
    "keras_sub": [
        *INVERSE,
        node("Mul", "i gain", "k"),
        *PRODUCTS,
        node("Sub", "offset mk", "o"),
        node("Add", "yk o", "z"),
    ],
    "keras_neg": [
        *INVERSE,
        node("Mul", "i gain", "k"),
        node("Neg", "m", "mm"),
        node("Mul", "mm k", "mk"),
        node("Add", "mk offset", "o"),
        node("Mul", "y k", "yk"),
        node("Add", "o yk", "z"),
    ],
    "keras_without_gain": [
        *INVERSE,
        node("Mul", "y i", "yk"),
        node("Mul", "m i", "mk"),
        node("Neg", "mk", "mm"),
        node("Add", "yk mm", "z"),
    ],
    "mean_of_squares": [
        MEAN,
        node("Mul", "y y", "yy"),
        node("ReduceMean", "yy", "e", axes=[-1]),
        node("Mul", "m m", "q"),
        node("Sub", "e q", "v"),
        SUM,
        node("Sqrt", "p", "r"),
        DISTANCE,
        node("Div", "d r", "n"),
        *SCALED,
    ],
}


@pytest.mark.parametrize("opset", [11, 13, 16])
@pytest.mark.parametrize("case", WRITTEN_OUT)
def test_layer_normalization_written_out(case: str, opset: int, tmp_path: Path) -> None:
    nodes = WRITTEN_OUT[case]
    lstm = LSTM if opset > 12 else [*LSTM[:2], node("Squeeze", "Y", "s", axes=[1]), LSTM[3]]
    model = graph([*lstm, *nodes], X, ["z"], WEIGHTS, opset=opset)
    found = against_onnxruntime(model, tmp_path)
    assert names(found) in (["lstm", "layer_norm"], ["lstm", "layer_norm", "scale"])
    layer = next(n for n in found.nodes if n.name == "layer_norm")
    assert isinstance(layer, Layer)
    assert layer.cell.results["y"].value == np.float32(1e-3)


def test_axes_of_reduce_mean_are_an_input_from_opset_18_on(tmp_path: Path) -> None:
    nodes = [
        node("ReduceMean", "y last", "m"),
        DISTANCE,
        SQUARE,
        node("ReduceMean", "q last", "v"),
        SUM,
        node("Sqrt", "p", "r"),
        node("Div", "d r", "n"),
        *SCALED,
        node("MatMul", "z w", "f"),
    ]
    assert names(loaded(nodes, "f", tmp_path, opset=18)) == ["lstm", "layer_norm", "fc"]


def test_a_written_out_norm_over_time_is_refused_by_name(tmp_path: Path) -> None:
    nodes = [
        node("ReduceMean", "y", "m", axes=[1]),
        DISTANCE,
        SQUARE,
        node("ReduceMean", "q", "v", axes=[1]),
        SUM,
        node("Sqrt", "p", "r"),
        node("Div", "d r", "z"),
    ]
    assert "'z'" in refused(nodes, "z", tmp_path)


ALMOST = {
    "other_mean": [
        node("ReduceMean", "x", "m", axes=[-1]),
        *VARIANCE[1:],
        SUM,
        node("Sqrt", "p", "r"),
        node("Div", "d r", "z"),
    ],
    "two_axes": [
        MEAN,
        DISTANCE,
        SQUARE,
        node("ReduceMean", "q", "v", axes=[1, 2]),
        SUM,
        node("Sqrt", "p", "r"),
        node("Div", "d r", "z"),
    ],
    "other_axis": [
        node("ReduceMean", "y", "m", axes=[1]),
        *VARIANCE[1:],
        SUM,
        node("Sqrt", "p", "r"),
        node("Div", "d r", "z"),
    ],
    "other_distance": [
        *VARIANCE,
        SUM,
        node("Sqrt", "p", "r"),
        node("ReduceMean", "y", "m2", axes=[1]),
        node("Sub", "y m2", "d2"),
        node("Div", "d2 r", "z"),
    ],
    "sum_without_the_mean": [*INVERSE, node("Mul", "y i", "k"), node("Add", "k offset", "z")],
    "no_root": [*VARIANCE, SUM, node("Div", "d p", "z")],
    "cube": [
        MEAN,
        DISTANCE,
        node("Pow", "d three", "q"),
        VARIANCE[3],
        SUM,
        node("Sqrt", "p", "r"),
        node("Div", "d r", "z"),
    ],
}


@pytest.mark.parametrize("case", ALMOST)
def test_what_is_almost_a_layer_norm_is_refused(case: str, tmp_path: Path) -> None:
    model = graph([*LSTM, *ALMOST[case]], X, ["z"], WEIGHTS | {"three": np.float32(3)}, opset=16)
    with pytest.raises(ModelError, match=r"^Sub of 'd2?': .* the shapes differ.*nn\.LayerNorm"):
        load(saved(model, tmp_path))


REFUSED = {
    "outputs": (node("LayerNormalization", "y gain offset", "z mu"), "'mu'"),
    "stash": (node("LayerNormalization", "y gain", "z", stash_type=10), "stash_type = 10"),
    "axis": (node("LayerNormalization", "y both", "z", axis=1), "axis = 1"),
    "scale": (node("LayerNormalization", "y b", "z"), "Scale is"),
    "epsilon": (node("LayerNormalization", "y gain", "z", epsilon=-1.0), "epsilon"),
    "training": (
        node("BatchNormalization", "y gain offset mean variance", "z a c", training_mode=1),
        "training",
    ),
    "channels": (node("BatchNormalization", "y gain offset mean variance", "z"), "expected"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_normalization_is_refused_by_name(case: str, tmp_path: Path) -> None:
    one, words = REFUSED[case]
    weights = WEIGHTS | {"both": floats(T, H)}
    with pytest.raises(ModelError) as caught:
        load(saved(graph([*LSTM, one], X, ["z"], weights), tmp_path))
    assert words in str(caught.value)


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
