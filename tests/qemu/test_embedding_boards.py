"""Lookups and ArgMax on emulated boards, bit for bit, ids out of range included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.targets import Target, load_target
from tests.support.choices import ARGMAX_HEADS
from tests.support.exactness import (
    UNROLLS,
    assert_bit_exact,
    float_program,
    integer_program,
    stored_streams,
)
from tests.support.models import random_model


@pytest.mark.parametrize("unroll", UNROLLS)
@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_a_model_behind_a_table(
    name: str, unroll: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target(name)
    target_or_skip(target)
    seed = UNROLLS.index(unroll)
    model = random_model(
        950 + seed,
        rows=9,
        ids=1 + seed % 2,
        features=4,
        hidden=(4,),
        read="last",
        direction="both" if seed == 1 else "forward",
        head=ARGMAX_HEADS[seed],
        front=(),
    )
    for scheme, program in (("int8", integer_program(model)), ("float", float_program(model))):
        inputs = stored_streams(program, 100, seed)
        assert_bit_exact(program, target, unroll, tmp_path / scheme, inputs)
