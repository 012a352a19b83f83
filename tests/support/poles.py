"""Layers whose poles are near 1: they add up what they are fed, for a hundred steps and more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lstm_edge.cells import rnn
from lstm_edge.functions import relu
from lstm_edge.ir.model import Floats, Layer, Model, Node, Port, Tensor
from lstm_edge.layers.dense import dense

UNITS, STEPS, SAMPLES = 12, 100, 40


def pole_model(pole: float = 1.0, seed: int = 4) -> Model:
    """relu(W x + R h + b), R near the identity, its largest eigenvalue `pole`; one output."""
    rng = np.random.default_rng(seed)
    recurrent = pole * np.eye(UNITS) + 0.02 * rng.normal(size=(UNITS, UNITS))
    recurrent *= pole / np.abs(np.linalg.eigvals(recurrent)).max()
    rng = np.random.default_rng([0, 17])
    params = {
        "W_h": rng.normal(size=(UNITS, 1)) * 0.2,
        "R_h": recurrent,
        "b_h": rng.uniform(0.0, 0.1, UNITS),
    }
    head = {"W_y": rng.normal(size=(1, UNITS)) / UNITS, "b_y": np.zeros(1)}
    sizes = {"x": 1, "h": UNITS, "y": 1}
    ports = {n: Port(n, n, ("batch", "time", "feature"), (1, -1, k)) for n, k in sizes.items()}
    return Model(
        name="pole",
        inputs=(ports["x"],),
        outputs=(ports["y"],),
        tensors={n: Tensor(n, k, True) for n, k in sizes.items()},
        nodes=(
            Node("rnn", Layer(rnn(candidate=relu), _single(params)), {"x": "x"}, {"h": "h"}),
            Node("fc", Layer(dense(), _single(head)), {"x": "h"}, {"y": "y"}),
        ),
        steps=None,
        sha256="0" * 64,
    )


def pole_inputs(seed: int = 0) -> Floats:
    """[samples, steps, 1]: pulses, rarely."""
    rng = np.random.default_rng([seed, 18])
    return (rng.random((SAMPLES, STEPS, 1)) < 0.1).astype(np.float32)


def _single(params: Mapping[str, Any]) -> dict[str, Floats]:
    return {name: numbers.astype(np.float32) for name, numbers in params.items()}
