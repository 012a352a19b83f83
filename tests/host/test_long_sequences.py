"""100,000 steps of a slow layer in C: the bits of numpy to the last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.interpret.feed import Feed
from lstm_edge.targets import load_target
from tests.support.exactness import assert_bit_exact
from tests.support.programs import quantized, stored
from tests.support.slow import slow_inputs, slow_model

pytestmark = pytest.mark.long


@pytest.mark.parametrize("kind", ["lstm"])
def test_c_and_numpy_agree_over_100_000_steps(
    kind: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc")
    program = quantized(slow_model(kind), {"x": slow_inputs(200, seed=1)})
    streams = Feed.of_samples(stored(program, {"x": slow_inputs()[-2:]}))
    assert_bit_exact(program, load_target("host"), "gates", tmp_path, streams)
