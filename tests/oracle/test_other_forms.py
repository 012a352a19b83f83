"""What is around a recurrent layer, as exporters write it, in forms that other tests have not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import lstm_edge
from lstm_edge.errors import ModelError
from tests.oracle.entire import SAMPLES, entire
from tests.oracle.graphs import graph, node, saved

N, H, T, OUT = 3, 6, 8, 2
RNG = np.random.default_rng(29)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.6)


WEIGHTS: dict[str, Any] = {
    "W": floats(1, 4 * H, N),
    "R": floats(1, 4 * H, H),
    "B": floats(1, 8 * H),
    "w": floats(H, OUT),
    "wide": floats(H + 3, OUT),
    "every": floats(T * H, OUT),
    "gain": floats(T * H),
    "zero": np.array([0]),
    "one": np.array([1]),
    "last": np.array([-1]),
    "row": np.array([1, -1]),
    "steps": np.array([1, T, N]),
    "channels": np.array([1, N, T]),
    "low": np.float32(-1.5),
    "high": np.float32(1.5),
    "scale": np.abs(floats(T * N)) + np.float32(0.5),
    "ones": np.full((1, T, 1), 0.7, np.float32),
    "head": floats(1, 2),
    "tail": floats(1, 1),
    "classes": np.arange(N),
    "windows": np.arange(T * N).reshape(T, N),
    "number": np.int64(1),
    "wanted": np.array([1, 1, H]),
    "ends": np.array([T]),
    "begins": np.array([T - 2]),
}
LSTM = [
    node("Transpose", "q", "t", perm=[1, 0, 2]),
    node("LSTM", "t W R B", "Y Yh", hidden_size=H),
]
ALL = [*LSTM, node("Squeeze", "Y one", "v"), node("Transpose", "v", "s", perm=[1, 0, 2])]
"""s [1, T, H] of q [1, T, N]."""
LAST = [*LSTM, node("Squeeze", "Yh zero", "h"), node("MatMul", "h w", "y")]
LSTM_OF_ONE = [LAST[0], node("LSTM", "t W1 R B", "Y Yh", hidden_size=H), *LAST[2:]]
SAME = [node("Identity", "x", "q")]


def model_of(nodes: list[onnx.NodeProto], **shapes: tuple[int, ...]) -> onnx.ModelProto:
    return graph(nodes, shapes, ["y"], WEIGHTS)


FLAT: dict[str, list[onnx.NodeProto]] = {
    "scaled and limited": [
        node("Mul", "x scale", "m"),
        node("Clip", "m low high", "c"),
        node("Reshape", "c steps", "q"),
    ],
    "limited, channels first": [
        node("Div", "x scale", "m"),
        node("Tanh", "m", "c"),
        node("Reshape", "c channels", "u"),
        node("Transpose", "u", "q", perm=[0, 2, 1]),
    ],
    "unfolded by indices": [node("Gather", "x windows", "q", axis=1)],
}


@pytest.mark.parametrize("what", FLAT)
def test_a_flat_window(what: str, tmp_path: Path) -> None:
    model = model_of([*FLAT[what], *LAST], x=(1, T * N))
    entire(model, tmp_path, data={"x": floats(SAMPLES, 1, T * N)})


def test_a_window_unfolded_part_by_part(tmp_path: Path) -> None:
    nodes, names, more = [], [], {}
    for k in range(T):
        more |= {f"b{k}": np.array([k * N]), f"e{k}": np.array([k * N + N])}
        nodes += [
            node("Slice", f"x b{k} e{k} one", f"p{k}"),
            node("Unsqueeze", f"p{k} one", f"u{k}"),
        ]
        names.append(f"u{k}")
    nodes += [node("Concat", " ".join(names), "q", axis=1), *LAST]
    model = graph(nodes, {"x": (1, T * N)}, ["y"], WEIGHTS | more)
    entire(model, tmp_path, data={"x": floats(SAMPLES, 1, T * N)})


BESIDE: dict[str, list[onnx.NodeProto]] = {
    "constants of the head": [
        *SAME,
        *LSTM,
        node("Squeeze", "Yh zero", "h"),
        node("Concat", "head h tail", "k", axis=1),
        node("MatMul", "k wide", "y"),
    ],
    "all steps normalized together": [
        *SAME,
        *ALL,
        node("Reshape", "s row", "f"),
        node("LayerNormalization", "f gain", "l", axis=-1),
        node("MatMul", "l every", "y"),
    ],
    "steps and a vector as the result": [
        *SAME,
        *ALL,
        node("Squeeze", "Yh zero", "h"),
        node("MatMul", "h w", "d"),
        node("Slice", "s begins ends one", "e"),
        node("Reshape", "e row", "f"),
        node("Concat", "d f", "y", axis=1),
    ],
    "features outside of steps": [
        *SAME,
        *ALL,
        node("Transpose", "s", "c", perm=[0, 2, 1]),
        node("Reshape", "c row", "f"),
        node("MatMul", "f every", "y"),
    ],
}


@pytest.mark.parametrize("what", BESIDE)
def test_vectors_of_several_parts(what: str, tmp_path: Path) -> None:
    model = model_of(BESIDE[what], x=(1, T, N))
    entire(model, tmp_path, data={"x": floats(SAMPLES, 1, T, N)})


@pytest.mark.parametrize("first", [True, False])
def test_a_constant_feature_of_each_step(first: bool, tmp_path: Path) -> None:
    joined = node("Concat", "ones x" if first else "x ones", "q", axis=-1)
    model = model_of([joined, *LAST], x=(1, T, N - 1))
    entire(model, tmp_path, data={"x": floats(SAMPLES, 1, T, N - 1)})


@pytest.mark.parametrize(
    ("kernel", "pads", "stride"), [(3, (1, 1), 1), (2, (0, 1), 2), (3, (1, 0), 3), (4, (2, 1), 1)]
)
def test_means_without_padding(
    kernel: int, pads: tuple[int, int], stride: int, tmp_path: Path
) -> None:
    nodes = [
        *SAME,
        *ALL,
        node("Transpose", "s", "c", perm=[0, 2, 1]),
        node("AveragePool", "c", "p", kernel_shape=[kernel], pads=list(pads), strides=[stride]),
        node("Transpose", "p", "r", perm=[0, 2, 1]),
        node("MatMul", "r w", "y"),
    ]
    entire(model_of(nodes, x=(1, T, N)), tmp_path, data={"x": floats(SAMPLES, 1, T, N)})


def of_length(index: str) -> onnx.ModelProto:
    """The step that an input says, as torch.gather has it."""
    nodes = [
        *SAME,
        *ALL,
        node("Sub", "length number", "k"),
        node("Reshape", f"{index} each", "r"),
        node("Expand", "r wanted", "i"),
        node("GatherElements", "s i", "g", axis=1),
        node("Squeeze", "g one", "z"),
        node("MatMul", "z w", "y"),
    ]
    weights = WEIGHTS | {"each": np.array([1, 1, 1])}
    model = graph(nodes, {"x": (1, T, N), "length": (1,)}, ["y"], weights)
    model.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    return model


def test_the_last_step_that_counts(tmp_path: Path) -> None:
    lengths = RNG.integers(1, T + 1, (SAMPLES, 1))
    data = {"x": floats(SAMPLES, 1, T, N), "length": lengths}
    network = entire(of_length("k"), tmp_path, data=data)
    assert any("has to be 1 at least" in warning for warning in network.model.warnings)


def test_the_last_step_that_counts_as_a_row(tmp_path: Path) -> None:
    nodes = [
        *SAME,
        *ALL,
        node("Sub", "length number", "k"),
        node("Squeeze", "s zero", "rows"),
        node("Gather", "rows k", "g", axis=0),
        node("MatMul", "g w", "y"),
    ]
    model = graph(nodes, {"x": (1, T, N), "length": (1,)}, ["y"], WEIGHTS)
    model.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    lengths = RNG.integers(1, T + 1, (SAMPLES, 1))
    entire(model, tmp_path, data={"x": floats(SAMPLES, 1, T, N), "length": lengths})


def test_steps_below_a_length(tmp_path: Path) -> None:
    """A mask of what counts, which is computed from the length."""
    nodes = [
        *SAME,
        *ALL,
        node("Unsqueeze", "length one", "each"),
        node("Less", "steps_ each", "below"),
        node("Cast", "below", "mask", to=1),
        node("Unsqueeze", "mask last", "m"),
        node("Mul", "s m", "kept"),
        node("ReduceSum", "kept one", "sum", keepdims=0),
        node("MatMul", "sum w", "y"),
    ]
    weights = WEIGHTS | {"steps_": np.arange(T)[None]}
    model = graph(nodes, {"x": (1, T, N), "length": (1,)}, ["y"], weights)
    model.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    lengths = RNG.integers(0, T + 1, (SAMPLES, 1))
    entire(model, tmp_path, data={"x": floats(SAMPLES, 1, T, N), "length": lengths})


def test_a_sum_of_squares_keeps_small_vectors(tmp_path: Path) -> None:
    """Its logarithm, of numbers among which some are far out."""
    nodes = [
        node("Mul", "x x", "squares"),
        node("ReduceSum", "squares last", "sum"),
        node("Add", "sum little", "more"),
        node("Log", "more", "q"),
        *LSTM_OF_ONE,
    ]
    weights = WEIGHTS | {"little": np.full(1, 1e-3, np.float32), "W1": floats(1, 4 * H, 1)}
    data = floats(SAMPLES, 1, T, N)
    data[::3, 0, 2] *= 9
    entire(graph(nodes, {"x": (1, T, N)}, ["y"], weights), tmp_path, data={"x": data}, least=40.0)


def test_a_step_by_its_own_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="make the input the length of the sequence"):
        lstm_edge.load(saved(of_length("length"), tmp_path))


def test_ids_compared_with_each_class(tmp_path: Path) -> None:
    nodes = [
        node("Unsqueeze", "x last", "u"),
        node("Equal", "u classes", "e"),
        node("Cast", "e", "q", to=1),
        *LAST,
    ]
    model = model_of(nodes, x=(1, T))
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    entire(model, tmp_path, data={"x": RNG.integers(0, N, (SAMPLES, 1, T))})


REFUSED: dict[str, tuple[list[onnx.NodeProto], dict[str, tuple[int, ...]], str]] = {
    "a divisor of data": (
        [node("Mod", "x x", "q", fmod=1), *LAST],
        {"x": (1, T, N)},
        "divides by what is no constant above 0; write it as",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_name_a_way_out(what: str, tmp_path: Path) -> None:
    nodes, shapes, text = REFUSED[what]
    more = {
        "frames": np.array([T, 1, N]),
        "kernel": floats(1, 1, 3),
    }
    with pytest.raises(ModelError, match=text):
        lstm_edge.load(saved(graph(nodes, shapes, ["y"], WEIGHTS | more), tmp_path))
