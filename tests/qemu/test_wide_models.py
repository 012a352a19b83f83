"""Whole models on vectors of units, bit for bit: odd sizes, all widths, all layers, any numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lstm_edge.ir.program import Program
from lstm_edge.kernels.mve import Role
from lstm_edge.passes.options import Options, Widths
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain import gcc
from tests.support.choices import PLAIN
from tests.support.exactness import assert_bit_exact, rendered, sanitized, stored_streams
from tests.support.full_range import anything
from tests.support.many_layers import CELLS, program, side_by_side
from tests.support.models import random_model
from tests.support.schemes import mixed, program_of, sampled_model

HOST, M55 = load_target("host"), load_target("cortex-m55")
FREESTANDING = (
    "#include <stddef.h>\n"
    "void *memcpy(void *to, const void *from, size_t size);\n"
    "void *memset(void *to, int byte, size_t size);\n"
)


@pytest.fixture(autouse=True)
def _tools(target_or_skip: Callable[[Target], None]) -> None:
    target_or_skip(M55)


def wide(built: Program) -> int:
    """Phases on vectors."""
    return len(rendered(built, M55, "gates").selection.wide)


@pytest.mark.parametrize("scheme", ["int8", "fixed"])
def test_odd_sizes_of_all_cells(scheme: str, tmp_path: Path) -> None:
    """12 layers over one feature, of all widths of weights and activations."""
    fixed = scheme == "fixed"
    units = (2, 13) if fixed else (1, 3)
    built = program(side_by_side(1, units, tuple(CELLS)), 4 * fixed, fixed)
    assert wide(built) > 5
    feed = anything(built, seed=fixed, steps=10)
    assert len(feed.states) >= 10
    assert_bit_exact(built, M55, "gates", tmp_path, feed)


def long_rows(scheme: str) -> Program:
    """97 units; weights and activations in all ways that rows hold them."""
    model = side_by_side(7, (97,), ("rnn", "gru_reset_after", "fast_grnn"))
    chosen = (Widths(4, 12, ("R_h",)), Widths(8, 16), Widths(4, 8))
    if scheme == "fixed":
        chosen = (Widths(16, 16), Widths(4, 16), Widths(8, 12))
    layers = {node.name: widths for node, widths in zip(model.nodes, chosen, strict=True)}
    return program_of(model, Options(power_of_two=scheme == "fixed", layers=layers))


@pytest.mark.parametrize("scheme", ["int8", "fixed"])
def test_long_rows(scheme: str, tmp_path: Path) -> None:
    built = long_rows(scheme)
    feed = anything(built, calls=2)
    assert_bit_exact(built, M55, "gates", tmp_path, feed)


def test_tiles_of_two_sizes_and_operands_without_lower_bits(tmp_path: Path) -> None:
    """17 vectors of units in tiles of 9 and 8; inputs shifted left beside bytes."""
    choices = {**PLAIN, "hidden": (67,), "features": 5, "norm": "", "cut": ()}
    built = program_of(random_model(80, **choices, head=(), also=(), initial=False), Options(8, 32))
    found = rendered(built, M55, "gates").selection.wide.values()
    assert [wide.vectors for wide in found if wide.rows] == [9]
    segments = [segment for wide in found for each in wide.sets for segment in each.segments]
    assert {(each.role, each.places > 0) for each in segments} == {
        (Role.LOW, False),
        (Role.HIGH, True),
    }
    assert_bit_exact(built, M55, "gates", tmp_path, anything(built, calls=2))


def test_tiles_of_two_sizes_of_a_layer_with_one_row(tmp_path: Path) -> None:
    """A dense layer of 257 units, in tiles of 33 and 32 vectors: no row of a second kind."""
    choices = {**PLAIN, "hidden": (5,), "features": 3, "classes": 257, "norm": "", "cut": ()}
    built = program_of(random_model(81, **choices, head=("dense",), also=()), Options())
    found = rendered(built, M55, "gates").selection.wide.values()
    assert (1, 33) in [(wide.rows, wide.vectors) for wide in found]
    assert_bit_exact(built, M55, "gates", tmp_path, anything(built))


KINDS_AT_ONCE = (
    {"head": ("dense", "argmax"), "rows": 9, "ids": 2, "read": "last", "front": ()},
    {"head": ("layer_norm", "dense", "softmax"), "norm": "layer_norm", "read": "steps"},
    {"head": ("dense", "log_softmax"), "front": ("conv",), "steps": 6, "read": "mean"},
)


@pytest.mark.parametrize("number", range(len(KINDS_AT_ONCE)))
def test_layers_around_a_cell(number: int, tmp_path: Path) -> None:
    choices: dict[str, Any] = {"weights": "normal", "direction": "forward", "also": ()}
    choices |= {"cell": ("gru", "fast_grnn", "plain")[number], "cut": (), "initial": True}
    sizes = {"hidden": ((7,), (3, 2), (13,))[number], "features": 5, "classes": 6}
    model = random_model(300 + number, **{**choices, **sizes, **KINDS_AT_ONCE[number]})
    options = Options((16, 8, 12)[number], 32, (4, 8, 16)[number], number == 2)
    built = program_of(model, options)
    assert wide(built) > 1
    assert_bit_exact(built, M55, "gates", tmp_path, stored_streams(built, 60, number))


def test_clang_computes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool_or_skip: Callable[..., None]
) -> None:
    """The generated files alone, optimized: start-up code and what is linked are gcc's."""
    tool_or_skip("clang")
    built = long_rows("int8")
    own = set(rendered(built, M55, "gates").files)
    folder = tmp_path / "include"
    folder.mkdir()
    (folder / "string.h").write_text(FREESTANDING)
    flags = ("--target=arm-none-eabi", f"-I{folder}", "-ffreestanding")
    compiled, compile_one = [], gcc.compile_one

    def compile_some(common: list[str], source: Path, result: Path) -> None:
        if source.name in own:
            compiled.append(source.name)
            common = ["clang", *common[1:], *flags]
        compile_one(common, source, result)

    monkeypatch.setattr(gcc, "compile_one", compile_some)
    assert_bit_exact(built, M55, "gates", tmp_path, anything(built, calls=2))
    assert sorted(compiled) == sorted(name for name in own if name.endswith(".c"))


@pytest.mark.parametrize("number", range(3))
def test_random_models_on_this_computer(number: int, tmp_path: Path) -> None:
    """The same files with stand-ins, and sanitizers: what one layer has is read by no other."""
    model = sampled_model(3 + number, hidden=((7,), (3, 2), (1, 5))[number])
    options = Options((8, 12, 16)[number], (16, 32)[number % 2], 8, number == 1)
    built = program_of(model, mixed(model, options, number))
    more = {"rendered_for": M55, "optimize": "-O0", **sanitized("gcc")}
    assert_bit_exact(built, HOST, "gates", tmp_path, stored_streams(built, 60, number), **more)
