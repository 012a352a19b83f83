"""Every combination of scheme and widths gives the same bits in numpy and on a core under QEMU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.passes.options import Options
from lstm_edge.targets import Target, all_targets
from tests.support.exactness import (
    UNROLLS,
    assert_bit_exact,
    stored_streams,
    with_saturated_state,
)
from tests.support.schemes import (
    COMBINATIONS,
    KEPT,
    STORED,
    described,
    mixed,
    program_of,
    sampled_model,
)

BOARDS = tuple(target for target in all_targets() if target.board is not None)


def cases() -> list[tuple[int, Target, Options]]:
    """Each core meets each width of weights in both schemes; the other widths turn."""
    found = []
    for k, board in enumerate(BOARDS):
        for j, (power_of_two, weights) in enumerate(STORED):
            activations, cell_state = KEPT[(k + j) % len(KEPT)]
            options = Options(activations, cell_state, weights, power_of_two)
            found.append((100 + len(found), board, options))
    return found


def named(case: object) -> str | None:
    if isinstance(case, Options):
        return described(case)
    return case.name if isinstance(case, Target) else None


def test_the_cases_are_all_combinations() -> None:
    tried = {described(options) for _, _, options in cases()}
    assert tried == {described(options) for options in COMBINATIONS}
    met = {(board.name, o.weights, o.power_of_two) for _, board, o in cases()}
    assert len(met) == len(BOARDS) * len(STORED)


@pytest.mark.parametrize(("number", "target", "options"), cases(), ids=named)
def test_a_combination_of_scheme_and_widths(
    number: int,
    target: Target,
    options: Options,
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
) -> None:
    """Every second program has layers of other widths, and starts in a saturated state."""
    target_or_skip(target)
    model = sampled_model(number)
    if number % 2:
        options = mixed(model, options, number)
    program = program_of(model, options)
    program = with_saturated_state(program, number) if number % 2 else program
    inputs = stored_streams(program, 100, number)
    unroll = UNROLLS[number % 5 % 3]
    assert_bit_exact(program, target, unroll, tmp_path, inputs, optimize="-O1")
