"""Random networks over the attribute space of ONNX, steps of their own and cells by their names;
`make random` tries thirty times as many.

Not drawn by hypothesis: it repeats itself where a network takes a hundred choices.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.graphs import saved
from tests.oracle.random_graphs import random_net
from tests.oracle.random_models import MOST_REFUSED, attempt

pytest.importorskip("onnxruntime")

EACH = 10
ONCE_FAILED = (37, 57454, 53372)
"""Seeds: a layer of which the axes were guessed, and that has initial states; a padded pooling of
one step, which was looked at as if it had a state; steps written out behind a layer that does not
say its hidden_size, which were read as if it had one unit.
"""


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


@pytest.mark.parametrize("seed", ONCE_FAILED)
def test_networks_that_once_failed(seed: int, tool_or_skip: Callable[..., None]) -> None:
    """They are found to be right, and none is refused."""
    tool_or_skip("cc")
    _, outcome, text, _ = attempt(seed, boards=False)
    assert outcome is not None, text
    assert not outcome.refused


def test_vectors_of_a_size_that_nothing_tells_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those behind the layer without a hidden_size, as if its R were computed: their steps are not
    read, and if they were, their products would be refused.
    """
    monkeypatch.setattr("lstm_edge.frontend.graph.shapes._tell_sizes_of_states", lambda _: None)
    path = saved(random_net(Random(ONCE_FAILED[-1])).model(), tmp_path)
    with pytest.raises(ModelError):
        load(path)
    monkeypatch.setattr("lstm_edge.frontend.step.unrolled._is_sized", lambda *_: True)
    with pytest.raises(ModelError, match=r"vectors of 8 numbers by weights of shape \[11, 5\]"):
        load(path)
