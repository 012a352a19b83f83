"""Lookups and ArgMax in the generated C give what numpy gives, ids out of range included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_edge.interpret.feed import Feed, run_numpy
from lstm_edge.ir.model import Model
from lstm_edge.targets import load_target
from tests.support.boards import combined
from tests.support.choices import ARGMAX_HEADS
from tests.support.exactness import (
    UNROLLS,
    assert_bit_exact,
    compiled_outputs,
    float_program,
    integer_program,
    rendered,
    sanitized,
    stored_streams,
)
from tests.support.models import random_model

HOST = load_target("host")
DSP = load_target("cortex-m4")


def looking_up(seed: int, **choices: Any) -> Model:
    """A model behind a table of a few rows."""
    rows = [1, 2, 7, 40][seed % 4]
    drawn = {"rows": rows, "ids": 1 + seed % 3, "head": ARGMAX_HEADS[seed % 3], "front": ()}
    return random_model(900 + seed, **{**drawn, **choices})


@pytest.fixture(autouse=True)
def _compiler(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


@pytest.mark.parametrize(
    ("seed", "unroll", "activations"), combined(range(8), UNROLLS, (8, 12, 16))
)
def test_an_integer_model(seed: int, unroll: str, activations: int, tmp_path: Path) -> None:
    program = integer_program(looking_up(seed), activations)
    inputs = stored_streams(program, 100, seed)
    assert_bit_exact(program, HOST, unroll, tmp_path, inputs, rendered_for=DSP, optimize="-O1")


@pytest.mark.parametrize(("seed", "unroll"), combined(range(8), UNROLLS))
def test_a_float_model(seed: int, unroll: str, tmp_path: Path) -> None:
    program = float_program(looking_up(seed))
    inputs = stored_streams(program, 60, seed)
    assert_bit_exact(program, HOST, unroll, tmp_path, inputs, optimize="-O1")


@pytest.mark.parametrize("optimize", ["-O0", "-O2"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_compiler_under_sanitizers(
    compiler: str, optimize: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler)
    options = {"optimize": optimize, **sanitized(compiler)}
    model = looking_up(2, direction="forward", read="steps", weights="normal")
    for scheme, program in (("int8", integer_program(model)), ("float", float_program(model))):
        inputs = stored_streams(program, 60)
        assert_bit_exact(program, HOST, "gates", tmp_path / scheme, inputs, **options)


@pytest.mark.parametrize("scheme", ["int8", "float"])
def test_a_lookup_that_does_not_limit_ids_is_noticed(scheme: str, tmp_path: Path) -> None:
    """Ids out of range are in the inputs, and what they give is compared."""
    model = looking_up(3, ids=1, direction="forward", read="steps", head=(), weights="normal")
    program = integer_program(model) if scheme == "int8" else float_program(model)
    inputs = stored_streams(program, 60)
    expected = run_numpy(program, Feed(inputs)).outputs
    limited = {n: np.clip(a, 0, model.inputs[0].limit - 1) for n, a in inputs.items()}
    assert np.array_equal(expected["y"], run_numpy(program, Feed(limited)).outputs["y"])

    def wrapping(files: Any) -> Any:
        text = files["net.c"]
        assert "number < 0 ? 0 :" in text
        return {**files, "net.c": text.replace("number < 0 ? 0 :", "number < 0 ? rows - 1 :")}

    found = compiled_outputs(program, HOST, "gates", tmp_path, inputs, wrapping)
    assert not np.array_equal(expected["y"], found["y"])


def test_the_first_of_several_largest_is_taken(tmp_path: Path) -> None:
    """All weights are 0, so all units are equal."""
    model = looking_up(1, head=("argmax",), weights="zero", direction="forward", read="steps")
    for scheme, program in (("int8", integer_program(model)), ("float", float_program(model))):
        inputs = stored_streams(program, 60)
        assert not run_numpy(program, Feed(inputs)).outputs["y"].any()
        assert_bit_exact(program, HOST, "gates", tmp_path / scheme, inputs)


def test_integers_have_one_type_in_every_scheme_and_nothing_to_convert() -> None:
    model = looking_up(1, read="last", also=())
    for program in (integer_program(model), float_program(model)):
        header = rendered(program, HOST, "gates").files["net.h"]
        assert "typedef int32_t net_x_t;" in header
        assert "quantize_x" not in header
    model = looking_up(1, head=("argmax",), read="last", also=())
    for program in (integer_program(model), float_program(model)):
        header = rendered(program, HOST, "gates").files["net.h"]
        assert "typedef int32_t net_y_t;" in header
        assert "quantize" not in header
    assert "#define NET_X_LIMIT" in header
