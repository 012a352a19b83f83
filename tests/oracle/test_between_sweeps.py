"""What an earlier pass over the steps leaves for a later one: float against float64, integers
against float, C against numpy.
"""

from __future__ import annotations

import numpy as np
import pytest

import lstm_edge
from lstm_edge.api.network import Network
from lstm_edge.ir.verify_model import verify
from tests.oracle.between_sweeps import CASES, FEATURES, T


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m55"])
def test_what_a_sweep_leaves(name: str, target: str) -> None:
    case = CASES[name]()
    xs = np.random.default_rng(9).normal(size=(48, T, FEATURES)).astype(np.float32)
    network = Network(verify(case.model))
    compiled = lstm_edge.compile(network, target=target, calibration={"x": xs[:32]})
    expected = np.array([case.expected(x.astype(np.float64)) for x in xs[32:]])
    power = (expected**2).sum()
    real = compiled.run({"x": xs[32:]}, on="float")["y"]
    assert 10 * np.log10(power / ((real - expected) ** 2).sum()) > 100.0
    integers = compiled.run({"x": xs[32:]}, on="numpy")["y"]
    assert 10 * np.log10(power / ((integers - expected) ** 2).sum()) > 34.0
    assert compiled.compare({"x": xs[32:36]}, on="host").ok
