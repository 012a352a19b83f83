"""What rounding a matrix does to the outputs is told without a program of it, and is what it is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from lstm_edge.data import load_data
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import Lowered, lowered
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
    calibrated = Calibrated(model, reference, ranges, data)
    return calibrated, pieces_of(reference, narrow(calibrated), data.held_back)


def narrow(calibrated: Calibrated) -> Lowered:
    return lowered(calibrated.model, calibrated.ranges, Options(weights=4))


@pytest.mark.parametrize("seed", [980, 981])
def test_noises_add_up_to_the_error_of_4_bits(seed: int) -> None:
    calibrated, pieces = made(seed)
    told = -10.0 * np.log10(sum(piece.noise for piece in pieces))
    judge = quick_judge(calibrated.reference, calibrated.data)
    found = judge.judged(calibrated.program(Options(weights=4))).decibels
    assert told == pytest.approx(found, abs=3.0)


def test_every_matrix_has_a_place_and_that_for_a_byte_decides_it() -> None:
    calibrated, pieces = made(982, 9)
    layers = {node.name: node for node in calibrated.model.layers}
    named = {(p.layer, p.matrix) for p in pieces}
    for each in matrices_of(calibrated):
        for matrix in (*each.recurrent, *each.others):
            assert (each.layer, matrix) in named
    for piece in pieces:
        assert piece.weights == layers[piece.layer].op.params[piece.matrix].size
        assert 0.0 < piece.noise < 1.0
    worth = [piece.noise / piece.weights for piece in pieces]
    assert worth == sorted(worth, reverse=True)


def test_parts_of_a_matrix_are_joined_by_their_numbers() -> None:
    """Whatever the order of the sums that they belong to."""
    calibrated, pieces = made(980)
    (layer,) = {piece.layer for piece in pieces if piece.matrix == "R_g"}
    found = narrow(calibrated)
    changes = dict(found.changes)
    whole = changes.pop(f"{layer}.R_g")
    for name, columns in (("_1", slice(9, 16)), ("_0_1", slice(4, 9)), ("_0_0", slice(0, 4))):
        part = replace(whole, weights=whole.weights[:, columns], bias=whole.bias / 3.0)
        changes[f"{layer}.R_g{name}"] = part
    reference, data = calibrated.reference, calibrated.data
    again = pieces_of(reference, replace(found, changes=changes), data.held_back)
    for one, other in zip(pieces, again, strict=True):
        assert (one.layer, one.matrix) == (other.layer, other.matrix)
        assert one.noise == pytest.approx(other.noise, rel=1e-3)


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
