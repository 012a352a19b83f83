"""What tests compile once: only where an object could not be another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.errors import ToolchainError
from tests.support.objects import Objects

HEADER, SOURCE = "enum { A = 1 };\n", '#include "a.h"\nint f(void);\nint f(void) { return A; }\n'


@pytest.fixture
def compiled(tmp_path: Path, tool_or_skip: Callable[..., None]) -> Callable[..., bool]:
    """Compiles the source in another folder each time; whether a compiler was started."""
    tool_or_skip("cc", "clang")
    kept, started = tmp_path / "kept", 0
    kept.mkdir()
    objects = Objects(kept)
    compile_one, folders = objects.compile, 0

    def counting(*arguments: object) -> None:
        nonlocal started
        started += 1
        compile_one(*arguments)  # type: ignore[arg-type]

    objects.compile = counting

    def compiled(
        source: str = SOURCE, header: str = HEADER, *more: str, tool: str = "cc", **others: str
    ) -> bool:
        nonlocal folders
        folders += 1
        folder = tmp_path / str(folders)
        folder.mkdir()
        for name, text in others.items():
            (folder / f"{name}.h").write_text(text)
        (folder / "a.h").write_text(header)
        (folder / "a.c").write_text(source)
        before = started
        objects([tool, *(more or ("-O1",)), f"-I{folder}"], folder / "a.c", folder / "a.o")
        assert (folder / "a.o").stat().st_size > 0
        return started > before

    return compiled


def test_the_same_text_is_compiled_once(compiled: Callable[..., bool]) -> None:
    assert compiled()
    assert not compiled()


def test_another_text_header_flag_or_compiler_is_compiled(compiled: Callable[..., bool]) -> None:
    assert compiled()
    assert compiled(SOURCE.replace("return A", "return A + 1"))
    assert compiled(SOURCE, HEADER.replace("1", "2"))
    assert compiled(SOURCE, HEADER, "-O2")
    assert compiled(SOURCE, HEADER, "-O1", "-DB=1")
    assert compiled(tool="clang")


def test_a_header_that_a_header_includes_is_a_part_of_it(compiled: Callable[..., bool]) -> None:
    header = "# include <b.h>\n"
    assert compiled(SOURCE, header, b=HEADER)
    assert not compiled(SOURCE, header, b=HEADER)
    assert compiled(SOURCE, header, b=HEADER.replace("1", "2"))


def test_a_header_that_nothing_includes_is_none(compiled: Callable[..., bool]) -> None:
    assert compiled(SOURCE, HEADER, c="enum { C = 1 };\n")
    assert not compiled(SOURCE, HEADER, c="enum { C = 2 };\n")


def test_where_a_macro_says_which_header_all_are_parts(compiled: Callable[..., bool]) -> None:
    source = '#define HEADER "a.h"\n' + SOURCE.replace('"a.h"', "HEADER")
    assert compiled(source, HEADER, c="enum { C = 1 };\n")
    assert not compiled(source, HEADER, c="enum { C = 1 };\n")
    assert compiled(source, HEADER, c="enum { C = 2 };\n")


def test_debuggers_are_told_where_the_source_is(compiled: Callable[..., bool]) -> None:
    assert compiled(SOURCE, HEADER, "-g")
    assert compiled(SOURCE, HEADER, "-g")


def test_a_failure_fails_each_time(compiled: Callable[..., bool]) -> None:
    for _ in range(2):
        with pytest.raises(ToolchainError):
            compiled("int f(void) { return x; }\n")
