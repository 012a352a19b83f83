"""Joins and parts that would be work, or wrong; lengths for which they are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import read_inputs
from lstm_edge.ir.model import Layer, is_a
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.graphs import graph, lstm_weights, node, saved
from tests.oracle.in_float import in_float
from tests.oracle.join_graphs import (
    BOTH,
    CONSTANTS,
    SEQUENCE,
    H,
    N,
    T,
    X,
    against_onnxruntime,
    floats,
    ints,
)

JOINED = lstm_weights(3, H)
"""Weights of a layer of three features, after a Concat."""

REFUSED: dict[str, tuple[list[onnx.NodeProto], str]] = {
    "joined_in_time": ([*SEQUENCE, node("Concat", "s s", "z", axis=0)], "Concat.*along axis 0"),
    "joined_with_a_constant": ([*SEQUENCE, node("Concat", "s one_row", "z", axis=2)], "constant"),
    "clip_crossed": ([*SEQUENCE, node("Clip", "s hi lo", "z")], "Clip.*above"),
    "elu_nan": ([*SEQUENCE, node("Elu", "s", "z", alpha=float("nan"))], "Elu.*not finite"),
}


AXIS_BY_AXIS: dict[str, list[onnx.NodeProto]] = {
    "dense on each direction": [BOTH, node("MatMul", "Y wh", "z")],
    "features before directions": [
        BOTH,
        node("Transpose", "Y", "t", perm=[0, 2, 3, 1]),
        node("Reshape", "t keep", "r"),
        node("MatMul", "r w2h", "z"),
    ],
    "directions before time": [BOTH, node("Transpose", "Y", "z", perm=[1, 0, 2, 3])],
}


@pytest.mark.parametrize("case", AXIS_BY_AXIS)
def test_axes_of_features_apart_and_in_another_order(case: str, tmp_path: Path) -> None:
    against_onnxruntime(graph(AXIS_BY_AXIS[case], X, ["z"], CONSTANTS), tmp_path)


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_work_or_wrong_is_refused(case: str, tmp_path: Path) -> None:
    nodes, message = REFUSED[case]
    constants = CONSTANTS | {"one_row": floats(T, 1, 2)}
    with pytest.raises(ModelError, match=message) as caught:
        load(saved(graph(nodes, X, ["z"], constants), tmp_path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_direction_that_nobody_reads_is_not_computed(tmp_path: Path) -> None:
    nodes = [BOTH, node("Gather", "Y i0", "z", axis=1)]
    loaded = load(saved(graph(nodes, X, ["z"], CONSTANTS), tmp_path))
    assert [n.name for n in loaded.nodes] == ["lstm"]


def test_a_reverse_layer_needs_a_known_length(tmp_path: Path) -> None:
    path = saved(graph([BOTH], {"x": ("t", 1, N)}, ["Yh"], CONSTANTS), tmp_path)
    with pytest.raises(ModelError, match=r"LSTM of 'Y'.*backward in time.*--steps T"):
        load(path)
    assert load(path, steps=9).steps == 9


@pytest.mark.parametrize(
    "taken",
    [
        node("Gather", "s six", "z", axis=0),
        node("Slice", "s zero seven zero", "z"),
        node("Slice", "s two seven zero", "z"),
        node("Gather", "s back", "z", axis=0),
        node("Slice", "s back1 end zero", "z"),
    ],
)
def test_an_index_from_the_farther_end_refuses_another_length(
    taken: onnx.NodeProto, tmp_path: Path
) -> None:
    more = {"six": np.int64(T - 1), "seven": ints(T), "back": np.int64(-T), "back1": ints(-T)}
    path = saved(graph([*SEQUENCE, taken], X, ["z"], CONSTANTS | more), tmp_path)
    assert load(path, steps=T).steps == T
    with pytest.raises(ModelError, match="right for a sequence of length 7 only"):
        load(path, steps=9)


@pytest.mark.parametrize(
    "taken",
    [
        node("Gather", "s i2", "z", axis=0),
        node("Gather", "s last2", "z", axis=0),
        node("Slice", "s one neg zero", "z"),
    ],
)
def test_an_index_from_the_nearer_end_is_right_for_another_length(
    taken: onnx.NodeProto, tmp_path: Path
) -> None:
    x = floats(1, 9, 1, N)

    def results(steps: int) -> np.ndarray:
        made = graph([*SEQUENCE, taken], {"x": (steps, 1, N)}, ["z"], CONSTANTS)
        real = lower_real(load(saved(made, tmp_path), steps=9))
        return run(real, read_inputs(real, {"x": x}))[0]["z"]

    np.testing.assert_array_equal(results(T), results(9))


def test_ends_of_a_sequence_are_right_for_every_length(tmp_path: Path) -> None:
    nodes = [
        *SEQUENCE,
        node("Slice", "s zero one zero", "p"),
        node("Slice", "s neg end zero", "q"),
        node("Gather", "s i0", "r", axis=0),
    ]
    path = saved(graph(nodes, X, ["p", "q", "r"], CONSTANTS), tmp_path)
    assert load(path, steps=9).steps == 9


def test_two_inputs_may_be_added_before_anything_tells_their_axes(tmp_path: Path) -> None:
    nodes = [node("Add", "x u", "a"), node("GRU", "a gW gR gB", "G", hidden_size=H)]
    shapes = {"x": (T, 1, N), "u": (T, 1, N)}
    loaded = against_onnxruntime(graph(nodes, shapes, ["G"], CONSTANTS), tmp_path)
    assert [p.axes for p in loaded.inputs] == [("time", "batch", "feature")] * 2


@pytest.mark.parametrize("sizes", [(1, 2), (2, 1), (1, 1, 1)])
@pytest.mark.parametrize("steps", [1, T])
def test_inputs_of_one_feature_are_joined_to_a_vector(
    steps: int, sizes: tuple[int, ...], tmp_path: Path
) -> None:
    names = "abc"[: len(sizes)]
    nodes = [
        node("Concat", " ".join(names), "x", axis=2),
        node("LSTM", "x W R B", "Y Yh", hidden_size=H),
    ]
    shapes = {name: (steps, 1, size) for name, size in zip(names, sizes, strict=True)}
    loaded = against_onnxruntime(graph(nodes, shapes, ["Y", "Yh"], JOINED), tmp_path)
    assert all(p.axes[2] == "feature" and "time" in p.axes for p in loaded.inputs)


def test_an_axis_of_features_is_none_of_steps_unless_all_are(tmp_path: Path) -> None:
    turned = node("Transpose", "s", "x", perm=[2, 0, 1])
    nodes = [
        node("Concat", "a b", "s", axis=2),
        turned,
        node("LSTM", "x W R B", "Y", hidden_size=H),
    ]
    loaded = in_float(graph(nodes, {"a": (1, 3, 1), "b": (1, 3, 1)}, ["Y"], JOINED), tmp_path)
    assert any("reads 2 features of one vector as steps" in w for w in loaded.warnings)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("hidden", [1, 2])
def test_sizes_of_one_and_two_are_not_confused(steps: int, hidden: int, tmp_path: Path) -> None:
    nodes = [
        node("LSTM", "x W R B", "Y Yh", hidden_size=hidden, direction="bidirectional"),
        node("Transpose", "Y", "t", perm=[0, 2, 1, 3]),
        node("Reshape", "t keep", "m"),
        node("LSTM", "m V S B", "Z Zh", hidden_size=hidden, direction="bidirectional"),
        node("Concat", "Yh Zh", "hn", axis=0),
        node("Gather", "hn last2", "z", axis=0),
    ]
    rows = 4 * hidden
    more = {
        "W": floats(2, rows, 2),
        "R": floats(2, rows, hidden),
        "B": floats(2, 2 * rows),
        "V": floats(2, rows, 2 * hidden),
        "S": floats(2, rows, hidden),
    }
    model = graph(nodes, {"x": (steps, 1, 2)}, ["Z", "hn", "z"], CONSTANTS | more)
    loaded = against_onnxruntime(model, tmp_path)
    assert sum(is_a(n, Layer) for n in loaded.nodes) == 4
