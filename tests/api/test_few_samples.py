"""What so few samples tell that each part of them is held back in turn."""

from __future__ import annotations

import pytest

import lstm_edge
from lstm_edge import Compiled
from lstm_edge.api.network import Network
from lstm_edge.measured import measured_error
from tests.support.poles import pole_inputs, pole_model


def compiled(weights: int) -> Compiled:
    data = pole_inputs()[:3]
    return lstm_edge.compile(
        Network(pole_model()), target="host", calibration=data, weights=weights, activations=16
    )


@pytest.mark.all_cases
def test_an_error_that_only_new_samples_have_asks_for_more_of_them() -> None:
    good, bad = compiled(16), compiled(4)
    made = good.compilation
    assert made is not None
    few = measured_error(made.program, made.reference, made.data, lambda _: bad.program)
    (text,) = few.warnings
    assert "on 3 samples of 100 steps, a third of them held back in turn" in text
    assert "above 28 dB where they are calibrated on" in text
    again = measured_error(made.program, made.reference, made.data, lambda _: good.program)
    assert again.warnings == ()
    own = measured_error(bad.program, made.reference, made.data, lambda _: bad.program)
    assert not any("in turn" in each for each in own.warnings)
    assert any("arises in layer" in each for each in own.warnings)
