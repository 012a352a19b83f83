"""Models in which something sees, counts or reduces several steps: float against the reference,
integers against float.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import from_vectors
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from tests.oracle.model_reference import run_model
from tests.support.choices import MEASURED, over_time
from tests.support.models import random_inputs, random_model
from tests.support.programs import unseen_sqnr_db

SAMPLES = 3


@pytest.mark.parametrize("seed", range(48))
def test_the_float_program_computes_what_the_reference_does(seed: int) -> None:
    model = random_model(seed, **{**over_time(seed), "layout": "batch_first", "weights": "normal"})
    program, vectors = lower_real(model), random_inputs(model, SAMPLES, seed=seed)
    found, _ = run(program, vectors)
    for k in range(SAMPLES):
        given = {p.name: vectors[p.name][k].reshape(_shape(p.shape)) for p in model.inputs}
        wanted = run_model(model, given)
        for port in program.outputs:
            ours = from_vectors(port, found[port.name])[k]
            assert ours.shape == wanted[port.name].shape
            np.testing.assert_allclose(ours, wanted[port.name], atol=2e-5, err_msg=port.name)


def _shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(12 if size == -1 else size for size in shape)


BASE = {**MEASURED, "head": ("dense",), "steps": 20}
BUDGETS: dict[str, tuple[dict[str, Any], float, float]] = {
    "mean": ({"read": "mean"}, 46.5, 36.0),
    "max": ({"read": "max"}, 45.5, 34.5),
    "min": ({"read": "min"}, 45.5, 34.0),
    "sum": ({"read": "sum"}, 42.5, 35.0),
    "conv": ({"front": ("conv",)}, 45.0, 36.0),
    "causal conv": ({"front": ("causal_conv",)}, 46.0, 35.5),
    "strided conv": ({"front": ("strided_conv",)}, 42.5, 32.5),
    "max pool": ({"front": ("max_pool",)}, 44.5, 34.0),
    "strided max pool": ({"front": ("strided_max_pool",)}, 44.5, 34.0),
    "average pool": ({"front": ("average_pool",)}, 44.0, 35.5),
    "lengths": ({"lengths": True}, 45.5, 37.0),
}
"""What a case is, and the least SQNR in dB at 12 and at 8 bits: 1 to 2 dB below the worst
of four models, on inputs that calibration has not seen.
"""


def worst(case: str, bits: int, seeds: tuple[int, ...]) -> float:
    models = (random_model(seed, **{**BASE, **BUDGETS[case][0]}) for seed in seeds)
    return min(unseen_sqnr_db(model, Options(bits)) for model in models)


@pytest.mark.parametrize("seeds", [(0, 1), pytest.param((2, 3), marks=pytest.mark.long)], ids=str)
@pytest.mark.parametrize("bits", [12, 8])
@pytest.mark.parametrize("case", BUDGETS)
def test_integers_stay_within_the_budget_of_their_case(
    case: str, bits: int, seeds: tuple[int, ...]
) -> None:
    """8 bits, too: a result over time lies in a smaller range than the numbers it is kept in."""
    _, at_12, at_8 = BUDGETS[case]
    assert worst(case, bits, seeds) >= (at_12 if bits == 12 else at_8)
