"""Steps that are known by their equations alone, on cores: bit for bit what numpy computes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from lstm_edge.ir.program import Program
from lstm_edge.passes.options import Options
from lstm_edge.targets import Target, all_targets, load_target
from tests.support.exactness import (
    assert_bit_exact,
    float_program,
    stored_streams,
    with_saturated_state,
)
from tests.support.models import random_inputs
from tests.support.open_cells import OPEN_CELLS, open_model
from tests.support.programs import Arrays, quantized

BOARDS = tuple(target for target in all_targets() if target.board is not None)
M4, M55 = load_target("cortex-m4"), load_target("cortex-m55")
Made = tuple[Program, Arrays]


@cache
def saturated(name: str) -> Made:
    """A cell from states at the ends of their formats on, and what enters it."""
    model = open_model(name)
    program = quantized(model, random_inputs(model, 8, 16, seed=1), Options(16))
    program = with_saturated_state(program)
    return program, stored_streams(program, 60)


@cache
def curves() -> dict[str, Made]:
    """All curves in both number systems."""
    model = open_model("curves")
    program = quantized(model, random_inputs(model, 8, 16, seed=1), Options(12))
    return {
        each.scheme: (each, stored_streams(each, 30)) for each in (program, float_program(model))
    }


@pytest.mark.parametrize("name", OPEN_CELLS)
@pytest.mark.parametrize("target", [M4, M55], ids=lambda target: target.name)
def test_a_cell(
    target: Target, name: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    program, inputs = saturated(name)
    assert_bit_exact(program, target, "gates", tmp_path, inputs)


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_all_curves(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    for scheme, (program, inputs) in curves().items():
        assert_bit_exact(program, target, "none", tmp_path / scheme, inputs)
