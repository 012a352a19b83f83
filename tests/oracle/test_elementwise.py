"""What acts on each number, or on all features of a vector: every operator, through everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.oracle.entire import SAMPLES, entire
from tests.oracle.graphs import graph, node, side_by_side

N, H, T, OUT = 4, 6, 7, 3
MOST = 8
"""Functions in a file."""
RNG = np.random.default_rng(5)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.5)


CONSTANTS = {
    "W": floats(1, 4 * H, N),
    "R": floats(1, 4 * H, H),
    "B": floats(1, 8 * H),
    "w": floats(H, OUT),
    "b": floats(OUT),
    "axis": np.array([1]),
    "half": np.float32(0.5),
    "third": np.float32(1 / 3),
    "two": np.float32(2),
    "three": np.float32(3),
    "minus": np.float32(-1.5),
    "small": np.float32(0.05),
    "slopes": floats(H),
    "levels": floats(H) * np.float32(0.3),
    "last": np.array([-1]),
    "turned": np.array([3, 0, 2, 1]),
    "picked": np.array([5, 0, 0, 2, 4]),
    "w5": floats(5, OUT),
    "root2": np.float32(np.sqrt(2)),
    "one": np.float32(1),
    "w1": floats(1, OUT),
}
LSTM = [node("LSTM", "x W R B", "Y", hidden_size=H), node("Squeeze", "Y axis", "s")]
"""s [T, 1, H]; behind it z, which a dense layer makes y of."""
HEAD = [node("MatMul", "z w", "d"), node("Add", "d b", "y")]
POSITIVE = [node("Mul", "s s", "q"), node("Add", "q small", "p")]

FUNCTIONS: dict[str, list[onnx.NodeProto]] = {
    **{
        op: [node(op, "s", "z")]
        for op in (
            *("Abs", "Cos", "Erf", "Exp", "HardSwish", "Mish", "Neg", "Selu", "Sign", "Sin"),
            *("Celu", "Elu", "Softplus", "LeakyRelu"),
        )
    },
    "Selu of its own": [node("Selu", "s", "z", alpha=1.2, gamma=0.7)],
    "Celu of its own": [node("Celu", "s", "z", alpha=0.4)],
    "Gelu": [node("Gelu", "s", "z")],
    "Gelu by tanh": [node("Gelu", "s", "z", approximate="tanh")],
    "Gelu written out": [
        node("Div", "s root2", "a"),
        node("Erf", "a", "e"),
        node("Add", "e one", "f"),
        node("Mul", "s f", "g"),
        node("Mul", "g half", "z"),
    ],
    "swish written out": [node("Sigmoid", "s", "e"), node("Mul", "s e", "z")],
    "PRelu": [node("PRelu", "s slopes", "z")],
    "PRelu of one slope": [node("PRelu", "s half", "z")],
    "Log": [*POSITIVE, node("Log", "p", "z")],
    "Sqrt": [*POSITIVE, node("Sqrt", "p", "z")],
    "Reciprocal": [*POSITIVE, node("Add", "p half", "r"), node("Reciprocal", "r", "z")],
    "square": [node("Pow", "s two", "z")],
    "cube": [node("Pow", "s three", "z")],
    "root by Pow": [*POSITIVE, node("Pow", "p half", "z")],
    "third power": [*POSITIVE, node("Add", "p half", "r"), node("Pow", "r third", "z")],
    "negative power": [*POSITIVE, node("Add", "p half", "r"), node("Pow", "r minus", "z")],
    "power of a base": [node("Pow", "two s", "z")],
    "quotient": [*POSITIVE, node("Add", "p half", "r"), node("Div", "s r", "z")],
    "constant by data": [*POSITIVE, node("Add", "p half", "r"), node("Div", "levels r", "z")],
    "Max with a constant": [node("Max", "s levels", "z")],
    "Min with a number": [node("Min", "small s", "z")],
    "Max of three": [node("Neg", "s", "m"), node("Tanh", "s", "t"), node("Max", "s m t", "z")],
    "Min of two": [node("Abs", "s", "m"), node("Min", "m s", "z")],
    "Where": [node("Greater", "s small", "c"), node("Where", "c s levels", "z")],
    "Where of data": [
        node("Neg", "s", "m"),
        node("LessOrEqual", "s levels", "c"),
        node("Where", "c s m", "z"),
    ],
    "step function": [node("Less", "small s", "c"), node("Cast", "c", "z", to=1)],
    "logic": [
        node("GreaterOrEqual", "s small", "a"),
        node("Less", "s half", "b2"),
        node("And", "a b2", "c"),
        node("Not", "c", "d2"),
        node("Where", "d2 s half", "z"),
    ],
    "Floor": [node("Div", "s small", "a"), node("Floor", "a", "z")],
    "Ceil": [node("Mul", "s three", "a"), node("Ceil", "a", "z")],
    "Round": [node("Mul", "s three", "a"), node("Round", "a", "e"), node("Div", "e three", "z")],
    "cast to integers and back": [
        node("Div", "s small", "a"),
        node("Cast", "a", "i", to=7),
        node("Cast", "i", "z", to=1),
    ],
    "Mod": [node("Mod", "s third", "z", fmod=1)],
    "Mod by feature": [node("Abs", "levels", "m"), node("Mod", "s m", "z", fmod=1)],
    "remainder written out": [
        node("Div", "s third", "a"),
        node("Floor", "a", "e"),
        node("Mul", "e third", "f"),
        node("Sub", "s f", "z"),
    ],
    "permuted": [node("Gather", "s picked", "v", axis=2)],
}


def function_model(case: str) -> onnx.ModelProto:
    """A dense layer of a function of an LSTM's results."""
    head = [node("MatMul", "v w5", "y")] if case == "permuted" else HEAD
    opset = 20 if "Gelu" in case else 18 if case == "Mish" else 17
    nodes = [*LSTM, *FUNCTIONS[case], *head]
    return graph(nodes, {"x": (T, 1, N)}, ["y"], CONSTANTS, opset=opset)


JUMPS = (
    *("step function", "logic", "Sign", "Floor", "Ceil"),
    *("cast to integers and back", "Round", "Mod", "Mod by feature", "remainder written out"),
)
"""The smallest error becomes a large one."""
CLOSE = ("Where",)
"""So near to the least that is asked that its bits must be chosen for it alone."""


def groups() -> list[tuple[str, ...]]:
    """Functions that may be in one file: of one opset, and as exact as each other."""
    found: dict[tuple[int, bool, bool], list[str]] = {}
    for case in FUNCTIONS:
        opset = function_model(case).opset_import[0].version
        found.setdefault((opset, case in JUMPS, case in CLOSE), []).append(case)
    return [
        tuple(cases[k : k + MOST]) for cases in found.values() for k in range(0, len(cases), MOST)
    ]


@pytest.mark.parametrize("cases", groups(), ids=", ".join)
def test_functions_of_each_number(cases: tuple[str, ...], tmp_path: Path) -> None:
    least = 15.0 if set(cases) <= set(JUMPS) else 30.0
    entire(side_by_side([function_model(case) for case in cases]), tmp_path, least=least)


REDUCTIONS = ("Max", "Min", "L1", "L2", "SumSquare", "LogSumExp", "Sum", "Mean")


def reduction_model(axis: str, reduction: str) -> onnx.ModelProto:
    """A dense layer of what an LSTM's results are reduced to."""
    k = 2 if axis == "features" else 0
    inputs, given = ("s k", {}) if reduction == "Sum" else ("s", {"axes": [k]})
    nodes = [*LSTM, node(f"Reduce{reduction}", inputs, "z", **given)]
    nodes.append(node("MatMul", "z w1" if axis == "features" else "z w", "y"))
    return graph(nodes, {"x": (T, 1, N)}, ["y"], CONSTANTS | {"k": np.array([k])})


@pytest.mark.parametrize("axis", ["features", "steps"])
def test_reductions(axis: str, tmp_path: Path) -> None:
    entire(side_by_side([reduction_model(axis, each) for each in REDUCTIONS]), tmp_path)


NORMS: dict[str, list[onnx.NodeProto]] = {
    "LpNormalization": [node("LpNormalization", "s", "z")],
    "of order 1": [node("LpNormalization", "s", "z", axis=2, p=1)],
    "written out": [
        node("ReduceL2", "s", "n", axes=[2], keepdims=1),
        node("Clip", "n small", "c"),
        node("Div", "s c", "z"),
    ],
    "by the largest": [
        node("Abs", "s", "a"),
        node("ReduceMax", "a", "n", axes=[2], keepdims=1),
        node("Add", "n small", "c"),
        node("Div", "s c", "z"),
    ],
    "less its mean": [
        node("ReduceMean", "s", "n", axes=[2], keepdims=1),
        node("Sub", "s n", "z"),
    ],
}


def norm_model(case: str) -> onnx.ModelProto:
    """A dense layer of an LSTM's results, which are normalized."""
    return graph([*LSTM, *NORMS[case], *HEAD], {"x": (T, 1, N)}, ["y"], CONSTANTS)


def test_vectors_are_normalized(tmp_path: Path) -> None:
    entire(side_by_side([norm_model(case) for case in NORMS]), tmp_path)


@pytest.mark.parametrize("norm", ["L1", "L2", "MAX"])
def test_normalizer_and_scaler_of_the_ml_domain(norm: str, tmp_path: Path) -> None:
    ml: dict[str, Any] = {"domain": "ai.onnx.ml"}
    scaler = {"offset": [0.5, -1.0, 0.2, 0.0], "scale": [2.0, 0.5, 1.0, 3.0]}
    of = "p" if norm == "MAX" else "e"  # where the largest number may be 0, its inverse has no end
    nodes = [
        onnx.helper.make_node("Scaler", ["x2"], ["e"], **scaler, **ml),
        node("Abs", "e", "a"),
        node("Add", "a half", "p"),
        onnx.helper.make_node("Normalizer", [of], ["f"], norm=norm, **ml),
        node("Unsqueeze", "f axis", "g"),
        node("LSTM", "g W R B", "Y", hidden_size=H),
    ]
    model = graph(nodes, {"x2": (T, N)}, ["Y"], CONSTANTS)
    model.opset_import.append(onnx.helper.make_opsetid("ai.onnx.ml", 3))
    entire(model, tmp_path)


def test_reconstruction_error(tmp_path: Path) -> None:
    nodes = [
        *LSTM,
        node("MatMul", "s wn", "r"),
        node("Sub", "r x", "e"),
        node("Mul", "e e", "q"),
        node("ReduceMean", "q", "each", axes=[2], keepdims=0),
        node("ReduceMean", "q", "whole", axes=[0, 2], keepdims=0),
    ]
    constants = CONSTANTS | {"wn": floats(H, N)}
    entire(graph(nodes, {"x": (T, 1, N)}, ["each", "whole"], constants), tmp_path)


FEATURES: dict[str, list[onnx.NodeProto]] = {
    "magnitude": [
        node("Pow", "x two", "q"),
        node("ReduceSum", "q last", "r", keepdims=1),
        node("Sqrt", "r", "m"),
        node("Concat", "x m", "f", axis=-1),
    ],
    "other order": [node("Gather", "x turned", "o", axis=2), node("Concat", "o x", "f", axis=2)],
    "sine and cosine": [
        node("Sin", "x", "a"),
        node("Cos", "x", "c"),
        node("Concat", "a c x", "f", axis=2),
    ],
    "logarithm of magnitudes": [
        node("Abs", "x", "a"),
        node("Add", "a one", "p"),
        node("Log", "p", "l"),
        node("Concat", "l x", "f", axis=2),
    ],
}


@pytest.mark.parametrize("case", FEATURES)
def test_features_are_made_of_the_input(case: str, tmp_path: Path) -> None:
    count = {"magnitude": N + 1, "sine and cosine": 3 * N}.get(case, 2 * N)
    weights = {"fW": floats(1, 4 * H, count), "fR": CONSTANTS["R"]}
    nodes = [*FEATURES[case], node("LSTM", "f fW fR", "- Yh", hidden_size=H)]
    entire(graph(nodes, {"x": (T, 1, N)}, ["Yh"], CONSTANTS | weights), tmp_path)


@pytest.mark.parametrize("kind", ["INT8", "UINT8", "INT16", "UINT16", "INT32"])
def test_integers_of_an_input_are_data(kind: str, tmp_path: Path) -> None:
    dtype = onnx.helper.tensor_dtype_to_np_dtype(onnx.TensorProto.DataType.Value(kind))
    nodes = [
        node("Cast", "x", "f", to=1),
        node("Sub", "f zero", "c"),
        node("Div", "c full", "g"),
        node("LSTM", "g W R B", "Y", hidden_size=H),
    ]
    bounds = np.iinfo(dtype)
    low, high = max(bounds.min, -40000), min(bounds.max, 40000)
    more = {"zero": np.float32((low + high) // 2), "full": np.float32((high - low) / 4)}
    model = graph(nodes, {"x": (T, 1, N)}, ["Y"], CONSTANTS | more)
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DataType.Value(kind)
    data = RNG.integers(low, high, (SAMPLES, T, 1, N)).astype(dtype)
    entire(model, tmp_path, data={"x": data})
