"""A result may have any name, also that of a step on the way: formats do not change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lstm_edge

UNITS, FEATURES = 8, 3
CELL = """
from lstm_edge.equations import *

def one() -> Cell:
    x, h = input_vector("x"), state("h")
    a = products("b_a", W_a=x, R_a=h)
    y = layer_norm(a, 1e-5)
    {name} = tanh(y) * 15.0 + a
    return Cell("one", {{"y": y, "{name}": {name}, "h": sigmoid(y) * tanh({name} * {name} * 0.01)}})
"""
SHAPES = {"W_a": (UNITS, FEATURES), "R_a": (UNITS, UNITS), "b_a": (UNITS,)}


def answers(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Float and stored results of the cell whose second result is called `name`."""
    rng = np.random.default_rng(0)
    arrays = {f"cell.{k}": rng.normal(size=shape) * 0.6 for k, shape in SHAPES.items()}
    arrays |= {"fc.weight": rng.normal(size=(2, UNITS)), "fc.bias": np.zeros(2)}
    words = {
        "lstm_edge.cell": "one",
        "lstm_edge.head": "per_step",
        "lstm_edge.activations": "none",
    }
    np.savez(folder / "net.npz", **arrays, **words)
    (folder / "cells.py").write_text(CELL.format(name=name))
    network = lstm_edge.load(folder / "net.npz", cells=folder / "cells.py")
    data = {"x": rng.normal(size=(12, 1, 20, FEATURES)).astype(np.float32)}
    compiled = lstm_edge.compile(network, target="cortex-m4", calibration=data)
    return compiled.run(data, on="float")["y"], compiled.run(data, raw=True)["y"]


@pytest.mark.parametrize("name", ["y_mean", "y_sum", "y_in", "h_next", "h_given", "pre_a", "y_2"])
def test_names_change_nothing(name: str, tmp_path: Path) -> None:
    real, stored = answers(tmp_path, name)
    plain_real, plain_stored = answers(tmp_path, "extra")
    assert np.array_equal(real, plain_real)
    assert np.array_equal(stored, plain_stored)
