"""What rounding a matrix does to the outputs is told without a program of it, and is what it is."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from lstm_edge.data import load_data
from lstm_edge.ir.model import Layer
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lowered
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options, Widths
from lstm_edge.search.judge import quick_judge
from lstm_edge.search.mixed import Mixed
from lstm_edge.search.program import Calibrated, matrices_of
from lstm_edge.search.sensitivity import Piece, pieces_of
from tests.support.choices import PLAIN
from tests.support.models import random_inputs, random_model


@cache
def made(seed: int, rows: int = 0) -> tuple[Calibrated, tuple[Piece, ...]]:
    sizes = {"features": 6, "hidden": (16,), "classes": 4, "initial": False, "norm": "", "also": ()}
    chosen = {**PLAIN, **sizes, "cell": "plain", "direction": "forward", "rows": rows}
    model = random_model(seed, **chosen, steps=12, head=("dense",), cut=())
    reference = lower_real(model)
    inputs = random_inputs(model, 60)
    given = {n: a[:, None, :, 0] if a.dtype.kind == "i" else a for n, a in inputs.items()}
    data = load_data(given, reference)
    ranges = calibrate(reference, data.calibration, from_data=True)
    found = lowered(model, ranges, Options(weights=4))
    pieces = pieces_of(reference, found, data.held_back)
    return Calibrated(model, reference, ranges, data), pieces


@pytest.mark.parametrize("seed", [980, 981])
def test_noises_add_up_to_the_error_of_4_bits(seed: int) -> None:
    calibrated, pieces = made(seed)
    told = -10.0 * np.log10(sum(piece.noise for piece in pieces))
    judge = quick_judge(calibrated.reference, calibrated.data)
    found = judge.judged(calibrated.program(Options(weights=4))).decibels
    assert told == pytest.approx(found, abs=3.0)


def test_every_matrix_has_a_place_and_that_for_a_byte_decides_it() -> None:
    calibrated, pieces = made(982, 9)
    layers = {node.name: node for node in calibrated.model.nodes if isinstance(node, Layer)}
    named = {(p.layer, p.matrix) for p in pieces}
    for each in matrices_of(calibrated):
        for matrix in (*each.recurrent, *each.others):
            assert (each.layer, matrix) in named
    for piece in pieces:
        assert piece.weights == layers[piece.layer].params[piece.matrix].size
        assert 0.0 < piece.noise < 1.0
    worth = [piece.noise / piece.weights for piece in pieces]
    assert worth == sorted(worth, reverse=True)


def test_what_shares_a_sum_is_wide_as_well_where_that_takes_no_more() -> None:
    """Rows of 6 columns in 4 bits save 3 bytes, and a sum of their own takes 6."""
    calibrated, pieces = made(980)
    mixed = Mixed(calibrated.reference, pieces)
    names = [(piece.layer, piece.matrix) for piece in pieces]
    (layer,) = {name for name, matrix in names if matrix == "R_g"}
    both = mixed.options(Options(), [names.index((layer, "R_g"))])
    assert both.of(layer) == Widths(4, 12, ("R_g", "W_g"))
    alone = mixed.options(Options(), [names.index((layer, "W_g"))])
    assert alone.of(layer) == Widths(4, 12, ("W_g",))
    assert mixed.options(Options(), range(len(pieces))) == Options()
    assert mixed.options(Options(), ()) == Options(weights=4)
