"""Building and running: what a user sees when a tool is missing, fails, or never ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.errors import ToolchainError
from lstm_edge.resources import firmware_dir
from lstm_edge.targets import all_targets, load_target
from lstm_edge.toolchain import execute, gcc, host, qemu
from lstm_edge.toolchain.process import find_tool, run_tool

HOST = load_target("host")
BOARDS = tuple(target for target in all_targets() if target.board is not None)


def python(code: str, timeout: float = 20.0) -> str:
    return run_tool([sys.executable, "-c", code], working_dir=Path.cwd(), timeout=timeout)


def write(path: Path, text: str) -> Path:
    path.write_text(text.rstrip(" "), encoding="utf-8")
    return path


def test_a_tool_that_is_missing_is_named_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolchainError, match=r"qemu-system-arm was not found.*apt-get install"):
        find_tool("qemu-system-arm")
    with pytest.raises(ToolchainError, match=r"libnewlib-arm-none-eabi"):
        find_tool("arm-none-eabi-gcc")


def test_a_failure_carries_status_command_and_the_tail_of_the_output() -> None:
    with pytest.raises(ToolchainError) as caught:
        python("[print(i) for i in range(100)]; print('the cause'); raise SystemExit(7)")
    first, command, *output = str(caught.value).splitlines()
    assert first.endswith("failed with status 7: the cause")
    assert "SystemExit" in command
    assert "99" in output
    assert "9" not in output


def test_the_first_compiler_error_is_the_cause_that_is_shown() -> None:
    with pytest.raises(ToolchainError, match=r"^[^\n]*status 1: x\.c:1: error: bad\n"):
        python("print('x.c: In f\\nx.c:1: error: bad\\n 1 | x'); raise SystemExit(1)")


def test_a_signal_is_named() -> None:
    with pytest.raises(ToolchainError, match="signal SIGSEGV"):
        python("import os; os.kill(os.getpid(), 11)")


def test_a_program_that_does_not_end_is_stopped_with_its_children() -> None:
    start = time.monotonic()
    with pytest.raises(ToolchainError, match=r"took longer than 0\.5 s"):
        python("import subprocess, time; subprocess.Popen(['sleep', '30']); time.sleep(30)", 0.5)
    assert time.monotonic() - start < 10


def test_arguments_reach_the_program_without_a_shell(tmp_path: Path) -> None:
    words = ["$HOME", "a b", "; touch x", "*"]
    command = [sys.executable, "-c", "import sys; print(sys.argv[1:])", *words]
    assert run_tool(command, working_dir=tmp_path, timeout=20).strip() == str(words)
    assert list(tmp_path.iterdir()) == []


def test_a_host_program_runs_in_the_folder_that_is_asked_for(
    tmp_path: Path, tool_or_skip: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tool_or_skip("cc")
    monkeypatch.chdir(tmp_path)
    code = """
        #include "edge_io.h"
        int main(void)
        {
            const char text[3] = {'a', 'b', 'c'};
            edge_file file = edge_open_write("out.bin");
            edge_print("wrote ");
            edge_print_int((int32_t)sizeof text);
            return (edge_write(file, text, sizeof text) && edge_close(file)) ? 0 : 1;
        }
    """
    write(Path("main.c"), code)
    Path("files").mkdir()
    program = gcc.build(HOST, [Path("main.c")], [], Path("build"))
    assert execute(HOST, program, Path("files")) == "wrote 3"
    assert Path("files/out.bin").read_bytes() == b"abc"


@pytest.mark.parametrize(
    "line",
    ["int8_t y = x; return y;", "int x = 1; return x;", "for (;;) {} int8_t z; return x;"],
    ids=["conversion", "shadow", "declaration"],
)
def test_a_warning_is_an_error(
    tmp_path: Path, tool_or_skip: Callable[..., None], line: str
) -> None:
    tool_or_skip("cc")
    code = f"#include <stdint.h>\nint main(int x, char **v) {{ (void)v; {{ {line} }} }}\n"
    with pytest.raises(ToolchainError, match=r"main\.c:2:\d+: error:"):
        gcc.build(HOST, [write(tmp_path / "main.c", code)], [], tmp_path / "build")


def test_defines_flags_and_another_compiler_are_used(
    tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("clang")
    code = """
        #include "edge_io.h"
        #ifndef __clang__
        #error not clang
        #endif
        int main(void) { edge_print(TEXT); edge_print_int(VALUE); return 0; }
    """
    program = gcc.build(
        HOST,
        [write(tmp_path / "main.c", code)],
        [],
        tmp_path,
        optimize="-O1",
        defines=['TEXT="hello "'],
        extra_flags=["-fwrapv", "-DVALUE=-5"],
        compiler="clang",
    )
    assert execute(HOST, program, tmp_path) == "hello -5"


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"same object file: a\.c, a\.c"):
        gcc.compile_objects(HOST, [Path("a.c"), Path("x/a.c")], [], tmp_path)


def test_section_sizes_tell_code_constants_data_and_zeros_apart(
    tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    target = load_target("cortex-m4")
    tool_or_skip(target.compiler)
    code = """
        #include <stdint.h>
        extern const int8_t table[1000];
        const int8_t table[1000] = {1};
        int32_t start[5] = {1};
        int32_t zeros[50];
        int main(void) { return table[start[0]] + (int)zeros[start[1]]; }
    """
    source = write(
        tmp_path / "main.c", code.replace("int32_t start", "extern int32_t x;\nint32_t start")
    )
    objects = gcc.compile_objects(target, [source], [], tmp_path)
    sizes = gcc.section_sizes(target, objects)
    assert 8 <= sizes.pop("text") < 64
    assert sizes == {"rodata": 1000, "data": 20, "bss": 200}
    linked = gcc.section_sizes(target, gcc.build(target, [source], [], tmp_path))
    assert linked["text"] > 300
    assert linked["rodata"] > 1000
    assert (linked["data"], linked["bss"]) == (24, 200)


def test_a_program_runs_only_where_it_can(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="cannot run on this computer"):
        host.run(BOARDS[0], tmp_path / "x", tmp_path)
    with pytest.raises(ToolchainError, match="host has no board"):
        qemu.run(HOST, tmp_path / "x", tmp_path)


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_the_linker_script_is_filled_in(target: object) -> None:
    script = gcc.linker_script(target.board)  # type: ignore[attr-defined]
    assert "@" not in script.replace("between @ is", "")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_host_io_is_clean_c(
    compiler: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler)
    source = firmware_dir() / "common" / "edge_io_stdio.c"
    gcc.compile_objects(HOST, [source], [], tmp_path, compiler=compiler)
