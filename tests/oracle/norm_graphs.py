"""Normalizing layers behind an LSTM: their weights, and their comparison with onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.ir.model import Model
from tests.oracle.compared import against_onnxruntime
from tests.oracle.graphs import graph, lstm_weights, node, saved

N, H, T = 3, 5, 7
X = {"x": (1, T, N)}
RNG = np.random.default_rng(11)

LSTM = [
    node("Transpose", "x", "xt", perm=[1, 0, 2]),
    node("LSTM", "xt W R B", "Y Yh", hidden_size=H),
    node("Squeeze", "Y one", "s"),
    node("Transpose", "s", "y", perm=[1, 0, 2]),
]
"""x [1, T, N] -> y [1, T, H], Yh [1, 1, H]."""


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


WEIGHTS = {
    **lstm_weights(N, H),
    "one": ints(1),
    "last": ints(-1),
    "two": np.float32(2.0),
    "unit": np.float32(1.0),
    "half": np.float32(0.5),
    "minus_half": np.float32(-0.5),
    "eps": np.float32(1e-3),
    "gain": floats(H) + 1,
    "offset": floats(H),
    "w": floats(H, 4),
    "b": floats(4),
    "mean": floats(H) * 0.3,
    "variance": np.abs(floats(H)) + 0.1,
    "column": floats(H, 1),
}


def loaded(
    nodes: list[onnx.NodeProto], output: str, tmp_path: Path, opset: int = 17, **more: np.ndarray
) -> Model:
    model = graph([*LSTM, *nodes], X, [output], WEIGHTS | more, opset=opset)
    return against_onnxruntime(model, tmp_path)


def names(model: Model) -> list[str]:
    return [n.name.rstrip("0123456789") for n in model.nodes]


def refused(nodes: list[onnx.NodeProto], output: str, tmp_path: Path, **more: np.ndarray) -> str:
    model = graph([*LSTM, *nodes], X, [output], WEIGHTS | more)
    with pytest.raises(ModelError) as caught:
        load(saved(model, tmp_path))
    return str(caught.value)
