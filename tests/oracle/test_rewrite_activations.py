"""Functions written out become one operator each, which computes the same; near misses stay."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.oracle.compared import against_onnxruntime
from tests.oracle.graphs import graph, lstm_weights, node, saved
from tests.oracle.rewritten import assert_same

H, N, T = 5, 3, 4
X = {"x": (T, 1, N)}
START = [node("LSTM", "x W R B", "Y", hidden_size=H), node("Squeeze", "Y one", "s")]
NUMBERS = {
    "half": 0.5,
    "two": 2.0,
    "unit": 1.0,
    "three": 3.0,
    "six": 6.0,
    "sixth": 1.0 / 6.0,
    "none": 0.0,
    "root": math.sqrt(2.0),
    "inverse": math.sqrt(0.5),
    "outer": math.sqrt(2.0 / math.pi),
    "cubed": 0.044715,
    "both": 0.044715 * math.sqrt(2.0 / math.pi),
    "tiny": 1e-12,
    "small": 1e-3,
    "other": 0.6,
    "stretch": 3.0,
}
WEIGHTS = {
    **lstm_weights(N, H),
    "one": np.int64([1]),
    "last": np.int64([-1]),
    "over": np.int64([0]),
    **{name: np.float32(value) for name, value in NUMBERS.items()},
    "column": np.full((1, 1, 1, 1), 0.5, np.float32),
    "halves": np.full(H, 0.5, np.float32),
}
WIDE = [node("Mul", "s stretch", "y")]

ERF = [node("Div", "y root", "a"), node("Erf", "a", "e"), node("Add", "e unit", "g")]
CUBE = [node("Pow", "y three", "p"), node("Mul", "p cubed", "q"), node("Add", "y q", "b")]
TANH = [*CUBE, node("Mul", "b outer", "a"), node("Tanh", "a", "e"), node("Add", "unit e", "g")]
SIX = [node("Add", "y three", "a"), node("Clip", "a none six", "c")]
PLUS = [node("Exp", "y", "e"), node("Add", "e unit", "p"), node("Log", "p", "l")]
LENGTH = node("ReduceL2", "y last", "n")

FORMS: dict[str, tuple[str, list[onnx.NodeProto]]] = {
    "gelu by torch": ("Gelu", [*ERF, node("Mul", "y g", "m"), node("Mul", "m half", "z")]),
    "gelu halved first": ("Gelu", [*ERF, node("Mul", "y half", "m"), node("Mul", "m g", "z")]),
    "gelu halved inside": ("Gelu", [*ERF, node("Mul", "half g", "m"), node("Mul", "m y", "z")]),
    "gelu over two": ("Gelu", [*ERF, node("Mul", "g y", "m"), node("Div", "m two", "z")]),
    "gelu by a product": (
        "Gelu",
        [
            node("Mul", "inverse y", "a"),
            *ERF[1:],
            node("Mul", "g y", "m"),
            node("Mul", "half m", "z"),
        ],
    ),
    "gelu behind an identity": (
        "Gelu",
        [node("Identity", "y", "i"), *ERF, node("Mul", "i g", "m"), node("Mul", "m half", "z")],
    ),
    "gelu of halves": (
        "Gelu",
        [
            *ERF[:2],
            node("Mul", "e half", "h"),
            node("Add", "half h", "g"),
            node("Mul", "g y", "z"),
        ],
    ),
    "gelu by tanh": ("Gelu", [*TANH, node("Mul", "g y", "m"), node("Mul", "m half", "z")]),
    "gelu by tanh, squares": (
        "Gelu",
        [
            node("Mul", "y y", "p"),
            node("Mul", "p y", "c"),
            node("Mul", "cubed c", "q"),
            *TANH[2:],
            node("Mul", "y half", "m"),
            node("Mul", "g m", "z"),
        ],
    ),
    "gelu by tanh, factored": (
        "Gelu",
        [
            node("Mul", "y y", "p"),
            node("Mul", "p cubed", "q"),
            node("Add", "q unit", "r"),
            node("Mul", "y outer", "b"),
            node("Mul", "b r", "a"),
            *TANH[4:],
            node("Mul", "y half", "m"),
            node("Mul", "g m", "z"),
        ],
    ),
    "gelu by tanh, expanded": (
        "Gelu",
        [
            node("Pow", "y three", "p"),
            node("Mul", "both p", "q"),
            node("Mul", "y outer", "b"),
            node("Add", "b q", "a"),
            *TANH[4:],
            node("Mul", "y half", "m"),
            node("Mul", "g m", "z"),
        ],
    ),
    "hard swish by hard sigmoid": (
        "HardSwish",
        [node("HardSigmoid", "y", "h", alpha=1.0 / 6.0), node("Mul", "y h", "z")],
    ),
    "hard swish over six": (
        "HardSwish",
        [*SIX, node("Mul", "y c", "m"), node("Div", "m six", "z")],
    ),
    "hard swish by a sixth": (
        "HardSwish",
        [*SIX, node("Mul", "c sixth", "m"), node("Mul", "m y", "z")],
    ),
    "hard swish by min and max": (
        "HardSwish",
        [
            SIX[0],
            node("Max", "none a", "b"),
            node("Min", "b six", "c"),
            node("Div", "c six", "m"),
            node("Mul", "m y", "z"),
        ],
    ),
    "mish": ("Mish", [node("Softplus", "y", "p"), node("Tanh", "p", "t"), node("Mul", "y t", "z")]),
    "mish written out": ("Mish", [*PLUS, node("Tanh", "l", "t"), node("Mul", "t y", "z")]),
    "softplus": ("Softplus", [*PLUS, node("Tanh", "l", "z")]),
    "unit vector": ("LpNormalization", [LENGTH, node("Div", "y n", "z")]),
    "unit vector by a root": (
        "LpNormalization",
        [
            node("Mul", "y y", "q"),
            node("ReduceSum", "q last", "w"),
            node("Sqrt", "w", "n"),
            node("Div", "y n", "z"),
        ],
    ),
    "unit vector by torch": (
        "LpNormalization",
        [
            LENGTH,
            node("Clip", "n tiny -", "c"),
            node("Shape", "y", "k"),
            node("Expand", "c k", "e"),
            node("Div", "y e", "z"),
        ],
    ),
}


def model(nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    return graph([*START, *WIDE, *nodes], X, ["z"], WEIGHTS, opset=18)


@pytest.mark.parametrize("case", FORMS)
def test_a_function_written_out_becomes_its_operator(case: str, tmp_path: Path) -> None:
    op, nodes = FORMS[case]
    found = assert_same(saved(model(nodes), tmp_path))
    assert found[op] == 1
    assert not found.keys() & {"Erf", "Exp", "Clip", "HardSigmoid", "ReduceL2", "Pow"}


@pytest.mark.parametrize("case", ["gelu by torch", "gelu by tanh", "mish", "unit vector by torch"])
def test_what_is_compiled_computes_the_same(case: str, tmp_path: Path) -> None:
    against_onnxruntime(model(FORMS[case][1]), tmp_path)


STAY: dict[str, list[onnx.NodeProto]] = {
    "another factor": [*ERF, node("Mul", "y g", "m"), node("Mul", "m other", "z")],
    "another tensor": [*ERF, node("Mul", "s g", "m"), node("Mul", "m half", "z")],
    "another root": [
        node("Div", "y three", "a"),
        *ERF[1:],
        node("Mul", "y g", "m"),
        node("Mul", "m half", "z"),
    ],
    "a constant of more axes": [*ERF, node("Mul", "y g", "m"), node("Mul", "m column", "z")],
    "a vector of halves": [*ERF, node("Mul", "y g", "m"), node("Mul", "m halves", "z")],
    "another cube": [
        node("Pow", "y three", "p"),
        node("Mul", "p half", "q"),
        *TANH[2:],
        node("Mul", "g y", "m"),
        node("Mul", "m half", "z"),
    ],
    "another slope": [node("HardSigmoid", "y", "h"), node("Mul", "y h", "z")],
    "clipped elsewhere": [
        SIX[0],
        node("Clip", "a none three", "c"),
        node("Mul", "y c", "m"),
        node("Div", "m six", "z"),
    ],
    "swish of another tensor": [
        node("HardSigmoid", "s", "h", alpha=1.0 / 6.0),
        node("Mul", "y h", "z"),
    ],
    "mish of another tensor": [
        node("Softplus", "s", "p"),
        node("Tanh", "p", "t"),
        node("Mul", "y t", "z"),
    ],
    "log of two more": [
        node("Exp", "y", "e"),
        node("Add", "e two", "p"),
        node("Log", "p", "z"),
    ],
    "a length from somewhere on": [LENGTH, node("Clip", "n small", "c"), node("Div", "y c", "z")],
    "the length of another tensor": [
        node("ReduceL2", "s last", "n"),
        node("Div", "y n", "z"),
    ],
    "a length of the other sign": [LENGTH, node("Div", "n y", "z")],
}
MADE = ("Gelu", "HardSwish", "Mish", "LpNormalization")


@pytest.mark.parametrize("case", STAY)
def test_what_is_almost_one_stays(case: str, tmp_path: Path) -> None:
    found = assert_same(saved(model(STAY[case]), tmp_path))
    assert not any(found[op] for op in MADE)
    assert found["Softplus"] == ("mish" in case)


def test_what_is_read_elsewhere_stays_too(tmp_path: Path) -> None:
    _, nodes = FORMS["gelu by torch"]
    both = graph([*START, *WIDE, *nodes], X, ["z", "e"], WEIGHTS, opset=18)
    found = assert_same(saved(both, tmp_path))
    assert (found["Gelu"], found["Erf"]) == (1, 1)
