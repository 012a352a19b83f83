"""Matrices of twice as many bits are as good as those of a layer that is as wide."""

from __future__ import annotations

import pytest

from lstm_edge.data import load_data
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options, Widths
from lstm_edge.search.judge import quick_judge
from lstm_edge.search.program import Calibrated
from tests.support.poles import pole_inputs, pole_model

MODEL = pole_model()
REFERENCE = lower_real(MODEL)
DATA = load_data(pole_inputs(), REFERENCE)
RANGES = calibrate(REFERENCE, DATA.calibration, from_data=True)
JUDGE = quick_judge(REFERENCE, DATA)


def decibels(widths: Widths, *, power_of_two: bool = False) -> float:
    options = Options(power_of_two=power_of_two, layers={"rnn": widths})
    made = Calibrated(MODEL, REFERENCE, RANGES, DATA).program(options)
    return JUDGE.judged(made).decibels


@pytest.mark.parametrize("power_of_two", [False, True])
def test_both_matrices_doubled_are_as_good_as_a_layer_of_16_bits(power_of_two: bool) -> None:
    wide = decibels(Widths(16, 16), power_of_two=power_of_two)
    doubled = decibels(Widths(8, 16, ("W_h", "R_h")), power_of_two=power_of_two)
    assert doubled == pytest.approx(wide, abs=3.0)
    assert doubled > decibels(Widths(8, 16), power_of_two=power_of_two) + 15.0


def test_the_recurrent_matrix_alone_is_what_a_pole_near_one_needs() -> None:
    neither, both = decibels(Widths(8, 16)), decibels(Widths(8, 16, ("W_h", "R_h")))
    assert decibels(Widths(8, 16, ("R_h",))) > neither + 0.7 * (both - neither)
    assert decibels(Widths(8, 16, ("W_h",))) < neither + 3.0
