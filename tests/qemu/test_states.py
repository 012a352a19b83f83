"""States and parts of features on every core, bit for bit, under QEMU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.interpret.feed import Feed
from lstm_edge.targets import Target, all_targets
from tests.support.exactness import (
    assert_bit_exact,
    compiled_outputs,
    float_program,
    integer_program,
    stored_streams,
)
from tests.support.models import random_model
from tests.support.states import random_feed, stateful

BOARDS = tuple(target for target in all_targets() if target.board is not None)
every_board = pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)


@every_board
@pytest.mark.parametrize("name", ["grus", "lstms", "both-gru"])
def test_states_given_before_each_call_are_those_of_numpy(
    name: str, target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    state = "explicit" if target.name == "cortex-m4" else "kept"
    program = stateful(name, state=state)
    assert_bit_exact(program, target, "gates", tmp_path, random_feed(program, each=True))


@every_board
def test_steps_of_one_call_are_the_calls_of_one_step(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    program = stateful("grus")
    windowed = random_feed(program, calls=4, steps=3, seed=5)
    inputs = {n: a.reshape(3, 12, 1, -1) for n, a in windowed.inputs.items()}
    whole = compiled_outputs(program, target, "gates", tmp_path / "whole", windowed)
    steps = compiled_outputs(
        program, target, "gates", tmp_path / "steps", Feed(inputs, windowed.states)
    )
    assert np.array_equal(steps["y"].reshape(whole["y"].shape), whole["y"])
    for state in program.settable:
        assert np.array_equal(steps[state.name][:, 2::3], whole[state.name])


@every_board
@pytest.mark.parametrize("read", ["steps", "joined", "flat"])
def test_parts_of_features_are_those_of_numpy(
    read: str, target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    direction = "forward" if read == "steps" else "both"
    model = random_model(
        220,
        cell="gru_reset_after" if read == "flat" else "gru",
        direction=direction,
        read=read,
        cut=("input", "hidden"),
        features=6,
        hidden=(6, 5),
        steps=5,
        weights="normal",
    )
    for name, program in (("int8", integer_program(model)), ("float", float_program(model))):
        inputs = stored_streams(program, 20)
        assert_bit_exact(program, target, "gates", tmp_path / name, inputs)
