"""Random networks over the attribute space of ONNX, steps of their own and cells by their names;
`make random` tries thirty times as many.

Not drawn by hypothesis: it repeats itself where a network takes a hundred choices.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.oracle.random_models import MOST_REFUSED, attempt

pytest.importorskip("onnxruntime")

EACH = 10


@pytest.mark.parametrize("first", [1000, 1010, 1020])
def test_random_networks_are_exact_and_near_onnxruntime(
    first: int, tool_or_skip: Callable[..., None]
) -> None:
    """In float, in integers and in C; the same networks in every run."""
    tool_or_skip("cc")
    results = [attempt(seed, boards=False) for seed in range(first, first + EACH)]
    wrong = [f"seed {seed}\n{text}" for seed, outcome, text, _ in results if outcome is None]
    assert not wrong, "\n\n".join(wrong)
    refused = [outcome.refused for _, outcome, _, _ in results if outcome and outcome.refused]
    assert len(refused) <= MOST_REFUSED * EACH, refused
