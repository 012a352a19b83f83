"""Operands that are shifted left, so that a row has one sum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.cases import Case
from benchmarks.networks import Network
from lstm_edge.passes.lift import MOST, Weighed, lifts
from tests.support.compiling import compile_file


def test_the_larger_operand_is_shifted_until_sizes_are_alike() -> None:
    assert lifts([Weighed("x", 4.0, 128), Weighed("h", 1.0, 128)]) == {"x": 2}
    assert lifts([Weighed("x", 1.0, 128), Weighed("h", 30.0, 128)]) == {"h": 5}


def test_nothing_is_shifted_where_sizes_are_alike_or_the_rest_has_no_weights() -> None:
    assert lifts([Weighed("x", 2.9, 128), Weighed("h", 1.0, 128)]) == {}
    assert lifts([Weighed("x", 5.0, 128), Weighed("h", 0.0, 128)]) == {}
    assert lifts([]) == {}


def test_nothing_is_shifted_that_would_leave_16_bits() -> None:
    assert lifts([Weighed("x", 2.0**8, 127), Weighed("h", 1.0, 127)]) == {"x": 8}
    assert lifts([Weighed("x", 2.0**8, 128), Weighed("h", 1.0, 127)]) == {}
    assert 127 << 8 <= MOST < 128 << 8


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_a_row_of_eight_bits_has_one_sum_and_its_error_does_not_grow(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(Network(kind, 9, 12), "cortex-m4", activations=8)
    model, calibration = case.network.write(tmp_path)
    one = compile_file(model, case.target, calibration=calibration, activations=8)
    monkeypatch.setattr("lstm_edge.passes.lower_product.lifts", lambda _: {})
    apart = compile_file(model, case.target, calibration=calibration, activations=8)
    sums = [
        sum(op.kind == "matvec" for b in c.program.blocks for op in b.ops) for c in (one, apart)
    ]
    wanted = {"lstm": 4, "gru": 4, "rnn": 1}[kind]
    assert sums[0] == wanted <= sums[1]
    errors = [c.manifest["accuracy"]["outputs"]["y"]["sqnr_db"] for c in (one, apart)]
    assert errors[0] > errors[1] - 0.5
    assert np.isfinite(errors).all()
