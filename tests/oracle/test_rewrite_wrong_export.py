"""Files that an exporter got wrong and of which the graph shows it are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend.onnx.file import read_onnx
from lstm_edge.frontend.rewrite import rewrite
from tests.oracle.graphs import graph, lstm_weights, node, saved

HIDDEN = 5
STATE = (2, 1, HIDDEN)
SPOT = {"a": np.int64([0]), "b": np.int64([1]), "again": np.int64([0])}


def model(
    h0: str, c0: str, used: str = "", more: tuple[onnx.NodeProto, ...] = ()
) -> onnx.ModelProto:
    """An LSTM with states h0 and c0, inputs x, h_in and c_in; `used` is read by another node."""
    nodes = [
        *more,
        node("LSTM", f"x W R B - {h0} {c0}", "y", hidden_size=HIDDEN, name="layer"),
    ]
    outputs = ["y"]
    if used:
        nodes.append(node("Neg", used, "other"))
        outputs.append("other")
    inputs = {"x": (6, 1, 3), "h_in": STATE, "c_in": STATE}
    return graph(nodes, inputs, outputs, {**lstm_weights(3, HIDDEN), **SPOT})


def sliced(source: str, start: str, name: str) -> onnx.NodeProto:
    return node("Slice", f"{source} {start} b", name)


SHARED = {
    "straight in": model("c_in", "c_in"),
    "h alone": model("h_in", "h_in"),
    "one slice": model("s", "s", more=(sliced("c_in", "a", "s"),)),
    "two equal slices": model(
        "s", "t", more=(sliced("c_in", "a", "s"), sliced("c_in", "again", "t"))
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_one_input_for_both_states_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        rewrite(read_onnx(saved(SHARED[name], tmp_path)))
    message = str(caught.value)
    assert "LSTM 'layer'" in message
    assert "'h_in'" in message
    assert "'c_in'" in message
    assert "two different tensors" in message


RIGHT = {
    "two inputs": model("h_in", "c_in"),
    "the other one is read elsewhere": model("c_in", "c_in", used="h_in"),
    "two parts of one input": model(
        "s", "t", more=(sliced("c_in", "a", "s"), node("Slice", "c_in b two", "t"))
    ),
    "no states": model("-", "-"),
}
RIGHT["two parts of one input"].graph.initializer.append(
    onnx.numpy_helper.from_array(np.int64([2]), "two")
)


@pytest.mark.parametrize("name", RIGHT)
def test_states_that_can_be_told_apart_pass(name: str, tmp_path: Path) -> None:
    rewrite(read_onnx(saved(RIGHT[name], tmp_path)))


def test_an_unread_input_of_another_shape_is_no_state(tmp_path: Path) -> None:
    other = model("c_in", "c_in")
    other.graph.input[1].type.tensor_type.shape.dim[2].dim_value = HIDDEN + 1
    rewrite(read_onnx(saved(other, tmp_path)))
