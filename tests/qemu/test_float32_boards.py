"""Networks in float32 on boards with an FPU: numpy's bits at every level, by gcc and clang."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.interpret.feed import run_numpy
from lstm_edge.ir.program import Program
from lstm_edge.kernels import KERNELS
from lstm_edge.runner import run_sources
from lstm_edge.targets import Target, all_targets
from lstm_edge.toolchain import gcc
from lstm_edge.toolchain.process import run_tool
from tests.qemu.test_bit_exact import small_model
from tests.support.choices import MEASURED
from tests.support.exactness import (
    as_feed,
    assert_bit_exact,
    assert_same_bits,
    every,
    float_program,
    rendered,
    stored_streams,
)
from tests.support.models import random_model
from tests.support.programs import Arrays

BOARDS = tuple(target for target in all_targets() if target.has_vmla)
MODELS = {
    "lstm": {"features": 9, "hidden": (17,), "head": ("dense", "softmax")},
    "two": {"features": 3, "hidden": (5, 8), "direction": "both", "steps": 6},
    "gru": {"cell": "gru", "features": 4, "hidden": (5,), "head": ("dense", "elu")},
    "after": {"cell": "gru_reset_after", "features": 5, "hidden": (7,), "initial": True},
    "peephole": {"cell": "peephole_coupled", "features": 2, "hidden": (6,)},
    "rnn": {"cell": "rnn", "features": 3, "hidden": (70,)},
}
Made = tuple[Program, Arrays]
HELIUM = ".arch armv8.1-m.main\n.arch_extension fp\n.arch_extension mve.fp"
"""How an assembler says Cortex-M55 that does not know it by its name."""


@cache
def made(name: str, tiny: bool = False) -> Made:
    """A program and what enters it. tiny: numbers with denormal products."""
    program = float_program(random_model(5, **{**MEASURED, **MODELS[name]}))
    inputs = stored_streams(program, 30)
    scale = np.float32(2.0**-130 if tiny else 1.0)
    return program, {key: (a * scale).astype(np.float32) for key, a in inputs.items()}


@pytest.mark.parametrize("optimize", ["-O0", "-O2", "-Os", "-O3"])
@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_networks_at_every_level(
    target: Target, optimize: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    for name in MODELS:
        program, inputs = made(name)
        forms = rendered(program, target, "gates").selection.forms
        assert {KERNELS[kernel].part for kernel in forms} == {"fpu"}
        folder = tmp_path / name
        assert_bit_exact(program, target, "gates", folder, inputs, optimize=optimize)


@pytest.mark.parametrize("unroll", ["none", "gates", "full"])
@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_denormal_inputs(
    target: Target, unroll: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    program, inputs = made("lstm", tiny=True)
    assert_bit_exact(program, target, unroll, tmp_path, inputs)


@pytest.mark.parametrize("seed", [1018, 1049])
def test_kernels_and_plain_c_in_one_file(
    seed: int, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """Sums that go on over the steps are plain C, and those of a GRU beside them are kept."""
    target = BOARDS[0 if seed % 2 == 0 else -1]
    target_or_skip(target)
    program = float_program(small_model(seed))
    tiles = rendered(program, target, "gates").selection.tiles.values()
    assert {each.kernel.part for each in tiles if each.kernel} == {"fpu", "portable"}
    assert any(each.sums for each in tiles)
    assert_bit_exact(program, target, "gates", tmp_path, stored_streams(program, 30))


@pytest.mark.parametrize("optimize", ["-O0", "-O2", "-Os", "-O3"])
@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_clang_gives_the_same_bits(
    target: Target,
    optimize: str,
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
    tool_or_skip: Callable[..., None],
) -> None:
    """The step by clang, and all else, for which there is no library here, by gcc."""
    target_or_skip(target)
    tool_or_skip("clang")
    include = tmp_path / "include"
    include.mkdir()
    (include / "string.h").write_text(
        "#include <stddef.h>\n"
        "void *memcpy(void *to, const void *from, size_t size);\n"
        "void *memset(void *to, int byte, size_t size);\n"
    )
    for name in ("lstm", "gru"):
        program, inputs = made(name)
        folder = tmp_path / name
        folder.mkdir()
        for file, text in rendered(program, target, "gates").files.items():
            (folder / file).write_text(text)
        code = folder / f"{program.name}.c"
        flags = [
            *target.flags,
            "--target=arm-none-eabi",
            f"-I{include}",
            "-ffreestanding",
            "-fno-addrsig",
        ]
        command = [
            "clang",
            *gcc.WARNINGS,
            *flags,
            optimize,
            "-S",
            str(code),
            "-o",
            f"{code.stem}.s",
        ]
        run_tool(command, working_dir=folder, timeout=gcc.TIMEOUT)
        assembly = folder / f"{code.stem}.s"
        assembly.write_text(assembly.read_text().replace(".cpu\tcortex-m55", HELIUM))
        sources = (assembly, folder / f"{program.name}_weights.c")
        found = run_sources(program, target, sources, [folder], folder, as_feed(inputs))
        expected = every(run_numpy(program, as_feed(inputs)))
        assert_same_bits(expected, every(found))
