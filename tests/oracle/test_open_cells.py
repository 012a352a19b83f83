"""Cells that are known by their equations alone: in float against the equations walked in float64,
in integers against float.
"""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.interpret.execute import run
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from tests.oracle.model_reference import run_model
from tests.support.models import random_inputs
from tests.support.open_cells import OPEN_CELLS, open_model
from tests.support.programs import quantized, real_outputs, sqnr_db
from tests.support.random_steps import random_step

LEAST = {(12, 8): 38.0, (16, 16): 60.0}
"""dB by the bits of activations and weights."""


@pytest.mark.parametrize("name", OPEN_CELLS)
def test_a_cell_computes_its_equations(name: str) -> None:
    model = open_model(name)
    inputs = random_inputs(model, 1, 9)
    found, _ = run(lower_real(model), inputs)
    expected = run_model(model, inputs)["out"].reshape(found["out"].shape)
    assert np.abs(found["out"] - expected).max() < 5e-6


@pytest.mark.parametrize("seed", range(60))
def test_a_random_step_computes_its_equations(seed: int) -> None:
    model = random_step(seed)
    inputs = random_inputs(model, 1, 7)
    found, _ = run(lower_real(model), inputs)
    for name, expected in run_model(model, inputs).items():
        reach = max(1.0, float(np.abs(expected).max()))
        assert np.abs(found[name] - expected.reshape(found[name].shape)).max() < 1e-4 * reach, name


@pytest.mark.parametrize("name", OPEN_CELLS)
@pytest.mark.parametrize(("activations", "weights"), LEAST)
def test_integers_keep_the_signal(name: str, activations: int, weights: int) -> None:
    model = open_model(name)
    options = Options(activations, weights=weights)
    program = quantized(model, random_inputs(model, 24, 32, seed=1), options)
    prove(program)
    held_out = random_inputs(model, 8, 32, seed=2)
    real, ours = (real_outputs(p, held_out)["out"] for p in (lower_real(model), program))
    assert sqnr_db(real, ours) >= LEAST[activations, weights]


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("from_data", [True, False])
def test_a_random_step_is_proved_in_integers(seed: int, from_data: bool) -> None:
    model = random_step(seed)
    options = Options((8, 12, 16)[seed % 3], (16, 32)[seed % 2], (4, 8, 16)[seed // 2 % 3])
    prove(quantized(model, random_inputs(model, 8, 10, seed=1), options, from_data=from_data))
