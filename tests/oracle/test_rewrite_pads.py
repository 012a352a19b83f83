"""Padding of its own in front of a convolution, and what is cut off behind one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.graphs import graph, lstm_weights, node
from tests.oracle.rewritten import assert_same, nodes_of, saved

T, FEATURES, U, H = 9, 3, 4, 5
RNG = np.random.default_rng(3)
WEIGHTS = {
    **lstm_weights(U, H),
    "k": RNG.normal(size=(U, FEATURES, 3)).astype(np.float32),
    "b": RNG.normal(size=U).astype(np.float32),
    "zero": np.zeros((), np.float32),
    "one": np.ones((), np.float32),
    "lowest": np.full((), -np.inf, np.float32),
    **{f"i{k}": np.array([k]) for k in (0, 1, 2, T)},
    **{f"m{k}": np.array([-k]) for k in (1, 2, 3)},
    **{
        "left": np.array([0, 0, 2, 0, 0, 0]),
        "both": np.array([0, 0, 2, 0, 0, 1]),
        "minus": np.array([0, 0, 2, 0, 0, -1]),
        "features": np.array([0, 1, 0, 0, 0, 0]),
        "early": np.array([2, 0, 0, 1, 0, 0]),  # of [time, batch, features]
        "wide": RNG.normal(size=(U, FEATURES + 1, 3)).astype(np.float32),
        "k4": RNG.normal(size=(U, FEATURES, 1, 3)).astype(np.float32),
    },
}
TURNED = [node("Transpose", "x", "t", perm=[1, 2, 0])]
REST = [node("Transpose", "z", "s", perm=[2, 0, 1]), node("LSTM", "s W R B", "Y", hidden_size=H)]


def model(middle: list[onnx.NodeProto], opset: int = 17, rest: Any = None) -> onnx.ModelProto:
    nodes = [*TURNED, *middle, *(REST if rest is None else rest)]
    return graph(nodes, {"x": (T, 1, FEATURES)}, ["Y"], WEIGHTS, opset=opset)


def conv(data: str, result: str = "z", kernel: str = "k", **more: Any) -> onnx.NodeProto:
    return node("Conv", f"{data} {kernel} b", result, **more)


TAKEN: dict[str, tuple[list[onnx.NodeProto], list[int]]] = {
    "causal": ([node("Pad", "t left zero", "p"), conv("p")], [2, 0]),
    "value absent": ([node("Pad", "t both", "p"), conv("p", kernel_shape=[3])], [2, 1]),
    "pads of its own": ([node("Pad", "t both zero", "p"), conv("p", pads=[0, 1])], [2, 2]),
    "valid": ([node("Pad", "t both", "p"), conv("p", auto_pad="VALID", strides=[2])], [2, 1]),
    "dilated": ([node("Pad", "t both", "p"), conv("p", dilations=[2])], [2, 1]),
    "twice": ([node("Pad", "t left", "q"), node("Pad", "q both", "p"), conv("p")], [4, 1]),
    "before the transpose": (
        [
            node("Pad", "x early", "p"),
            node("Transpose", "p", "q", perm=[1, 2, 0]),
            conv("q"),
        ],
        [2, 1],
    ),
    "before a new axis": (
        [
            node("Pad", "t both", "p"),
            node("Unsqueeze", "p i2", "q"),
            conv("q", "w", "k4"),
            node("Squeeze", "w i2", "z"),
        ],
        [0, 2, 0, 1],
    ),
    "chomped": ([conv("t", "c", pads=[2, 2]), node("Slice", "c i0 m2 i2", "z")], [2, 0]),
    "chomped less": ([conv("t", "c", pads=[1, 2]), node("Slice", "c i0 m1 m1", "z")], [1, 1]),
}


@pytest.mark.parametrize("case", TAKEN)
def test_a_convolution_takes_the_pads_around_it(case: str, tmp_path: Path) -> None:
    middle, pads = TAKEN[case]
    path = saved(model(middle), tmp_path)
    ops = assert_same(path)
    assert not ops["Pad"]
    assert not ops["Slice"]
    made = next(n for n in nodes_of(path) if n.op_type == "Conv")
    assert [list(a.ints) for a in made.attribute if a.name == "pads"] == [pads]


def test_a_causal_convolution_computes_what_onnxruntime_computes(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    for case in ("causal", "chomped", "pads of its own", "before the transpose"):
        path = saved(model(TAKEN[case][0]), tmp_path)
        x = np.random.default_rng(1).normal(size=(T, 1, FEATURES)).astype(np.float32)
        (wanted,) = onnxruntime.InferenceSession(str(path)).run(["Y"], {"x": x})
        found, _ = run(lower_real(load(path)), {"x": x[None, :, 0]})
        np.testing.assert_allclose(found["Y"].reshape(wanted.shape), wanted, atol=1e-5)


def test_pads_were_attributes_before_opset_11(tmp_path: Path) -> None:
    middle = [node("Pad", "t", "p", pads=[0, 0, 2, 0, 0, 0], value=0.0), conv("p")]
    assert not assert_same(saved(model(middle, opset=9), tmp_path))["Pad"]


@pytest.mark.parametrize("own", [{}, {"count_include_pad": 1, "pads": [1, 1]}])
def test_a_mean_counts_the_zeros_that_were_put_before_it(
    own: dict[str, Any], tmp_path: Path
) -> None:
    pool = node("AveragePool", "p", "y", kernel_shape=[4], **own)
    middle = [node("Pad", "t both", "p"), pool, conv("y")]
    assert not assert_same(saved(model(middle), tmp_path))["Pad"]


def test_another_reader_keeps_the_padded_sequence(tmp_path: Path) -> None:
    middle = [node("Pad", "t left", "p"), conv("p", "c"), conv("p", "d"), node("Add", "c d", "z")]
    assert not assert_same(saved(model(middle), tmp_path))["Pad"]
    relu = [node("Pad", "t left", "p"), conv("p"), node("Relu", "p", "r"), conv("r", "unread")]
    assert not assert_same(saved(model(relu), tmp_path))["Pad"]


KEPT: dict[str, list[onnx.NodeProto]] = {
    "ones": [node("Pad", "t both one", "p"), conv("p")],
    "a mirror": [node("Pad", "t both", "p", mode="reflect"), conv("p")],
    "features": [node("Pad", "t features", "p"), conv("p", kernel="wide")],
    "negative": [node("Pad", "t minus", "p"), conv("p")],
    "same": [node("Pad", "t both", "p"), conv("p", auto_pad="SAME_UPPER")],
    "a maximum": [node("Pad", "t both", "p"), node("MaxPool", "p", "y", kernel_shape=[3])],
    "a mean without its own pads": [
        node("Pad", "t both", "p"),
        node("AveragePool", "p", "y", kernel_shape=[3], pads=[1, 1]),
        conv("y"),
    ],
    "a function between": [node("Pad", "t both", "p"), node("Sigmoid", "p", "r"), conv("r")],
}


@pytest.mark.parametrize("case", KEPT)
def test_any_other_pad_stays_and_is_computed_or_refused(case: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    last = KEPT[case][-1]
    middle = KEPT[case] if last.output[0] == "z" else [*KEPT[case], conv(last.output[0])]
    path = saved(model(middle), tmp_path)
    assert assert_same(path)["Pad"] == 1
    x = np.random.default_rng(1).normal(size=(T, 1, FEATURES)).astype(np.float32)
    (wanted,) = onnxruntime.InferenceSession(str(path)).run(["Y"], {"x": x})
    program = lower_real(load(path))
    found = run_numpy(program, feed_of(program, {"x": x[None]}, stream=False)).outputs
    np.testing.assert_allclose(found["Y"].reshape(wanted.shape), wanted, atol=1e-5)


CUT_OTHERWISE: dict[str, list[onnx.NodeProto]] = {
    "more than padding": [conv("t", "c", pads=[2, 2]), node("Slice", "c i0 m3 i2", "z")],
    "at the beginning": [conv("t", "c", pads=[2, 2]), node("Slice", "c i2 i9 i2", "z")],
    "at both ends": [conv("t", "c", pads=[2, 2]), node("Slice", "c i1 m1 i2", "z")],
    "every second": [conv("t", "c", pads=[2, 2]), node("Slice", "c i0 m2 i2 i2", "z")],
    "with a stride": [conv("t", "c", pads=[2, 2], strides=[2]), node("Slice", "c i0 m1 i2", "z")],
    "features": [conv("t", "c", pads=[2, 2]), node("Slice", "c i0 m1 i1", "z")],
    "at a number": [conv("t", "c", pads=[2, 2]), node("Slice", "c i0 i9 i2", "z")],
}


@pytest.mark.parametrize("case", CUT_OTHERWISE)
def test_a_slice_that_takes_more_than_padding_stays(case: str, tmp_path: Path) -> None:
    path = saved(
        graph([*TURNED, *CUT_OTHERWISE[case]], {"x": (T, 1, FEATURES)}, ["z"], WEIGHTS), tmp_path
    )
    assert assert_same(path)["Slice"] == 1
