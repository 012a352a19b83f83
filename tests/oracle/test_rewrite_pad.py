"""A Pad in front of a convolution is the convolution's padding; any other is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import Feed, run_numpy
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.graphs import graph, lstm_weights, node

STEPS, FEATURES, CHANNELS, UNITS = 9, 3, 4, 5


def padded(added: list[int], before: bool, **conv: Any) -> onnx.ModelProto:
    """x padded in the order [batch, features, time], or `before` it is brought there."""
    rng = np.random.default_rng(0)
    weights = lstm_weights(CHANNELS, UNITS)
    weights["C"] = rng.normal(size=(CHANNELS, FEATURES, 3)).astype(np.float32)
    weights["pads"] = np.int64(added)
    turned = node("Transpose", "a" if before else "x", "b", perm=[0, 2, 1])
    pad = node("Pad", "x pads" if before else "b pads", "a")
    nodes = [pad, turned] if before else [turned, pad]
    nodes += [
        node("Conv", "b C" if before else "a C", "c", kernel_shape=[3], **conv),
        node("Transpose", "c", "d", perm=[2, 0, 1]),
        node("LSTM", "d W R B", "y", hidden_size=UNITS),
    ]
    return graph(nodes, {"x": [1, STEPS, FEATURES]}, ["y"], weights)


CASES = {
    "causal": ([0, 0, 2, 0, 0, 0], False, {}),
    "both_sides": ([0, 0, 1, 0, 0, 2], False, {}),
    "before_the_axes_move": ([0, 2, 0, 0, 0, 0], True, {}),
    "with_padding_of_its_own": ([0, 0, 1, 0, 0, 0], False, {"pads": [1, 1]}),
    "with_a_stride": ([0, 0, 2, 0, 0, 0], False, {"strides": [2]}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_padded_convolution_computes_what_onnxruntime_does(case: str, tmp_path: Path) -> None:
    added, before, conv = CASES[case]
    model = padded(added, before, **conv)
    onnx.save(model, tmp_path / "m.onnx")
    x = np.random.default_rng(1).normal(size=(1, STEPS, FEATURES)).astype(np.float32)
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    program = lower_real(load(tmp_path / "m.onnx"))
    found = run_numpy(program, Feed.of_samples({"x": x})).outputs["y"]
    np.testing.assert_allclose(found[0, 0], expected[:, 0, 0], atol=1e-5)


def test_padded_features_are_more_channels(tmp_path: Path) -> None:
    onnx.save(padded([0, 1, 0, 0, 0, 0], False), tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="do not fit 4 channels"):
        load(tmp_path / "m.onnx")
