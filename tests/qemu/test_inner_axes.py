"""Phases that are repeated at each position, on cores: bit for bit what numpy computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.targets import Target, load_target
from tests.oracle.test_inner_axes import CONVS, STEPS
from tests.support.boards import BOARDS
from tests.support.exactness import assert_bit_exact, random_steps, stored_streams
from tests.support.inner_axes import conv_model
from tests.support.models import random_inputs
from tests.support.programs import quantized

M4, M55 = load_target("cortex-m4"), load_target("cortex-m55")
WIDTHS = (Options(12), Options(8, weights=4), Options(16, weights=16))


@pytest.mark.parametrize("name", CONVS)
@pytest.mark.parametrize("target", [M4, M55], ids=lambda target: target.name)
def test_a_convolution(
    target: Target, name: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """Of places with an odd number of channels, too: a position begins between two words."""
    target_or_skip(target)
    model = conv_model(*CONVS[name])
    options = WIDTHS[list(CONVS).index(name) % len(WIDTHS)]
    program = quantized(model, random_inputs(model, 6, STEPS), options)
    assert_bit_exact(program, target, "gates", tmp_path, random_steps(program, 3, STEPS))


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_all_boards(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    model = conv_model(*CONVS["two"])
    program = quantized(model, random_inputs(model, 6, STEPS), Options(12))
    assert_bit_exact(program, target, "none", tmp_path / "int8", random_steps(program, 3, STEPS))
    real = lower_real(model)
    streams = stored_streams(real, 20)
    assert_bit_exact(real, target, "gates", tmp_path / "float", streams)
