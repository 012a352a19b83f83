"""Files that use all steps of a window together: normalized over steps and features, weights of
steps that a matrix over them makes, vectors repeated along features, windows as one vector.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from tests.oracle.compared import against_onnxruntime, difference
from tests.oracle.graphs import graph, node, saved

N, T, H = 6, 7, 5
RNG = np.random.default_rng(4)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.5)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


CONSTANTS = {
    **{"W": floats(1, 3 * H, N), "R": floats(1, 3 * H, H), "one": ints(1), "over": ints(1, 2)},
    **{"w": floats(N, 4), "to_n": floats(4, N), "over_steps": floats(T, T), "scores": floats(N, 1)},
    **{"gain": floats(T, N), "offset": floats(T, N), "ones": floats(3), "shift": floats(3)},
    **{"groups": ints(0, 3, -1), "channels": ints(1, N, T), "flat": ints(1, T * N)},
    **{"fc": floats(T * N, 4), "back": floats(4, T * N), "line": ints(1, T), "each": ints(1, N, T)},
    **{"first": ints(0), "second": ints(1), "last": ints(T - 1), "end": ints(T), "axis": ints(1)},
    "twice": ints(1, 2, 1),
    **{"two": ints(2), "copies": ints(1, 1, 3, 1)},
}
GRU = [
    node("Transpose", "s", "t", perm=[1, 0, 2]),
    node("GRU", "t W R", "y", hidden_size=H, linear_before_reset=1),
]
STEPS = [node("MatMul", "x w", "h"), node("MatMul", "h to_n", "s")]
GROUPS = [
    node("Reshape", "c groups", "g"),
    node("InstanceNormalization", "g ones shift", "n"),
    node("Reshape", "n channels", "cn"),
    node("Transpose", "cn", "s", perm=[0, 2, 1]),
    *GRU,
]

CASES: dict[str, list[onnx.NodeProto]] = {
    "groups of channels": [
        node("MatMul", "x w", "h"),
        node("MatMul", "h to_n", "v"),
        node("Transpose", "v", "c", perm=[0, 2, 1]),
        *GROUPS,
    ],
    "groups of an input's channels": [node("Transpose", "x", "c", perm=[0, 2, 1]), *GROUPS],
    "steps and features": [node("LayerNormalization", "x gain offset", "s", axis=1), *GRU],
    "weights that a matrix over steps makes": [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("GRU", "t W R", "Y", hidden_size=H, linear_before_reset=1),
        node("Squeeze", "Y one", "s"),
        node("Transpose", "s", "c", perm=[1, 2, 0]),
        node("MatMul", "c over_steps", "e"),
        node("Softmax", "e", "a", axis=2),
        node("Transpose", "a", "at", perm=[2, 0, 1]),
        node("Mul", "s at", "y"),
    ],
    "weights of steps repeated for each feature": [
        *STEPS,
        node("MatMul", "s scores", "e"),
        node("Reshape", "e line", "e0"),
        node("Softmax", "e0", "a", axis=1),
        node("Unsqueeze", "a one", "a1"),
        node("Expand", "a1 each", "every"),
        node("Transpose", "every", "at", perm=[0, 2, 1]),
        node("Mul", "s at", "weighed"),
        node("ReduceSum", "weighed one", "y", keepdims=0),
    ],
    "vectors of steps side by side": [
        *STEPS,
        node("Unsqueeze", "s two", "s4"),
        node("Tile", "s4 copies", "y"),
    ],
    "distance of a window from what is made of it": [
        node("Reshape", "x flat", "f"),
        node("MatMul", "f fc", "m"),
        node("Relu", "m", "r"),
        node("MatMul", "r back", "b"),
        node("Sub", "f b", "d"),
        node("ReduceL2", "d", "y", axes=[1]),
    ],
    "steps at the edges again": [
        node("Slice", "x first second axis", "b"),
        node("Tile", "b twice", "bb"),
        node("Slice", "x last end axis", "e"),
        node("Concat", "bb x e", "long", axis=1),
        node("Transpose", "long", "c", perm=[0, 2, 1]),
        node("AveragePool", "c", "m", kernel_shape=[4], strides=[1]),
        node("MatMul", "m over_steps", "y"),
    ],
    "the largest of all numbers beside each": [
        node("ReduceMax", "x", "m", axes=[1, 2]),
        node("Sub", "m one_", "floor"),
        node("Max", "x floor", "s"),
        *GRU,
    ],
    "how alike the weights of heads are": [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("GRU", "t W R", "Y", hidden_size=H, linear_before_reset=1),
        node("Squeeze", "Y one", "s"),
        node("Transpose", "s", "s1", perm=[1, 0, 2]),
        node("MatMul", "s1 heads", "e"),
        node("Softmax", "e", "a", axis=1),
        node("Transpose", "a", "at", perm=[0, 2, 1]),
        node("MatMul", "at a", "g"),
        node("ReduceSum", "g over", "y", keepdims=0),
    ],
    "parts of a grid of features of length 1": [
        *STEPS,
        node("ReduceSum", "s one", "m", keepdims=1),
        node("Reshape", "m three", "g"),
        node("LpNormalization", "g", "n", axis=2, p=2),
        node("Reshape", "n whole", "v"),
        node("MatMul", "v w", "y"),
    ],
}
CONSTANTS |= {"heads": floats(H, 3), "queries": floats(3, 1, N), "three_": ints(3)}
CONSTANTS |= {"wide": ints(N)}
CONSTANTS |= {"one_": floats(1), "three": ints(1, 3, 2), "whole": ints(1, N)}


@pytest.mark.parametrize("case", CASES)
def test_a_window_is_read_together(case: str, tmp_path: Path) -> None:
    path = saved(graph(CASES[case], {"x": [1, T, N]}, ["y"], CONSTANTS), tmp_path)
    assert difference(path, load(path)) < 1e-5


IMAGE = [
    node("Transpose", "n", "image", perm=[0, 3, 1, 2]),
    node("Conv", "image k2", "v", pads=[2, 1, 0, 1]),
    node("Transpose", "v", "t", perm=[2, 0, 1, 3]),
    node("Reshape", "t rows", "r"),
    node("GRU", "r W15 R", "y", hidden_size=H),
]
OTHERS: dict[str, tuple[tuple[int, ...], list[onnx.NodeProto]]] = {
    "steps first, four axes": (
        (T, 1, 2, 5),
        [
            node("ReduceMean", "x", "m", axes=[3]),
            node("Sub", "x m", "d"),
            node("Transpose", "d", "image", perm=[1, 2, 0, 3]),
            node("Conv", "image k2", "v", pads=[2, 1, 0, 1]),
            node("Transpose", "v", "y", perm=[2, 0, 1, 3]),
        ],
    ),
    "channels last": (
        (1, T, 5, 2),
        [node("LayerNormalization", "x of_places", "n", axis=2), *IMAGE],
    ),
    "channels last, without the mean over steps": (
        (1, T, 5, 2),
        [node("ReduceMean", "x", "m", axes=[1]), node("Sub", "x m", "n"), *IMAGE],
    ),
    "channels last, summed up along frequencies": (
        (1, T, 5, 2),
        [node("CumSum", "x two", "n"), *IMAGE],
    ),
    "groups of features as rows": (
        (1, T, 2 * N),
        [
            node("Reshape", "x by_group", "g"),
            node("Transpose", "g", "t", perm=[1, 0, 2, 3]),
            node("Reshape", "t as_rows", "r"),
            node("GRU", "r W R", "s", hidden_size=H, linear_before_reset=1),
            node("Reshape", "s shown", "q"),
            node("Reshape", "q vectors", "v"),
            node("MatMul", "v out", "o"),
            node("Mul", "o x", "y"),
        ],
    ),
}
CONSTANTS |= {"k2": floats(3, 2, 3, 3), "of_places": floats(5, 2), "rows": ints(T, 1, 15)}
CONSTANTS |= {"W15": floats(1, 3 * H, 15), "by_group": ints(1, T, 2, N), "out": floats(2 * H, 12)}
CONSTANTS |= {"as_rows": ints(T, 2, N), "shown": ints(T, 2, H), "vectors": ints(1, T, 2 * H)}


@pytest.mark.parametrize("case", OTHERS)
def test_axes_that_nothing_told_at_first(case: str, tmp_path: Path) -> None:
    shape, nodes = OTHERS[case]
    path = saved(graph(nodes, {"x": shape}, ["y"], CONSTANTS), tmp_path)
    loaded = load(path)
    assert (loaded.steps, loaded.inputs[0].shape) == (T, shape)
    assert difference(path, loaded) < 1e-5


def test_scores_of_steps_that_an_input_masks(tmp_path: Path) -> None:
    """Of which nothing tells yet how many numbers it has at each step."""
    nodes = [
        *STEPS,
        node("MatMul", "s scores", "e"),
        node("Reshape", "e line", "e0"),
        node("Less", "mask half", "left_out"),
        node("Where", "left_out low e0", "kept"),
        node("Softmax", "kept", "a", axis=1),
        node("Unsqueeze", "a one", "a1"),
        node("MatMul", "a1 s", "y"),
    ]
    more = CONSTANTS | {"half": np.float32(0.5), "low": np.float32(-9)}
    path = saved(graph(nodes, {"x": (1, T, N), "mask": (1, T)}, ["y"], more), tmp_path)
    assert difference(path, load(path)) < 1e-5


QUERIES: dict[str, list[onnx.NodeProto]] = {
    "one head": [
        node("Transpose", "q", "qb", perm=[1, 0, 2]),
        node("Transpose", "x", "c", perm=[0, 2, 1]),
        node("MatMul", "qb c", "e"),
        node("Softmax", "e", "a", axis=2),
        node("MatMul", "a x", "y"),
    ],
    "two heads among the rows": [
        node("Reshape", "q halves", "q2"),
        node("Transpose", "q2", "qb", perm=[1, 0, 2]),
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("Reshape", "t step_halves", "t2"),
        node("Transpose", "t2", "k", perm=[1, 2, 0]),
        node("Transpose", "t2", "v", perm=[1, 0, 2]),
        node("MatMul", "qb k", "e"),
        node("Softmax", "e", "a", axis=2),
        node("MatMul", "a v", "y"),
    ],
}
CONSTANTS |= {"halves": ints(3, -1, N // 2), "step_halves": ints(T, -1, N // 2)}


@pytest.mark.parametrize("case", QUERIES)
def test_queries_for_each_row_of_an_open_batch(case: str, tmp_path: Path) -> None:
    """Where nothing tells what the first axis is, one row is what the model is of."""
    nodes = [
        node("Shape", "x", "shape"),
        node("Slice", "shape first one first", "rows_"),
        node("Concat", "three_ rows_ wide", "wanted", axis=0),
        node("Expand", "queries wanted", "q"),
        *QUERIES[case],
    ]
    against_onnxruntime(graph(nodes, {"x": ("rows", T, N)}, ["y"], CONSTANTS), tmp_path)
