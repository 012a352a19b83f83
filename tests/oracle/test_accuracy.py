"""How near integers come to real numbers, for every kind of cell, layer and model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lstm_edge.passes.options import Options
from tests.support.choices import MEASURED
from tests.support.models import random_model
from tests.support.programs import unseen_sqnr_db

BUDGETS: Mapping[str, tuple[Mapping[str, Any], float, float]] = {
    "plain": ({}, 44.0, 35.5),
    "peephole": ({"cell": "peephole"}, 44.0, 35.5),
    "coupled": ({"cell": "coupled"}, 45.5, 35.0),
    "peephole and coupled": ({"cell": "peephole_coupled"}, 45.5, 35.0),
    "GRU": ({"cell": "gru"}, 45.5, 37.0),
    "GRU, reset after": ({"cell": "gru_reset_after"}, 46.0, 37.0),
    "RNN": ({"cell": "rnn"}, 44.5, 34.5),
    "projected": ({"cell": "projected"}, 44.5, 34.5),
    "FastGRNN": ({"cell": "fast_grnn"}, 40.0, 25.5),
    "reverse": ({"direction": "reverse", "steps": 20}, 44.0, 35.0),
    "both directions": ({"direction": "both", "steps": 20}, 45.0, 35.5),
    "dense, elu": ({"head": ("dense", "elu")}, 44.0, 36.0),
    "dense, softplus": ({"head": ("dense", "softplus")}, 56.5, 49.0),
    "dense, softsign": ({"head": ("dense", "softsign")}, 44.0, 35.5),
    "dense, hardsigmoid": ({"head": ("dense", "hardsigmoid")}, 53.0, 45.5),
    "dense, leakyrelu": ({"head": ("dense", "leakyrelu")}, 44.5, 36.0),
    "initial state": ({"initial": True}, 44.5, 35.5),
    "initial state and peephole": ({"initial": True, "cell": "peephole"}, 43.5, 36.0),
    "three layers": ({"hidden": (16, 12, 8)}, 47.0, 37.5),
    "64 units": ({"features": 32, "hidden": (64,)}, 41.5, 35.0),
    "one unit, one feature": ({"features": 1, "hidden": (1,)}, 51.5, 35.5),
    "dense": ({"head": ("dense",)}, 44.0, 35.5),
    "dense, relu, dense": ({"head": ("dense", "relu", "dense")}, 44.5, 38.0),
    "dense, tanh": ({"head": ("dense", "tanh")}, 44.0, 35.5),
    "dense, sigmoid": ({"head": ("dense", "sigmoid")}, 60.0, 53.0),
    "dense, softmax": ({"head": ("dense", "softmax")}, 54.0, 46.0),
    "dense, log_softmax": ({"head": ("dense", "log_softmax")}, 58.0, 50.0),
    "dense at the last step": ({"head": ("dense",), "read": "last"}, 42.5, 35.0),
    "dense over all steps": ({"read": "flat", "steps": 20}, 49.5, 43.5),
    "dense over joined layers": (
        {"read": "joined", "hidden": (8, 6), "head": ("dense",)},
        45.0,
        38.0,
    ),
    "layer norms around two LSTMs": ({"norm": "layer_norm", "hidden": (16, 12)}, 43.0, 31.0),
    "layer norms around two GRUs, softmax": (
        {"cell": "gru", "norm": "layer_norm", "hidden": (16, 12), "head": ("dense", "softmax")},
        49.0,
        36.0,
    ),
    "layer norm at the end": ({"head": ("layer_norm",)}, 45.5, 35.5),
    "scale, tanh": ({"head": ("scale", "tanh")}, 49.5, 39.0),
    "layers before the LSTM": ({"front": ("dense", "relu")}, 47.0, 35.5),
}
"""What a case is, and the least SQNR in dB at 12 and at 8 bits: 1 to 2 dB below the worst
of four models, on inputs that calibration has not seen.
"""


@pytest.mark.parametrize("seeds", [(0,), pytest.param((1, 2, 3), marks=pytest.mark.long)], ids=str)
@pytest.mark.parametrize("bits", [12, 8])
@pytest.mark.parametrize("case", BUDGETS)
def test_integers_stay_within_the_budget_of_their_case(
    case: str, bits: int, seeds: tuple[int, ...]
) -> None:
    choices, at_12, at_8 = BUDGETS[case]
    for seed in seeds:
        model = random_model(seed, **{**MEASURED, **choices})
        assert unseen_sqnr_db(model, Options(bits)) >= (at_12 if bits == 12 else at_8)


@pytest.mark.parametrize("case", BUDGETS)
def test_integers_made_without_data_keep_30_db(case: str) -> None:
    model = random_model(5, **{**MEASURED, **BUDGETS[case][0]})
    assert unseen_sqnr_db(model, from_data=False) >= 30.0
