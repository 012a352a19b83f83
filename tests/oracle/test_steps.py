"""Some steps of a sequence: single ones, ranges, every n-th, lists, of layers and of inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.oracle.entire import entire
from tests.oracle.graphs import graph, node, side_by_side
from tests.oracle.in_float import in_float

N, H, T, OUT = 3, 5, 9, 2
RNG = np.random.default_rng(11)
END = 2**63 - 1


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.5)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


CONSTANTS = {
    "W": floats(1, 3 * H, N),
    "R": floats(1, 3 * H, H),
    "B": floats(1, 6 * H),
    "bW": floats(2, 4 * H, N),
    "bR": floats(2, 4 * H, H),
    "bB": floats(2, 8 * H),
    "sW": floats(1, 4 * OUT, H),
    "sR": floats(1, 4 * OUT, OUT),
    "xW": floats(1, 4 * H, N),
    "xR": floats(1, 4 * H, H),
    "wo": floats(H, OUT),
    "w2o": floats(2 * H, OUT),
    "wn": floats(N, OUT),
    "one": ints(1),
    "zero": ints(0),
    "row": ints(1, -1),
    "ways": ints(0, 0, -1),
}
GRU = [
    node("Transpose", "x", "t", perm=[1, 0, 2]),
    node("GRU", "t W R B", "Y Yh", hidden_size=H, linear_before_reset=1),
    node("Squeeze", "Y one", "s0"),
    node("Transpose", "s0", "s", perm=[1, 0, 2]),
]
BOTH = [
    node("Transpose", "x", "t", perm=[1, 0, 2]),
    node("LSTM", "t bW bR bB", "Y", hidden_size=H, direction="bidirectional"),
    node("Transpose", "Y", "s0", perm=[2, 0, 1, 3]),
    node("Reshape", "s0 ways", "s"),
]
HEAD = node("MatMul", "p wo", "y")


def slicing(x: str, y: str, start: int, end: int, step: int = 1, axis: int = 1) -> tuple:
    """A Slice node and its constants."""
    names = {"b": start, "e": end, "a": axis, "k": step}
    constants = {f"{y}_{k}": ints(v) for k, v in names.items()}
    return node("Slice", " ".join([x, *constants]), y), constants


RANGES = {
    "from the second": (1, END, 1),
    "but the last": (0, -1, 1),
    "but the last three": (0, -3, 1),
    "the last four": (-4, END, 1),
    "in the middle": (2, 7, 1),
    "every second": (0, END, 2),
    "every second from the second": (1, END, 2),
    "every third but the last": (1, -1, 3),
    "backward": (-1, -END, -1),
    "two backward": (4, 2, -1),
}


def range_model(case: str) -> onnx.ModelProto:
    """A dense layer of some steps of a GRU."""
    cut, constants = slicing("s", "p", *RANGES[case])
    return graph([*GRU, cut, HEAD], {"x": (1, T, N)}, ["y"], CONSTANTS | constants)


@pytest.mark.parametrize("case", RANGES)
def test_range_of_steps_of_a_layer(case: str, tmp_path: Path) -> None:
    entire(range_model(case), tmp_path)


@pytest.mark.parametrize("case", RANGES)
def test_range_of_steps_flattened(case: str, tmp_path: Path) -> None:
    start, end, step = RANGES[case]
    cut, constants = slicing("s", "p", start, end, step)
    wide = {"wide": floats(len(range(T)[start:end:step]) * H, OUT) * np.float32(0.5)}
    nodes = [*GRU, cut, node("Flatten", "p", "f", axis=1), node("MatMul", "f wide", "y")]
    entire(graph(nodes, {"x": (1, T, N)}, ["y"], CONSTANTS | constants | wide), tmp_path)


FORWARD = [case for case in RANGES if "backward" not in case]


def reduced_model(case: str) -> onnx.ModelProto:
    """Dense layers of what some steps of a GRU are reduced to."""
    cut, constants = slicing("s", "p", *RANGES[case])
    nodes = [
        *GRU,
        cut,
        node("ReduceMean", "p", "mean", axes=[1], keepdims=0),
        node("ReduceMax", "p", "most", axes=[1], keepdims=0),
        node("ReduceSum", "p one", "sum", keepdims=0),
        *(node("MatMul", f"{name} wo", f"{name}_y") for name in ("mean", "most", "sum")),
    ]
    outputs = ["mean_y", "most_y", "sum_y"]
    return graph(nodes, {"x": (1, T, N)}, outputs, CONSTANTS | constants)


def before_model(case: str) -> onnx.ModelProto:
    """A GRU of some steps of the input."""
    cut, constants = slicing("x", "p", *RANGES[case])
    nodes = [
        cut,
        node("Transpose", "p", "t", perm=[1, 0, 2]),
        node("GRU", "t W R B", "- Yh", hidden_size=H, linear_before_reset=1),
    ]
    return graph(nodes, {"x": (1, T, N)}, ["Yh"], CONSTANTS | constants)


@pytest.mark.all_cases
@pytest.mark.parametrize("make", [reduced_model, before_model])
def test_all_ranges_of_steps_in_one_file(
    make: Callable[[str], onnx.ModelProto], tmp_path: Path
) -> None:
    entire(side_by_side([make(case) for case in FORWARD]), tmp_path)


@pytest.mark.parametrize("case", FORWARD)
def test_range_of_steps_between_layers(case: str, tmp_path: Path) -> None:
    cut, constants = slicing("s", "p", *RANGES[case])
    nodes = [
        *GRU,
        cut,
        node("Transpose", "p", "q", perm=[1, 0, 2]),
        node("LSTM", "q sW sR", "Z", hidden_size=OUT),
    ]
    entire(graph(nodes, {"x": (1, T, N)}, ["Z"], CONSTANTS | constants), tmp_path)


def step_model(layer: str, k: int) -> onnx.ModelProto:
    """A dense layer of one step."""
    before = {"gru": GRU, "both": BOTH, "input": GRU}[layer]
    weight = {"gru": "wo", "both": "w2o", "input": "wn"}[layer]
    source = "x" if layer == "input" else "s"
    nodes = [
        *before,
        node("Gather", f"{source} k", "p", axis=1),
        node("MatMul", f"p {weight}", "y"),
    ]
    outputs = ["y", "Yh"] if layer == "input" else ["y"]
    return graph(nodes, {"x": (1, T, N)}, outputs, CONSTANTS | {"k": np.int64(k)})


BETWEEN, ENDS = (1, 4, T - 2, T - 1, -1, -2), (0, -T)


@pytest.mark.parametrize(
    ("layer", "steps"),
    [
        *(("gru", BETWEEN), ("gru", ENDS), ("input", BETWEEN), ("input", ENDS)),
        *(("both", (0, 1, 4, T - 2, -2, -T)), ("both", (T - 1, -1))),
    ],
)
def test_single_steps(layer: str, steps: tuple[int, ...], tmp_path: Path) -> None:
    """In one file those that are run step by step, in another one those that are not."""
    entire(side_by_side([step_model(layer, k) for k in steps]), tmp_path)


@pytest.mark.parametrize("k", [1, 3, -2, -4])
def test_single_step_of_any_length(k: int, tmp_path: Path) -> None:
    nodes = [*GRU, node("Gather", "s k", "p", axis=1), HEAD]
    model = graph(nodes, {"x": ("b", "T", N)}, ["y"], CONSTANTS | {"k": np.int64(k)})
    assert entire(model, tmp_path, steps=6).model.steps is None


@pytest.mark.parametrize("case", ["from the second", "every second"])
def test_range_of_steps_of_any_length(case: str, tmp_path: Path) -> None:
    cut, constants = slicing("s", "p", *RANGES[case])
    mean = node("ReduceMean", "p", "r", axes=[1], keepdims=0)
    nodes = [*GRU, cut, mean, node("MatMul", "r wo", "y")]
    model = graph(nodes, {"x": (1, "T", N)}, ["y"], CONSTANTS | constants)
    assert entire(model, tmp_path, steps=8).model.steps is None


def test_split_along_time(tmp_path: Path) -> None:
    names = [f"p{k}" for k in range(T)]
    nodes = [
        *GRU,
        node("Split", "s ones", " ".join(names), axis=1),
        node("Squeeze", "p2 one", "q2"),
        node("Squeeze", "p7 one", "q7"),
        node("Add", "q2 q7", "z"),
        node("MatMul", "z wo", "y"),
    ]
    model = graph(nodes, {"x": (1, T, N)}, ["y"], CONSTANTS | {"ones": ints(*[1] * T)})
    entire(model, tmp_path)


def test_halves_of_a_sequence(tmp_path: Path) -> None:
    nodes = [
        *GRU,
        node("Split", "s parts", "early late", axis=1),
        node("ReduceMax", "early", "e", axes=[1], keepdims=0),
        node("ReduceMean", "late", "l", axes=[1], keepdims=0),
        node("Sub", "e l", "z"),
        node("MatMul", "z wo", "y"),
    ]
    model = graph(nodes, {"x": (1, T, N)}, ["y"], CONSTANTS | {"parts": ints(4, T - 4)})
    entire(model, tmp_path)


@pytest.mark.parametrize("case", ["backward", "two backward"])
def test_steps_backward_are_an_output(case: str, tmp_path: Path) -> None:
    cut, constants = slicing("s", "p", *RANGES[case])
    nodes = [*GRU, cut, node("Tanh", "p", "y")]
    entire(graph(nodes, {"x": (1, T, N)}, ["y"], CONSTANTS | constants), tmp_path)


def test_list_of_steps(tmp_path: Path) -> None:
    nodes = [*GRU, node("Gather", "s list", "p", axis=1), HEAD]
    model = graph(nodes, {"x": (1, T, N)}, ["y"], CONSTANTS | {"list": ints(6, 1, 1, 8)})
    entire(model, tmp_path)


def test_last_value_is_added_to_the_forecast(tmp_path: Path) -> None:
    constants = {"last": np.int64(-1), "wf": floats(H, N)}
    nodes = [
        *GRU,
        node("Gather", "x last", "v", axis=1),
        node("Gather", "s last", "p", axis=1),
        node("MatMul", "p wf", "d"),
        node("Add", "v d", "y"),
    ]
    entire(graph(nodes, {"x": (1, T, N)}, ["y"], CONSTANTS | constants), tmp_path)


def test_steps_of_a_layer_in_groups(tmp_path: Path) -> None:
    """Three in a row as one vector, and as an axis of its own beside the features."""
    three = T // 3
    constants = {
        "joined": ints(1, three, 3 * H),
        "apart": ints(1, three, 3, H),
        "scale": floats(H),
        "wg": floats(3 * H, N),
    }
    nodes = [
        *GRU,
        node("Mul", "s scale", "scaled"),
        node("Reshape", "scaled joined", "g"),
        node("MatMul", "g wg", "narrow"),
        node("Transpose", "narrow", "tm", perm=[1, 0, 2]),
        node("GRU", "tm W R B", "all last", hidden_size=H),
        node("Reshape", "s apart", "four"),
        node("ReduceMax", "four", "y", axes=[2], keepdims=0),
    ]
    in_float(graph(nodes, {"x": (1, T, N)}, ["y", "last"], CONSTANTS | constants), tmp_path)


def test_steps_beside_those_of_another_order(tmp_path: Path) -> None:
    """A decoder gives the last step first: its error at each step, and over all of them."""
    constants = {"wb": floats(H, N), "back": ints(*range(T)[::-1])}
    nodes = [
        *GRU,
        node("MatMul", "s wb", "d"),
        node("Gather", "d back", "turned", axis=1),
        node("Gather", "x back", "input", axis=1),
        node("Sub", "turned x", "y"),
        node("Sub", "d input", "e"),
        node("ReduceL1", "e", "whole", axes=[1, 2], keepdims=0),
    ]
    in_float(graph(nodes, {"x": (1, T, N)}, ["y", "whole"], CONSTANTS | constants), tmp_path)
