"""A package in a project of CMake: as a folder, installed, and fetched for a board."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.resources import firmware_dir
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain import execute, gcc
from tests.support.package_tools import NAME, PASSED, ran, with_a_wrong_result

BOARD = Path(__file__).parent / "fixtures" / "board"


def configured(source: Path, build: Path, *options: object) -> Path:
    ran("cmake", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", *options)
    ran("cmake", "--build", build)
    return build


def test_the_example_builds_with_the_folder_and_its_test_passes(
    package: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cmake", "cc")
    built = configured(package / "examples" / "cmake", tmp_path / "build")
    assert PASSED in ran("ctest", "--test-dir", built, "-V")
    assert not (package / "build").exists()


def test_a_wrong_result_fails_the_test_of_the_example(
    package: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cmake", "cc")
    wrong = with_a_wrong_result(package, tmp_path / NAME)
    built = configured(wrong / "examples" / "cmake", tmp_path / "build")
    assert f"{NAME}: 1 results differ" in ran("ctest", "--test-dir", built, "-V", status=8)


def test_find_package_finds_what_was_installed_and_nothing_else(
    package: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cmake", "cc")
    place = tmp_path / "installed"
    built = configured(package, tmp_path / "library", f"-DCMAKE_INSTALL_PREFIX={place}")
    ran("cmake", "--install", built)
    headers = [path.name for path in place.rglob("*.h")]
    assert headers == [f"{NAME}.h"]
    app = tmp_path / "app"
    app.mkdir()
    (app / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(app C)\n"
        f"find_package({NAME} 1.1 CONFIG REQUIRED)\n"
        "foreach(other 0.9 1.3 2.0)\n"
        f"  find_package({NAME} ${{other}} CONFIG QUIET)\n"
        f'  if({NAME}_FOUND)\n    message(FATAL_ERROR "taken for ${{other}}")\n  endif()\n'
        "endforeach()\n"
        f"add_executable(app {package}/examples/selftest.c)\n"
        f"target_link_libraries(app PRIVATE lstm_edge::{NAME})\n"
    )
    built = configured(app, tmp_path / "app_build", f"-DCMAKE_PREFIX_PATH={place}")
    assert PASSED in ran(built / "app")


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m55"])
def test_one_package_passes_its_self_test_on_each_board(
    core: str,
    package: Path,
    tmp_path: Path,
    tool_or_skip: Callable[..., None],
    target_or_skip: Callable[[Target], None],
) -> None:
    target = load_target(core)
    tool_or_skip("cmake")
    target_or_skip(target)
    assert target.board is not None
    firmware = firmware_dir() / "common"
    script = tmp_path / "link.ld"
    script.write_text(gcc.linker_script(target.board))
    start = [firmware / name for name in (target.board.startup, "semihosting.c")]
    defines = [f"-D{define}" for define in gcc.board_defines(target)]
    built = configured(
        BOARD,
        tmp_path / "build",
        f"-DCMAKE_TOOLCHAIN_FILE={BOARD / 'toolchain.cmake'}",
        f"-DCMAKE_C_FLAGS={' '.join([*target.flags, *defines])}",
        f"-DPACKAGE={package}",
        f"-DMODEL={NAME}",
        f"-DFIRMWARE={firmware}",
        f"-DSTARTUP={';'.join(map(str, start))}",
        f"-DSCRIPT={script}",
    )
    assert PASSED in execute(target, built / "program", tmp_path)
