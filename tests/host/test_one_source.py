"""One source for all cores on this computer: the plain C of it, under sanitizers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lstm_edge.errors import ToolchainError
from lstm_edge.interpret.feed import run_numpy
from lstm_edge.passes.options import Options
from lstm_edge.resources import firmware_dir
from lstm_edge.runner import run_sources
from lstm_edge.targets import load_target
from lstm_edge.toolchain.process import run_tool
from tests.support.boards import combined
from tests.support.exactness import (
    as_feed,
    assert_same_bits,
    every,
    float_program,
    sanitized,
    stored_streams,
)
from tests.support.one_source import STRING_H, one_source, written
from tests.support.schemes import program_of, sampled_model

WIDTHS = (Options(), Options(8, 16, 4), Options(16, 32, 16), Options(power_of_two=True))
MODELS = (0, 1, 3, 4, 5, 7, 8, 9)


@pytest.mark.parametrize(("number", "compiler"), combined(MODELS, ("gcc", "clang"), of=2))
def test_plain_c_gives_the_same_bits(
    number: int, compiler: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler)
    model = sampled_model(number)
    program = float_program(model) if number == 5 else program_of(model, WIDTHS[number % 4])
    unroll = ("gates", "none", "full")[number % 3]
    sources = written(one_source(program, unroll), tmp_path)
    feed = as_feed(stored_streams(program, 30))
    found = run_sources(
        program, load_target("host"), sources, [tmp_path], tmp_path, feed, **sanitized(compiler)
    )
    assert_same_bits(every(run_numpy(program, feed)), every(found))


def test_states_as_arguments(tmp_path: Path, tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")
    program = program_of(sampled_model(0), Options())
    program = replace(program, settings=replace(program.settings, state="explicit"))
    sources = written(one_source(program, optimize="size"), tmp_path)
    feed = as_feed(stored_streams(program, 30))
    found = run_sources(program, load_target("host"), sources, [tmp_path], tmp_path, feed)
    assert_same_bits(every(run_numpy(program, feed)), every(found))


@pytest.mark.parametrize("name", ["cortex-m", "portable", "cortex-m4"])
def test_an_int_of_16_bits_is_refused(
    name: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """By the C of every target: MSP430 has one. A RISC-V takes it: it has 32 bits."""
    tool_or_skip("clang")
    program = program_of(sampled_model(0), Options())
    sources = written(one_source(program, name=name), tmp_path)
    (tmp_path / "string.h").write_text(STRING_H)
    check = ("clang", "-fsyntax-only", "-ffreestanding", "-std=c99", "-Werror", "-Wall", "-Wundef")
    command = [*check, f"-I{tmp_path}", f"-I{firmware_dir() / 'host'}", *map(str, sources)]
    with pytest.raises(ToolchainError, match="net_int_has_32_bits"):
        run_tool([*command, "--target=msp430"], working_dir=tmp_path, timeout=60.0)
    run_tool([*command, "--target=riscv32"], working_dir=tmp_path, timeout=60.0)
