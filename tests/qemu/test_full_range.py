"""Boards limit inputs and states as numpy does, whatever they are and wherever they lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.targets import Target, all_targets
from tests.support.exactness import assert_bit_exact
from tests.support.full_range import READERS, anything, reader
from tests.support.misaligned import misalign_inputs

BOARDS = tuple(target for target in all_targets() if target.board is not None)


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_inputs_at_an_odd_address(
    target: Target,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target_or_skip: Callable[[Target], None],
) -> None:
    """At 2 mod 4 for int16, 1 mod 4 for int8: a word cannot be loaded from there on Armv6-M."""
    target_or_skip(target)
    misalign_inputs(monkeypatch)
    names = list(READERS)
    k = BOARDS.index(target)
    chosen = {"lstm": 12, "dense": 8, names[2 * k % 10]: 16, names[(2 * k + 1) % 10]: 12}
    for name, activations in chosen.items():
        program = reader(name, activations)
        feed = anything(program, seed=k)
        assert_bit_exact(program, target, "gates", tmp_path / f"{name}{activations}", feed)
