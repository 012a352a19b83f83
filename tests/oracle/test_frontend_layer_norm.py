"""LayerNormalization, as one node and written out, and what is almost one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_edge.ir.model import Layer, is_a
from tests.oracle.compared import against_onnxruntime
from tests.oracle.graphs import graph, lstm_weights, node, saved
from tests.oracle.norm_graphs import LSTM, WEIGHTS, H, N, T, X, floats, loaded, names, refused
from tests.oracle.rewritten import assert_same

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


def test_layer_normalization_of_steps_and_features(tmp_path: Path) -> None:
    one = node("LayerNormalization", "y both", "z", axis=1)
    loaded([one], "z", tmp_path, both=floats(T, H))


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
ROOT = [SUM, node("Sqrt", "p", "r")]
INVERSE = [*VARIANCE, *ROOT, node("Reciprocal", "r", "i")]
SCALED = [node("Mul", "n gain", "g"), node("Add", "g offset", "z")]
DIVIDED = [*ROOT, node("Div", "d r", "z")]
DIVIDED_AND_SCALED = [*ROOT, node("Div", "d r", "n"), *SCALED]
PRODUCTS = [node("Mul", "y k", "yk"), node("Mul", "m k", "mk")]

WRITTEN_OUT = {
    "torch": [*VARIANCE, *DIVIDED_AND_SCALED],
    "torch_bare": [*VARIANCE, *DIVIDED],
    "torch_old_with_two_differences": [
        *VARIANCE,
        *ROOT,
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
        *ROOT,
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
    assert is_a(layer, Layer)
    assert layer.op.cell.results["y"].value == np.float32(1e-3)


def test_axes_of_reduce_mean_are_an_input_from_opset_18_on(tmp_path: Path) -> None:
    nodes = [
        node("ReduceMean", "y last", "m"),
        DISTANCE,
        SQUARE,
        node("ReduceMean", "q last", "v"),
        *DIVIDED_AND_SCALED,
        node("MatMul", "z w", "f"),
    ]
    assert names(loaded(nodes, "f", tmp_path, opset=18)) == ["lstm", "layer_norm", "fc"]


ALMOST = {
    "other_mean": [
        node("ReduceMean", "x", "m", axes=[-1]),
        *VARIANCE[1:],
        *DIVIDED,
    ],
    "two_axes": [
        MEAN,
        DISTANCE,
        SQUARE,
        node("ReduceMean", "q", "v", axes=[1, 2]),
        *DIVIDED,
    ],
    "other_axis": [
        node("ReduceMean", "y", "m", axes=[1]),
        *VARIANCE[1:],
        *DIVIDED,
    ],
    "other_distance": [
        *VARIANCE,
        *ROOT,
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
        *DIVIDED,
    ],
}


@pytest.mark.parametrize("case", ALMOST)
def test_what_is_almost_a_layer_norm_stays(case: str, tmp_path: Path) -> None:
    model = graph([*LSTM, *ALMOST[case]], X, ["z"], WEIGHTS | {"three": np.float32(3)}, opset=16)
    assert not assert_same(saved(model, tmp_path))["LayerNormalization"]


REFUSED = {
    "outputs": (node("LayerNormalization", "y gain offset", "z mu"), "'mu'"),
    "stash": (node("LayerNormalization", "y gain", "z", stash_type=10), "stash_type = 10"),
    "scale": (node("LayerNormalization", "y b", "z"), "Scale is"),
    "epsilon": (node("LayerNormalization", "y gain", "z", epsilon=-1.0), "epsilon"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_normalization_is_refused_by_name(case: str, tmp_path: Path) -> None:
    one, words = REFUSED[case]
    assert words in refused([one], "z", tmp_path, both=floats(T, H))
