"""The first step of a recurrent layer is no recurrence: `y[:, -1]` of a bidirectional layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_edge.passes.lower_real import lower_real
from tests.oracle.entire import entire
from tests.oracle.graphs import graph, node

N, H, T, OUT = 3, 5, 8, 2
RNG = np.random.default_rng(21)
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.6)


def constants(op: str, count: int = N) -> dict[str, np.ndarray]:
    rows = GATES[op] * H
    return {
        "W": floats(2, rows, count),
        "R": floats(2, rows, H),
        "B": floats(2, 2 * rows),
        "h0": floats(2, 1, H),
        "c0": floats(2, 1, H),
        "wo": floats(2 * H, OUT),
        "ways": np.array([0, 0, -1]),
        "last": np.int64(-1),
        "first": np.int64(0),
    }


BEHIND = [
    node("Transpose", "Y", "s0", perm=[2, 0, 1, 3]),
    node("Reshape", "s0 ways", "s"),
    node("Gather", "s last", "p", axis=1),
    node("MatMul", "p wo", "y"),
]


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("op", ["LSTM", "GRU", "GRU after", "RNN"])
def test_last_step_of_both_directions_streams(op: str, started: bool, tmp_path: Path) -> None:
    kind = op.split()[0]
    states = {"LSTM": " - h0 c0", "GRU": " - h0", "RNN": " - h0"}[kind] if started else ""
    more = {"linear_before_reset": 1} if op == "GRU after" else {}
    layer = node(kind, f"x W R B{states}", "Y", hidden_size=H, direction="bidirectional", **more)
    model = graph([layer, *BEHIND], {"x": (T, 1, N)}, ["y"], constants(kind))
    network = entire(model, tmp_path)
    program = lower_real(network.model)
    assert program.streams
    assert program.sweeps == ("forward",)
    assert sum(bool(layer.op.cell.states) for layer in network.model.layers) == 1


def test_of_any_length(tmp_path: Path) -> None:
    layer = node("LSTM", "x W R B", "Y", hidden_size=H, direction="bidirectional")
    model = graph([layer, *BEHIND], {"x": ("T", 1, N)}, ["y"], constants("LSTM"))
    assert entire(model, tmp_path).model.steps is None


def test_of_two_layers(tmp_path: Path) -> None:
    weights = {f"b{name}": array for name, array in constants("GRU", 2 * H).items()}
    nodes = [
        node("LSTM", "x W R B", "Z", hidden_size=H, direction="bidirectional"),
        node("Transpose", "Z", "z0", perm=[0, 2, 1, 3]),
        node("Reshape", "z0 ways", "z"),
        node("GRU", "z bW bR bB", "Y", hidden_size=H, direction="bidirectional"),
        *BEHIND,
    ]
    model = graph(nodes, {"x": (T, 1, N)}, ["y"], constants("LSTM") | weights)
    entire(model, tmp_path)


def test_where_more_is_asked_for_both_are_right(tmp_path: Path) -> None:
    layer = node("LSTM", "x W R B", "Y Yh", hidden_size=H, direction="bidirectional")
    model = graph([layer, *BEHIND], {"x": (T, 1, N)}, ["y", "Yh", "Y"], constants("LSTM"))
    entire(model, tmp_path)


def test_first_step_of_a_forward_layer(tmp_path: Path) -> None:
    nodes = [
        node("LSTM", "x W R B", "Y Yh", hidden_size=H, direction="bidirectional"),
        node("Transpose", "Y", "s0", perm=[2, 0, 1, 3]),
        node("Reshape", "s0 ways", "s"),
        node("Gather", "s first", "p", axis=1),
        node("MatMul", "p wo", "y"),
    ]
    entire(graph(nodes, {"x": (T, 1, N)}, ["y", "Yh"], constants("LSTM")), tmp_path)


def test_behind_a_convolution_that_pads(tmp_path: Path) -> None:
    """The last call has two ticks, after which the layer reads what the convolution made last."""
    nodes = [
        node("Conv", "x k", "k0", kernel_shape=[3], strides=[2], pads=[1, 1]),
        node("Relu", "k0", "k1"),
        node("Transpose", "k1", "t", perm=[2, 0, 1]),
        node(
            "GRU",
            "t W R B",
            "Y",
            hidden_size=H,
            direction="bidirectional",
            linear_before_reset=1,
        ),
        *BEHIND,
    ]
    weights = constants("GRU") | {"k": floats(N, 2, 3)}
    network = entire(graph(nodes, {"x": (1, 2, T + 1)}, ["y"], weights), tmp_path)
    assert lower_real(network.model).streams
