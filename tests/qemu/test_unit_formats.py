"""Vectors of 8 bits with a scale and a zero point for each unit: C and numpy give the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from lstm_edge.targets import Target, all_targets
from tests.support.exactness import assert_bit_exact, stored_streams, with_saturated_state
from tests.support.models import random_inputs
from tests.support.off_zero import off_zero
from tests.support.programs import quantized

TARGETS = tuple(t for t in all_targets() if t.board is not None or t.name in ("host", "portable"))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("cell", ["plain", "gru"])
def test_units_of_their_own_are_those_of_numpy(
    cell: str, target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """From zero, which is not stored as 0, and from states at either end of their formats."""
    target_or_skip(target)
    model = off_zero(cell, "forward" if cell == "plain" else "both")
    program = quantized(model, random_inputs(model, 24, 20, seed=1), Options(8))
    prove(program)
    states = [program.values[state.name].format for state in program.states]
    assert any(not fmt.is_uniform for fmt in states)
    for name, each in (("zero", program), ("ends", with_saturated_state(program))):
        assert_bit_exact(each, target, "gates", tmp_path / name, stored_streams(each, 20))
