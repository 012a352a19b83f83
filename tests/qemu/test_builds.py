"""However a generated model is built for a core, its bits are the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lstm_edge.ir.program import Program
from lstm_edge.passes.options import Options, Widths
from lstm_edge.targets import load_target
from lstm_edge.toolchain import gcc
from tests.support.exactness import assert_bit_exact, rendered, stored_streams
from tests.support.many_layers import side_by_side
from tests.support.programs import Arrays
from tests.support.schemes import program_of

CORES = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m55")
BUILDS: dict[str, dict[str, Any]] = {
    **{o: {"optimize": o} for o in ("-O0", "-O1", "-O2", "-Os", "-O3")},
    "-flto": {"extra_flags": ("-flto",)},
    "-fPIC": {"extra_flags": ("-fPIC",)},
    "-O0 -fPIC": {"optimize": "-O0", "extra_flags": ("-fPIC",)},
}


@cache
def program() -> Program:
    """Kernels of all widths, all cells, in one program."""
    cells = ("lstm", "gru", "rnn", "dense")
    model = side_by_side(3, (5,), cells)
    widths = (Widths(8, 12), Widths(4, 12), Widths(16, 16), Widths(8, 8))
    layers = {n.name: w for n, w in zip(model.nodes, widths, strict=True)}
    return program_of(model, Options(layers=layers))


@cache
def streams() -> Arrays:
    return stored_streams(program(), 60)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("core", CORES)
def test_gcc(core: str, build: str, tmp_path: Path, target_or_skip: Callable[..., None]) -> None:
    target = load_target(core)
    target_or_skip(target)
    assert_bit_exact(program(), target, "gates", tmp_path, streams(), **BUILDS[build])


@pytest.mark.parametrize("core", CORES)
def test_cpp(
    core: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target_or_skip: Callable[..., None],
    tool_or_skip: Callable[..., None],
) -> None:
    """The generated files alone: start-up code is C."""
    target = load_target(core)
    target_or_skip(target)
    tool_or_skip("arm-none-eabi-g++")
    warnings = tuple(w for w in gcc.WARNINGS if not w.startswith("-std="))
    monkeypatch.setattr(gcc, "WARNINGS", ("-std=c++11", *warnings))
    _compiled(core, tmp_path, "arm-none-eabi-g++", ())


@pytest.mark.parametrize("optimize", ["-O0", "-O2", "-Os"])
@pytest.mark.parametrize("core", CORES)
def test_clang_assembles_the_kernels(
    core: str, optimize: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("clang", "arm-none-eabi-gcc")
    folder = tmp_path / "include"
    folder.mkdir()
    (folder / "string.h").write_text(
        "#include <stddef.h>\n"
        "void *memcpy(void *to, const void *from, size_t size);\n"
        "void *memset(void *to, int byte, size_t size);\n"
    )
    flags = ("--target=arm-none-eabi", f"-I{folder}", "-ffreestanding")
    _compiled(core, tmp_path, "clang", flags, optimize=optimize)


def _compiled(core: str, folder: Path, compiler: str, flags: tuple[str, ...], **more: Any) -> None:
    target = load_target(core)
    files = rendered(program(), target, "gates").files
    for name, text in files.items():
        (folder / name).write_text(text)
    sources = [folder / name for name in files if name.endswith(".c")]
    gcc.compile_objects(
        target, sources, [folder], folder, compiler=compiler, extra_flags=flags, **more
    )
