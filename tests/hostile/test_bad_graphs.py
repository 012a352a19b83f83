"""Graphs whose numbers do not fit each other: refused by the node's name, and no traceback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

import lstm_edge
from lstm_edge.errors import InternalError, ModelError
from tests.oracle.graphs import graph, node, saved

T, N, U = 8, 3, 4
RNG = np.random.default_rng(17)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


STEP: list[onnx.NodeProto] = [node("Transpose", "x", "c", perm=[0, 2, 1])]
IMAGE = [node("Unsqueeze", "x one", "c")]
Case = tuple[Sequence[onnx.NodeProto], Mapping[str, np.ndarray], Mapping[str, Sequence[int | str]]]
SEQUENCE: dict[str, Sequence[int | str]] = {"x": [1, T, N]}
GRAPHS: dict[str, Case] = {
    "a convolution of one vector in groups that do not fit": (
        [node("Unsqueeze", "x two", "c"), node("Conv", "c W", "y", group=2)],
        {"two": ints(2), "W": floats(4, 3, 1)},
        {"x": [1, N]},
    ),
    "a convolution without units": (
        [*STEP, node("Conv", "c W", "y")],
        {"W": floats(0, N, 3)},
        SEQUENCE,
    ),
    "a convolution along features with another bias": (
        [*IMAGE, node("Conv", "c W B", "y", pads=[0, 0, 0, 0])],
        {"one": ints(1), "W": floats(U, 1, 3, 2), "B": floats(U + 1)},
        SEQUENCE,
    ),
    "a dense layer without units": ([node("MatMul", "x W", "y")], {"W": floats(N, 0)}, SEQUENCE),
    "an Einsum of other sizes": (
        [node("Einsum", "x W", "y", equation="btn,tnu->bu")],
        {"W": floats(T // 2, 2 * N, U)},
        SEQUENCE,
    ),
    "an Einsum of another rank": (
        [node("Einsum", "x W", "y", equation="btn,nu->btu")],
        {"W": floats(N, U, 2)},
        SEQUENCE,
    ),
    "nothing repeated": (
        [node("Tile", "x counts", "y")],
        {"counts": ints(1, 1, 0)},
        SEQUENCE,
    ),
    "an exponent of 0": ([node("Pow", "x k", "y")], {"k": np.zeros(1, np.float32)}, SEQUENCE),
    "padding that leaves nothing": (
        [*IMAGE, node("Conv", "c W", "z"), node("Pad", "z pads", "y")],
        {"one": ints(1), "W": floats(U, 1, 3, 1), "pads": ints(0, 0, 0, -2, 0, 0, 0, -1)},
        SEQUENCE,
    ),
    "a mirror that cuts": (
        [*IMAGE, node("Conv", "c W", "z"), node("Pad", "z pads", "y", mode="reflect")],
        {"one": ints(1), "W": floats(U, 1, 3, 1), "pads": ints(0, 0, 0, -1, 0, 0, 0, 1)},
        SEQUENCE,
    ),
    "features of any size": (
        [node("LayerNormalization", "x g", "n"), node("GRU", "t W R", "y", hidden_size=U)],
        {"g": np.ones(1, np.float32)},
        {"x": [1, T, "n"]},
    ),
    "a transposition of nothing behind a reversed sequence": (
        [
            node("Slice", "x last first axis back", "r"),
            node("Transpose", "r", "t", perm=[1, 0, 7]),
            node("GRU", "t W R", "s", hidden_size=U),
            node("Transpose", "s", "q", perm=[0, 0, 9, 2]),
            node("Slice", "q last first axis back", "y"),
        ],
        {
            **{"last": ints(-1), "first": ints(-99), "axis": ints(1), "back": ints(-1)},
            **{"W": floats(1, 3 * U, N), "R": floats(1, 3 * U, U)},
        },
        SEQUENCE,
    ),
    "products of two tensors that do not fit": (
        [
            node("MatMul", "x W", "s"),
            node("Transpose", "s", "t", perm=[1, 0, 2]),
            node("MatMul", "t s", "y"),
        ],
        {"W": floats(N, U)},
        SEQUENCE,
    ),
    "a spectrum turned around more axes than it has": (
        [
            node("STFT", "x hop - length", "z", onesided=1),
            node("Transpose", "z", "t", perm=[0, 2, 1]),
            node("ReduceSumSquare", "t", "y", axes=[2]),
        ],
        {"hop": np.array(32), "length": np.array(64)},
        {"x": [1, 256, 1]},
    ),
    "a window of less than no samples": (
        [node("STFT", "x hop - length", "z", onesided=1)],
        {"hop": np.array(32), "length": np.array(-64)},
        {"x": [1, 256, 1]},
    ),
    "a mask of which no score is left": (
        [node("Add", "x low", "z"), node("Softmax", "z", "y", axis=-1)],
        {"low": np.full(N, -np.inf, np.float32)},
        SEQUENCE,
    ),
    "padding with infinity": (
        [*STEP, node("Pad", "c pads low", "p"), node("Conv", "p W", "y")],
        {"pads": ints(0, 0, 1, 0, 0, 1), "low": np.float32(-np.inf), "W": floats(U, N, 3)},
        SEQUENCE,
    ),
    **{
        f"infinity in {op}, {np.size(low)} numbers": (
            [node(op, "x low", "z"), node("MatMul", "z W", "y")],
            {"low": np.array(low, np.float32), "W": floats(N, U)},
            SEQUENCE,
        )
        for op in ("Add", "Max", "Min", "Pow", "PRelu")
        for low in (-np.inf, [0.0, -np.inf, 1.0])
    },
    "infinity in a matrix": (
        [node("MatMul", "x W", "y")],
        {"W": np.array([[0.0, 1.0], [-np.inf, 0.0], [1.0, 1.0]], np.float32)},
        SEQUENCE,
    ),
    "infinity that data choose": (
        [node("Greater", "x zero", "b"), node("Where", "b x low", "z"), node("MatMul", "z W", "y")],
        {"zero": np.float32(0), "low": np.float32(-np.inf), "W": floats(N, U)},
        SEQUENCE,
    ),
    "Fourier bases with two hops": (
        [node("Conv", "x W", "z", strides=[8, 8]), node("Mul", "z z", "y")],
        {
            "W": np.concatenate(
                [
                    f(2 * np.pi * np.outer(np.arange(9), np.arange(16)) / 16)[:, None]
                    for f in (np.cos, np.sin)
                ]
            ).astype(np.float32)
        },
        {"x": [1, 1, 64]},
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_what_does_not_fit_is_refused(name: str, tmp_path: Path) -> None:
    nodes, weights, inputs = GRAPHS[name]
    with pytest.raises(ModelError) as caught:
        lstm_edge.load(saved(graph(nodes, inputs, ["y"], weights), tmp_path))
    assert not isinstance(caught.value, InternalError)
    assert "\n" not in str(caught.value)


def test_a_split_that_counts_its_outputs_wrong(tmp_path: Path) -> None:
    """For which onnx would end the process."""
    model = graph([node("Split", "x", "y z u v", axis=2, num_outputs=3)], SEQUENCE, ["y"], {}, 20)
    with pytest.raises(ModelError, match=r"Split"):
        lstm_edge.load(saved(model, tmp_path))


@pytest.mark.parametrize("count", [-9, 7])
def test_a_scan_of_other_inputs_than_it_has(count: int, tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info
    ports = [value(n, onnx.TensorProto.FLOAT, [1, N]) for n in ("h", "e", "h2", "y2")]
    made = [node("Add", "h e", "h2"), node("Identity", "h2", "y2")]
    body = onnx.helper.make_graph(made, "body", ports[:2], ports[2:])
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("Scan", "h0 t", "last y", body=body, num_scan_inputs=count),
    ]
    model = graph(nodes, SEQUENCE, ["y"], {"h0": np.zeros((1, N), np.float32)})
    with pytest.raises(ModelError) as caught:
        lstm_edge.load(saved(model, tmp_path))
    assert not isinstance(caught.value, InternalError)
