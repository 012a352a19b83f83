"""Files in which a vector of the whole sequence is used at each step: decoders, gates, scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import lstm_edge
from lstm_edge.errors import ModelError
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.entire import entire
from tests.oracle.graphs import graph, node, saved

N, H, T, OUT, U = 3, 5, 8, 2, 4
RNG = np.random.default_rng(14)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.6)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


CONSTANTS = {
    **{"W": floats(1, 3 * H, N), "R": floats(1, 3 * H, H), "B": floats(1, 6 * H)},
    **{"dW": floats(1, 4 * H, H), "dR": floats(1, 4 * H, H), "dB": floats(1, 8 * H)},
    **{"wo": floats(H, OUT), "wg": floats(H, H), "ws": floats(H, 1), "wu": floats(U, H)},
    **{
        "wn": floats(H, N),
        "wh": floats(H, 2),
        "wo2": floats(2 * H, OUT),
        "gain": floats(N),
        "shift": floats(N),
    },
    **{"zero": ints(0), "one": ints(1), "two": ints(2), "all": ints(-1), "again": ints(1, T, 1)},
    **{"halves": np.full(T, 0.5, np.float32), "thirds": np.full(T, 1 / 3, np.float32)},
    **{"five": ints(1, 5, 1), "x0": np.full((6, 1, N), 0.5, np.float32), "flat": ints(1, 2 * H)},
}
GRU = [
    node("Transpose", "x", "t", perm=[1, 0, 2]),
    node("GRU", "t W R B", "Y Yh", hidden_size=H, linear_before_reset=1),
    node("Squeeze", "Y one", "s0"),
    node("Transpose", "s0", "s", perm=[1, 0, 2]),
    node("Squeeze", "Yh zero", "h"),
    node("Unsqueeze", "h one", "q"),
]
DECODER = [
    node("Transpose", "p", "pt", perm=[1, 0, 2]),
    node("LSTM", "pt dW dR dB", "Z", hidden_size=H),
    node("Squeeze", "Z one", "z0"),
    node("Transpose", "z0", "z", perm=[1, 0, 2]),
    node("MatMul", "z wo", "y"),
]
BEGUN = "GRU {} W R B  Yh"
POOLED = [node("Squeeze", "c one", "c0"), node("MatMul", "c0 wo", "y")]
SCORES = [node("MatMul", "s ws", "e"), node("Softmax", "e", "a", axis=1)]

CASES: dict[str, list[onnx.NodeProto]] = {
    "Tile": [*GRU, node("Tile", "q again", "p"), *DECODER],
    "Expand to another length": [*GRU, node("Expand", "q five", "p"), *DECODER],
    "error of a decoder": [
        *GRU,
        node("Tile", "q again", "p"),
        *DECODER[:-1],
        node("MatMul", "z wn", "r"),
        node("Sub", "r x", "e"),
        node("Mul", "e e", "e2"),
        node("ReduceMean", "e2", "y", axes=[1, 2], keepdims=0),
    ],
    "first state": [
        *GRU,
        onnx.helper.make_node("GRU", ["t", "W", "R", "B", "", "Yh"], ["Z"], hidden_size=H),
        node("Squeeze", "Z one", "z0"),
        node("MatMul", "z0 wo", "y"),
    ],
    "fed constants": [
        *GRU,
        onnx.helper.make_node(
            "GRU",
            ["x0", "W", "R", "B", "", "Yh"],
            ["Z"],
            hidden_size=H,
            linear_before_reset=1,
        ),
        node("Squeeze", "Z one", "z0"),
        node("MatMul", "z0 wo", "y"),
    ],
    "gate of the mean": [
        *GRU,
        onnx.helper.make_node("ReduceMean", ["s"], ["m"], axes=[1], keepdims=1),
        node("MatMul", "m wg", "g0"),
        node("Sigmoid", "g0", "g"),
        node("Mul", "s g", "w"),
        node("MatMul", "w wo", "y"),
    ],
    "weights of steps by MatMul": [
        *GRU,
        *SCORES,
        node("Transpose", "a", "at", perm=[0, 2, 1]),
        node("MatMul", "at s", "c"),
        *POOLED,
    ],
    "weights of steps by Mul": [
        *GRU,
        *SCORES,
        node("Mul", "s a", "w"),
        node("ReduceSum", "w one", "c"),
        *POOLED,
    ],
    "two weights of each step": [
        *GRU,
        node("MatMul", "s wh", "e"),
        node("Softmax", "e", "a", axis=1),
        node("Transpose", "a", "at", perm=[0, 2, 1]),
        node("MatMul", "at s", "c"),
        node("Reshape", "c flat", "c0"),
        node("MatMul", "c0 wo2", "y"),
    ],
    "scores by a query": [
        *GRU,
        node("Transpose", "q", "qt", perm=[0, 2, 1]),
        node("MatMul", "s qt", "e"),
        node("LogSoftmax", "e", "y", axis=1),
    ],
    "Einsum": [
        *GRU,
        node("Einsum", "s h", "e", equation="bth,bh->bt"),
        node("Softmax", "e", "a", axis=1),
        node("Einsum", "a s", "c0", equation="bt,bth->bh"),
        node("MatMul", "c0 wo", "y"),
    ],
    "InstanceNormalization": [
        node("Transpose", "x", "xt", perm=[0, 2, 1]),
        node("InstanceNormalization", "xt gain shift", "n"),
        node("Transpose", "n", "t", perm=[2, 0, 1]),
        *GRU[1:4],
        node("MatMul", "s wo", "y"),
    ],
    "normalized over time with one scale": [
        node("Transpose", "x", "c", perm=[0, 2, 1]),
        node("LayerNormalization", "c halves thirds", "n", axis=-1),
        node("Transpose", "n", "t", perm=[2, 0, 1]),
        *GRU[1:4],
        node("MatMul", "s wo", "y"),
    ],
    "first step from all": [
        node("Slice", "x zero one one", "f"),
        node("Sub", "x f", "d"),
        node("Transpose", "d", "t", perm=[1, 0, 2]),
        *GRU[1:4],
        node("MatMul", "s wo", "y"),
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_a_vector_at_each_step(name: str, tmp_path: Path) -> None:
    entire(graph(CASES[name], {"x": [1, T, N]}, ["y"], CONSTANTS), tmp_path, least=34.0)


STATIC: dict[str, list[onnx.NodeProto]] = {
    "added": [
        *GRU,
        node("MatMul", "u wu", "b0"),
        node("Unsqueeze", "b0 one", "b"),
        node("Add", "s b", "w"),
        node("MatMul", "w wo", "y"),
    ],
    "first state": [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("MatMul", "u wu", "b0"),
        node("Tanh", "b0", "b1"),
        node("Unsqueeze", "b1 zero", "b"),
        onnx.helper.make_node("GRU", ["t", "W", "R", "B", "", "b"], ["Y"], hidden_size=H),
        node("Squeeze", "Y one", "s"),
        node("MatMul", "s wo", "y"),
    ],
}


@pytest.mark.parametrize("name", STATIC)
def test_a_vector_that_is_an_input(name: str, tmp_path: Path) -> None:
    inputs = {"x": [1, T, N], "u": [1, U]}
    network = entire(graph(STATIC[name], inputs, ["y"], CONSTANTS), tmp_path, least=34.0)
    assert network.inputs["u"] == (1, U)


def test_static_features_that_are_added_stream(tmp_path: Path) -> None:
    """What an input gives is there from the first step on: nothing waits for the last."""
    path = saved(
        graph(STATIC["added"], {"x": [1, "n", N], "u": [1, U]}, ["y"], CONSTANTS), tmp_path
    )
    x, u = RNG.normal(size=(20, 1, T, N)), RNG.normal(size=(20, 1, U))
    data = {"x": x.astype(np.float32), "u": u.astype(np.float32)}
    network = lstm_edge.load(path)
    compiled = lstm_edge.compile(network, target="cortex-m4", calibration=data)
    assert lower_real(network.model).streams
    assert compiled.compare({name: a[:3] for name, a in data.items()}, on="host").ok


def test_another_length_of_the_input_is_none_of_the_decoder(tmp_path: Path) -> None:
    """The file says how many steps it makes; only by chance these are as many as it reads."""
    repeated = [*GRU, node("Tile", "q again", "p"), *DECODER]
    path = saved(graph(repeated, {"x": [1, T, N]}, ["y"], CONSTANTS), tmp_path)
    longer = lstm_edge.load(path, steps=T + 3)
    assert (longer.inputs["x"], longer.outputs["y"]) == ((1, T + 3, N), (1, T, OUT))


REFUSED = {
    "an equation with a trace": (
        [*GRU, node("Einsum", "s h", "y", equation="btt,bh->bt")],
        "is no product",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, tmp_path: Path) -> None:
    nodes, words = REFUSED[name]
    with pytest.raises(ModelError, match=words):
        lstm_edge.load(saved(graph(nodes, {"x": [1, T, N]}, ["y"], CONSTANTS), tmp_path))
