"""100,000 steps of layers that keep their state for a thousand: errors do not add up.

All kinds run six streams at once against float64: see `support/slow.py`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.ir.model import Layer, is_a
from tests.support.programs import quantized, real_outputs
from tests.support.slow import (
    CONSTANT,
    RANDOM,
    STEPPED,
    STEPS,
    exact_states,
    slow_inputs,
    slow_model,
)

pytestmark = pytest.mark.long

Doubles = npt.NDArray[np.float64]

SETTLED = 10_000
"""Steps after which the float state has forgotten where it started: ten time constants."""
WINDOW = 10_000
UNIT = 2.0**-11
"""One unit of a hidden state of 12 bits."""
BUDGETS = {
    # error of the fixed point, and with noise and jumps: shares of the state's root mean square
    ("lstm", "c"): (0.008, 0.012),
    ("lstm", "h"): (0.002, 0.04),
    ("gru", "h"): (0.006, 0.015),
}
each_state = pytest.mark.parametrize(("kind", "state"), BUDGETS)
each_kind = pytest.mark.parametrize("kind", ["lstm", "gru"])


@lru_cache
def states_of(kind: str) -> tuple[dict[str, Doubles], dict[str, Doubles]]:
    """Integers as real numbers, and float64: state -> [streams, steps, units]."""
    model, x = slow_model(kind), slow_inputs()
    calibration = slow_inputs(200, seed=1)
    found = real_outputs(quantized(model, {"x": calibration}), {"x": x})
    return {name: a.astype(np.float64) for name, a in found.items()}, exact_states(model, x)


def rms(numbers: Doubles) -> float:
    return float(np.sqrt(np.mean(numbers**2)))


@each_state
def test_a_constant_input_ends_near_the_fixed_point_of_the_float_network(
    kind: str, state: str
) -> None:
    found, exact = (states[state][CONSTANT, -1] for states in states_of(kind))
    assert rms(found - exact) < BUDGETS[kind, state][0] * rms(exact)


@each_kind
def test_a_constant_input_makes_the_state_stand_still(kind: str) -> None:
    """A hidden unit may go to and fro by one unit of what matrices read, and no further."""
    found, _ = states_of(kind)
    for state, numbers in found.items():
        end = numbers[CONSTANT, -1000:]
        moved = np.abs(numbers[CONSTANT, STEPS // 2 - 1] - numbers[CONSTANT, -1]).max()
        allowed = UNIT if state == "h" else 0.001 * rms(end)
        assert np.ptp(end, axis=1).max() <= allowed
        assert moved <= allowed


@each_state
def test_the_error_at_the_end_is_that_of_the_first_steps_of_the_settled_state(
    kind: str, state: str
) -> None:
    """Noise, in windows of 10,000 steps. Each holds ten time constants of an LSTM, so what is
    measured is a sample: half more is allowed. Errors that add up would make it nine times.
    """
    found, exact = (states[state] for states in states_of(kind))
    error = (found - exact)[RANDOM]
    first = rms(error[:, SETTLED : SETTLED + WINDOW])
    for start in range(SETTLED + WINDOW, STEPS, WINDOW):
        assert rms(error[:, start : start + WINDOW]) < 1.5 * first


@each_state
def test_noise_and_jumps_leave_no_more_error_than_the_budget(kind: str, state: str) -> None:
    found, exact = (states[state] for states in states_of(kind))
    for streams in (RANDOM, STEPPED):
        error = (found - exact)[streams, SETTLED:]
        assert rms(error) < BUDGETS[kind, state][1] * rms(exact[streams, SETTLED:])


@pytest.mark.parametrize("kind", ["gru", "gru_reset_after"])
def test_a_gru_ends_at_its_candidate_whatever_its_update_gate_is(kind: str) -> None:
    """(1 - z) * n + z * h is a mean only where both factors sum up to 1 in integers, too."""
    model = slow_model(kind)
    (layer,) = model.nodes
    assert is_a(layer, Layer)
    still = {name: np.zeros_like(a) for name, a in layer.op.params.items()}
    keep = np.array([0.99, 0.993, 0.995, 0.996, 0.997, 0.998])
    still["b_z"] = np.log(keep / (1.0 - keep)).astype(np.float32)
    still["b_n"] = np.linspace(-1.5, 1.5, 6).astype(np.float32)
    model = replace(model, nodes=(replace(layer, op=replace(layer.op, params=still)),))
    x = slow_inputs(8000)[:1]
    end = real_outputs(quantized(model, {"x": x[:, :200]}), {"x": x})["h"][0, -1]
    assert np.abs(end - np.tanh(still["b_n"])).max() < 2e-4
