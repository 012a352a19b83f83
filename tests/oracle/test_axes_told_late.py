"""Inputs of four axes of which only a later layer tells what they are: a filter bank, a scale or a
normalization over frequencies, then a convolution over time and frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from tests.oracle.compared import difference
from tests.oracle.graphs import graph, node, saved

SHAPE = (1, 2, 6, 8)
"""Batch, channels, steps and bands, in this order or with the last two the other way round."""
RNG = np.random.default_rng(0)
ARRAYS = {
    name: (RNG.normal(size=shape) * 0.4).astype(np.float32)
    for name, shape in {
        "bands": (8, 4),
        "to_4": (4, 4),
        "rows": (4, 6),
        "back": (4, 8),
        "w": (3, 2, 3, 3),
        "w2": (2, 2, 3, 3),
        "gain": (8,),
        "of_channels": (2, 1, 1),
        "variance": (2,),
        "two": (2,),
    }.items()
} | {str(k): np.array([k], np.int64) for k in range(9)}
ARRAYS["variance"] = ARRAYS["variance"] ** 2 + 1


def conv(x: str, y: str, w: str = "w", pads: Sequence[int] = (2, 1, 0, 1)) -> onnx.NodeProto:
    return node("Conv", f"{x} {w}", y, kernel_shape=[3, 3], pads=list(pads))


CASES: dict[str, list[onnx.NodeProto]] = {
    "filter bank": [node("MatMul", "x bands", "b"), conv("b", "y")],
    "filter bank from the left": [node("MatMul", "rows x", "b"), conv("b", "y", pads=(1, 2, 1, 0))],
    "filter bank of the upper half": [
        node("Slice", "x 0 4 3", "low"),
        node("Slice", "x 4 8 3", "high"),
        node("MatMul", "high to_4", "few"),
        node("Concat", "low few", "b", axis=3),
        conv("b", "y"),
    ],
    "a gate of bands": [
        node("MatMul", "x bands", "b"),
        conv("b", "m", "w2"),
        node("Sigmoid", "m", "g"),
        node("MatMul", "g back", "mask"),
        node("Mul", "x mask", "y"),
    ],
    "scales of channels before it": [
        node("MatMul", "x bands", "b"),
        node("BatchNormalization", "b two two two variance", "n"),
        conv("n", "y"),
    ],
    "normalized bands": [node("LayerNormalization", "x gain", "n", axis=3), conv("n", "y")],
    "softmax over channels": [node("Softmax", "x", "n", axis=1), conv("n", "y")],
    "an offset of channels": [
        node("Add", "x of_channels", "a"),
        node("Tanh", "a", "t"),
        conv("t", "y"),
    ],
    "bounds of channels": [node("Max", "x of_channels", "m"), conv("m", "y")],
    "mean of bands": [
        node("ReduceMean", "x", "m", axes=[3]),
        node("Sub", "x m", "d"),
        conv("d", "y"),
    ],
    "maximum of channels": [
        node("ReduceMax", "x", "m", axes=[1]),
        node("Sub", "x m", "d"),
        conv("d", "y"),
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_later_layer_tells(case: str, tmp_path: Path) -> None:
    path = saved(graph(CASES[case], {"x": SHAPE}, ["y"], ARRAYS), tmp_path)
    loaded = load(path)
    assert loaded.steps == (8 if case.endswith("left") else 6)
    assert difference(path, loaded) < 1e-5


def test_open_batch_and_time(tmp_path: Path) -> None:
    shape = ("N", 2, "T", 8)
    path = saved(graph(CASES["filter bank"], {"x": shape}, ["y"], ARRAYS), tmp_path)
    assert load(path).inputs[0].axes == ("batch", "feature", "time", "feature")
    assert difference(path, load(path)) < 1e-5


def test_one_input_has_one_axis_of_time(tmp_path: Path) -> None:
    """The one row of axis 1 is no step: the layer goes along axis 2, and axis 0 is the batch."""
    rng = np.random.default_rng(1)
    arrays = {
        "W": rng.normal(size=(1, 20, 1)).astype(np.float32),
        "R": rng.normal(size=(1, 20, 5)).astype(np.float32) * 0.4,
        **{str(k): ARRAYS[str(k)] for k in range(2)},
    }
    nodes = [
        node("Slice", "x 0 1 1", "row"),
        node("Transpose", "row", "t", perm=[2, 0, 1]),
        node("LSTM", "t W R", "y h", hidden_size=5),
    ]
    path = saved(graph(nodes, {"x": ("N", 3, 6)}, ["y"], arrays), tmp_path)
    loaded = load(path)
    assert loaded.inputs[0].axes == ("batch", "feature", "time")
    assert difference(path, loaded) < 1e-5


def test_many_branches_before_padded_steps(tmp_path: Path) -> None:
    """Each reads the one before it twice: to follow every way would be 2^40 of them."""
    nodes, x = [conv("x", "s0", "w2")], "s0"
    for k in range(40):
        nodes += [node("Tanh", x, f"t{k}"), node("Max", f"{x} t{k}", f"s{k + 1}")]
        x = f"s{k + 1}"
    arrays = ARRAYS | {"around": np.array([0, 0, 2, 0, 0, 0, 0, 0], np.int64)}
    nodes += [node("Pad", f"{x} around", "p"), node("Sigmoid", "p", "g")]
    nodes.append(conv("g", "y", pads=(0, 1, 0, 1)))
    path = saved(graph(nodes, {"x": SHAPE}, ["y"], arrays), tmp_path)
    assert difference(path, load(path)) < 1e-5


@pytest.mark.parametrize("steps", ["T", 8])
def test_what_is_read_across_channels_tells_nothing_of_steps(
    steps: int | str, tmp_path: Path
) -> None:
    """An input of three axes without its mean over channels, before a GRU tells which they are."""
    nodes = [
        node("ReduceMean", "x", "mean", axes=[1]),
        node("Sub", "x mean", "centred"),
        node("Transpose", "centred", "rows", perm=[2, 0, 1]),
        node("GRU", "rows W R", "y", hidden_size=4),
    ]
    arrays = {n: RNG.normal(size=(1, 12, k)).astype(np.float32) for n, k in (("W", 3), ("R", 4))}
    path = saved(graph(nodes, {"x": (1, 3, steps)}, ("y",), arrays), tmp_path)
    model = load(path)
    assert model.steps == (None if steps == "T" else 8)
    assert difference(path, model) < 1e-5
