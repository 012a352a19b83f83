"""Inputs and states may be anything that their C types hold: numpy and C limit them alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.interpret.feed import Feed, run_numpy
from lstm_edge.targets import load_target
from tests.support.boards import combined
from tests.support.exactness import assert_bit_exact, assert_same_bits, every, sanitized
from tests.support.full_range import READERS, anything, reader
from tests.support.misaligned import misalign_inputs

HOST = load_target("host")
CORES = ("host", "cortex-m0", "cortex-m3", "cortex-m4")
WIDTHS = ((8, False), (12, False), (12, True), (16, False))


@pytest.mark.parametrize(("name", "core"), combined(READERS, CORES, of=2))
def test_any_numbers_are_those_of_numpy(
    name: str,
    core: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tool_or_skip: Callable[..., None],
) -> None:
    """Under sanitizers, from any address; the widths turn with models and cores."""
    tool_or_skip("gcc")
    width = WIDTHS[(list(READERS).index(name) + CORES.index(core)) % len(WIDTHS)]
    program = reader(name, *width)
    misalign_inputs(monkeypatch)
    more = {"rendered_for": load_target(core), "optimize": "-O0", **sanitized("gcc")}
    assert_bit_exact(program, HOST, "gates", tmp_path, anything(program), **more)


@pytest.mark.parametrize("core", CORES)
def test_straight_line_code_limits_its_inputs_too(
    core: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("gcc")
    program = reader("lstm")
    more = {"rendered_for": load_target(core), "optimize": "-O0", **sanitized("gcc")}
    assert_bit_exact(program, HOST, "full", tmp_path, anything(program), **more)


@pytest.mark.parametrize("name", READERS)
def test_a_number_beyond_a_format_counts_as_the_nearest_in_it(name: str) -> None:
    """In numpy: the result is that of limited inputs, and some were beyond."""
    program = reader(name)
    feed = anything(program)
    formats = {p.name: program.values[p.value].format for p in program.inputs}
    inside = {n: np.clip(a, formats[n].low, formats[n].high) for n, a in feed.inputs.items()}
    assert any(np.any(inside[n] != a) for n, a in feed.inputs.items())
    found = every(run_numpy(program, feed))
    assert_same_bits(every(run_numpy(program, Feed(inside, feed.states))), found)
