"""Features on several axes, as a forecast of some steps ahead, and what acts along one of them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.oracle.entire import SAMPLES, entire
from tests.oracle.graphs import graph, node

N, H, T = 3, 6, 8
AHEAD, OUT = 4, 2
RNG = np.random.default_rng(17)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.6)


WEIGHTS: dict[str, Any] = {
    "W": floats(1, 4 * H, N),
    "R": floats(1, 4 * H, H),
    "B": floats(1, 8 * H),
    "w": floats(H, AHEAD * N),
    "w1": floats(H, OUT),
    "grid": np.array([1, AHEAD, N]),
    "zero": np.array([0]),
    "one": np.array([1]),
    "two": np.array([2]),
    "last": np.array([-1]),
    "per feature": floats(N),
    "per step": floats(AHEAD, 1),
    "every": floats(AHEAD, N),
    "slopes": floats(N),
    "matrix": floats(N, 5),
    "turned": floats(OUT, H),
    "thrice": np.array([1, 1, 3]),
    "first": np.array([0, 0, 0]),
    "end": np.array([99, 99, N]),
}
WEIGHTS = {name.replace(" ", "_"): array for name, array in WEIGHTS.items()}
FORECAST = [
    node("LSTM", "x W R B", "Y Yh", hidden_size=H),
    node("Squeeze", "Yh zero", "h"),
    node("MatMul", "h w", "flat"),
    node("Reshape", "flat grid", "f"),
]
"""f [1, AHEAD, N]."""
ALONG: dict[str, list[onnx.NodeProto]] = {
    "a scale of each feature": [node("Mul", "f per_feature", "y")],
    "an offset of each step": [node("Add", "f per_step", "y")],
    "a constant of each number": [node("Sub", "f every", "y")],
    "both, turned": [
        node("Transpose", "f", "t", perm=[0, 2, 1]),
        node("Mul", "t r", "u"),
        node("Transpose", "u", "v", perm=[0, 2, 1]),
        node("Add", "v per_feature", "y"),
    ],
    "slopes": [node("PRelu", "f slopes", "y")],
    "the larger": [node("Max", "f per_step", "y")],
    "softmax of features": [node("Softmax", "f", "y", axis=2)],
    "softmax of steps": [node("Softmax", "f", "y", axis=1)],
    "logarithms": [node("LogSoftmax", "f", "y", axis=-1)],
    "a sum of steps": [node("ReduceSum", "f one", "y", keepdims=0)],
    "a mean of features": [node("ReduceMean", "f", "y", axes=[2], keepdims=1)],
    "the largest step": [node("ReduceMax", "f", "y", axes=[1], keepdims=0)],
    "the length of each step": [node("ReduceL2", "f", "y", axes=[-1], keepdims=0)],
    "sums so far": [node("CumSum", "f one_axis", "y")],
    "sums from here": [node("CumSum", "f one_axis", "y", reverse=1, exclusive=1)],
    "the last step added": [
        node("Slice", "x minus big zero", "s"),
        node("Transpose", "s", "l", perm=[1, 0, 2]),
        node("Add", "f l", "y"),
    ],
    "a number of each step added": [
        node("ReduceMean", "f", "m", axes=[2], keepdims=1),
        node("Sub", "f m", "y"),
    ],
}


def model_of(nodes: list[onnx.NodeProto], **more: Any) -> onnx.ModelProto:
    weights = WEIGHTS | {
        "one_axis": np.array(1),
        "minus": np.array([-1]),
        "big": np.array([99]),
        "r": WEIGHTS["per_step"].reshape(1, 1, AHEAD),
    }
    return graph(nodes, {"x": (T, 1, N)}, ["y"], weights | more)


@pytest.mark.parametrize("what", ALONG)
def test_a_forecast_of_some_steps_is_a_grid(what: str, tmp_path: Path) -> None:
    entire(model_of([*FORECAST, *ALONG[what]]), tmp_path, data={"x": floats(SAMPLES, T, 1, N)})


@pytest.mark.parametrize(
    ("axis", "exclusive", "reverse"), [*itertools.product((0, 2), (0, 1), (0, 1))]
)
def test_sums_so_far(axis: int, exclusive: int, reverse: int, tmp_path: Path) -> None:
    nodes = [
        node("CumSum", "x axis", "c", exclusive=exclusive, reverse=reverse),
        node("LSTM", "c W R B", "Y", hidden_size=H),
        node("Squeeze", "Y one", "y"),
    ]
    entire(model_of(nodes, axis=np.array(axis)), tmp_path, data={"x": floats(SAMPLES, T, 1, N)})


OTHERS: dict[str, list[onnx.NodeProto]] = {
    "Einsum": [
        node("LSTM", "x W R B", "Y Yh", hidden_size=H),
        node("Squeeze", "Y one", "s"),
        node("Einsum", "s turned", "y", equation="tbh,oh->bto"),
    ],
    "Einsum, the weights first": [
        node("LSTM", "x W R B", "Y Yh", hidden_size=H),
        node("Squeeze", "Yh zero", "h"),
        node("Einsum", "turned h", "y", equation="ij,bj->bi"),
    ],
    "Tile": [
        node("Tile", "x thrice", "three"),
        node("Slice", "three begin stop two", "q"),
        node("LSTM", "q W R B", "Y", hidden_size=H),
        node("Squeeze", "Y one", "y"),
    ],
    "no number": [
        node("IsNaN", "x", "n"),
        node("Where", "n nil x", "q"),
        node("LSTM", "q W R B", "Y", hidden_size=H),
        node("Squeeze", "Y one", "y"),
    ],
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_ways_to_write_what_is_known(what: str, tmp_path: Path) -> None:
    more = {"begin": np.array([2]), "stop": np.array([5]), "nil": np.float32(0)}
    model = model_of(OTHERS[what], **more)
    entire(model, tmp_path, data={"x": floats(SAMPLES, T, 1, N)})


@pytest.mark.parametrize("op", ["Sinh", "Cosh", "Tan", "Asinh", "Acosh", "Atanh"])
def test_hyperbolic_functions(op: str, tmp_path: Path) -> None:
    given = "p" if op == "Acosh" else "s"
    nodes = [
        node("LSTM", "x W R B", "Y", hidden_size=H),
        node("Squeeze", "Y one", "s"),
        node("Add", "s above", "p"),
        node(op, given, "z"),
        node("MatMul", "z w1", "y"),
    ]
    model = model_of(nodes, above=np.float32(2.5))
    entire(model, tmp_path, data={"x": floats(SAMPLES, T, 1, N)})


LATE: dict[str, list[onnx.NodeProto]] = {
    "the last three": [node("Slice", "s minus3 big zero", "z")],
    "their mean": [
        node("Slice", "s minus3 big zero", "q"),
        node("ReduceMean", "q", "z", axes=[0], keepdims=1),
    ],
    "the second of the last three": [
        node("Slice", "s minus3 big zero", "q"),
        node("Gather", "q one", "z", axis=0),
    ],
    "the first and the last": [
        node("Gather", "s zero", "a", axis=0),
        node("Gather", "s minus", "b", axis=0),
        node("Sub", "b a", "z"),
    ],
}


@pytest.mark.parametrize("what", LATE)
def test_last_steps_of_any_length(what: str, tmp_path: Path) -> None:
    nodes = [
        node("LSTM", "x W R B", "Y", hidden_size=H),
        node("Squeeze", "Y one", "s"),
        *LATE[what],
        node("MatMul", "z w1", "y"),
    ]
    weights = WEIGHTS | {
        "minus3": np.array([-3]),
        "minus": np.array([-1]),
        "big": np.array([2**31 - 1]),
    }
    model = graph(nodes, {"x": ("T", 1, N)}, ["y"], weights)
    network = entire(model, tmp_path, data={"x": floats(SAMPLES, 11, 1, N)})
    assert network.model.steps is None
