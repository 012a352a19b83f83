"""Layers of 1, 7, 13 and 97 units over 1 and 3 features, of all kinds and widths, on boards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.targets import Target
from tests.support.boards import BOARDS, EACH
from tests.support.exactness import assert_bit_exact, integer_program, stored_streams
from tests.support.many_layers import ALL_WIDTHS, CELLS, program, side_by_side
from tests.support.models import random_model
from tests.support.schemes import KINDS

every_board = pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)


@pytest.mark.all_cases
@every_board
def test_layers_side_by_side(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """18 layers in one program, each with widths of its own; other ones on the next board, and
    another scheme for the other number of features.
    """
    target_or_skip(target)
    k = BOARDS.index(target)
    for features in (1, 3):
        built = program(side_by_side(features, (1, 7, 13), tuple(CELLS)), 2 * k, features == k % 4)
        inputs = stored_streams(built, 60, k)
        assert_bit_exact(built, target, "gates", tmp_path / str(features), inputs)


@every_board
def test_long_rows(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """97 units, whose rows kernels walk in passes; as large as the smallest board has room for."""
    target_or_skip(target)
    k = BOARDS.index(target)
    cells = ("rnn", ("lstm", "gru", "gru_reset_after", "fast_grnn")[k % 4])
    built = program(side_by_side(1 + 2 * (k % 2), (97,), cells), k, False)
    assert_bit_exact(built, target, "gates", tmp_path, stored_streams(built, 40, k))


@every_board
def test_convolutions_flat_heads_and_tables(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    k = BOARDS.index(target)
    kinds = [c for c in KINDS if c.get("read") in ("flat", "mean") or c.get("rows")]
    sizes = {"hidden": ((7,), (13,), (1,))[k % 3], "features": (1, 3)[k % 2], "classes": 7}
    for number, kind in enumerate(kinds):
        choices = {"weights": "normal", "direction": "forward", **kind, **sizes}
        built = integer_program(random_model(50 + k, **choices), (8, 12, 16)[(k + number) % 3])
        inputs = stored_streams(built, 60, k)
        assert_bit_exact(built, target, "gates", tmp_path / str(number), inputs)


def test_boards_have_all_widths() -> None:
    """Each cell meets all nine widths between those that meet all cases."""
    count = sum(target.name not in EACH for target in BOARDS)
    layers = [(cell, n) for cell in CELLS for n in (1, 7, 13)]
    for cell in CELLS:
        met = {
            ALL_WIDTHS[(2 * k + j) % 9]
            for k in range(count)
            for j, (name, _) in enumerate(layers)
            if name == cell
        }
        assert met == set(ALL_WIDTHS)
