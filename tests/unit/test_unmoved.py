"""Data in another unit, which the network does not notice, are told; small ones are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lstm_edge.accuracy.unmoved import unmoved
from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.model import Layer, is_a
from lstm_edge.ir.program import Program
from lstm_edge.passes.lower_real import lower_real
from tests.support.poles import pole_inputs, pole_model


def told(program: Program, factor: float) -> tuple[str, ...]:
    numbers = (pole_inputs() * factor).astype(np.float32)
    return unmoved(program, Feed.of_samples({"x": numbers}))


def in_small_units(factor: float) -> Program:
    """The same network for inputs that are smaller by a factor."""
    model = pole_model()
    rnn, head = model.nodes
    assert is_a(rnn, Layer)
    params = {**rnn.op.params, "W_h": (rnn.op.params["W_h"] / factor).astype(np.float32)}
    return lower_real(replace(model, nodes=(replace(rnn, op=replace(rnn.op, params=params)), head)))


@pytest.mark.parametrize("factor", [1e-20, 1e-6])
def test_an_input_that_changes_no_output_is_told(factor: float) -> None:
    (text,) = told(lower_real(pole_model()), factor)
    assert text.startswith("calibration: input x moves by ")
    assert "unit that the network was trained with" in text
    assert told(in_small_units(factor), factor) == ()


@pytest.mark.parametrize("factor", [0.0, 1e-3, 1.0])
def test_what_moves_outputs_or_nothing_at_all_is_not(factor: float) -> None:
    assert told(lower_real(pole_model()), factor) == ()
