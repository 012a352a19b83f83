"""A package as a library of Arduino: its own builder builds it, an emulated board runs it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.resources import firmware_dir
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain import execute, gcc
from tests.support.package_tools import NAME, PASSED, ran

CORE = Path(__file__).parent / "fixtures" / "arduino"
FIRMWARE = ("startup.c", "semihosting.c", "semihosting.h", "edge_io.h", "edge_io_semihosting.c")
BUILDER = "arduino-builder"
SHARED = Path("/usr/share/arduino-builder")
"""How the builder calls ctags."""


def hardware(folder: Path, target: Target) -> Path:
    """A core of Arduino for an emulated board: start-up code is the project's own."""
    assert target.board is not None
    place = folder / "lstm" / "arm"
    shutil.copytree(CORE, place)
    bare = place / "cores" / "bare"
    for name in FIRMWARE:
        shutil.copy(firmware_dir() / "common" / name, bare)
    (bare / "link.ld").write_text(gcc.linker_script(target.board))
    flags = [*target.flags, *(f"-D{define}" for define in gcc.board_defines(target))]
    board = {
        "name": target.title,
        "build.core": "bare",
        "build.board": "BARE",
        "build.script": "link.ld",
        "build.flags": " ".join(flags),
        "upload.maximum_size": target.board.flash.size,
    }
    lines = [f"bare.{key}={value}" for key, value in board.items()]
    (place / "boards.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.all_cases
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
def test_the_sketch_builds_and_passes_on_a_board(
    core: str,
    package: Path,
    tmp_path: Path,
    tool_or_skip: Callable[..., None],
    target_or_skip: Callable[[Target], None],
) -> None:
    target = load_target(core)
    tool_or_skip(BUILDER, "arduino-ctags", "arm-none-eabi-g++")
    target_or_skip(target)
    build = tmp_path / "build"
    build.mkdir()
    said = ran(
        BUILDER,
        "-compile",
        *("-hardware", hardware(tmp_path / "hardware", target)),
        *(
            "-hardware",
            SHARED,
            "-tools",
            SHARED,
            "-libraries",
            package.parent,
            "-fqbn",
            "lstm:arm:bare",
        ),
        *("-build-path", build, "-warnings", "all"),
        package / "examples" / "SelfTest" / "SelfTest.ino",
        cwd=tmp_path,
    )
    assert "warning: " not in said
    printed = execute(target, build / "SelfTest.ino.elf", tmp_path)
    assert printed.splitlines() == [PASSED, PASSED]


def properties(package: Path) -> dict[str, str]:
    lines = (package / "library.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_the_properties_are_those_that_the_specification_asks_for(package: Path) -> None:
    """Rules of Arduino's library specification, which its manager checks."""
    found = properties(package)
    assert set(found) >= {
        *("name", "version", "author", "maintainer", "sentence", "paragraph"),
        *("category", "url", "architectures"),
    }
    assert all(value and value == value.strip() for value in found.values())
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", found["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9a-z.-]+)?", found["version"])
    assert found["maintainer"] == "Ada Lovelace <ada@example.org>"
    assert found["category"] == "Data Processing"
    assert found["architectures"] == "*"
    assert (package / "src" / found["includes"]).is_file()
    assert found["name"] == NAME
    assert not found["name"].lower().startswith("arduino")
    assert found["url"].startswith("https://")
    for sketch in package.glob("examples/*/*.ino"):
        assert sketch.stem == sketch.parent.name
