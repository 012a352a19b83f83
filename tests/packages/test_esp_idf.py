"""A package as a component of ESP-IDF: Espressif's tool reads its manifest, a stub its CMake."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.package_tools import NAME, PASSED, package_tool, ran, sample_tree

STUB = Path(__file__).parent / "fixtures" / "esp-idf"


def test_the_example_builds_and_passes(
    package: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cmake", "cc")
    build = tmp_path / "build"
    example = package / "examples" / "esp-idf"
    ran("cmake", "-S", example, "-B", build, env={"IDF_PATH": str(STUB)})
    ran("cmake", "--build", build)
    assert PASSED in ran(build / f"{NAME}_selftest")


def pack(package: Path, folder: Path, status: int = 0) -> str:
    compote = package_tool("compote")
    words = ("component", "pack", "--name", NAME, "--project-dir", package, "--dest-dir", folder)
    env = {"IDF_COMPONENT_CHECK_NEW_VERSION": "0", "HOME": str(folder)}
    return ran(compote, *words, cwd=folder, env=env, status=status)


def test_the_component_manager_packs_the_folder(package: Path, tmp_path: Path) -> None:
    pack(package, tmp_path)
    with tarfile.open(tmp_path / f"{NAME}_1.2.3.tgz") as opened:
        names = {name.removeprefix("./") for name in opened.getnames()}
    assert names >= set(sample_tree(package))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('version: "1.2.3"', 'version: "1.2.x"', "Invalid version"),
        ('idf: ">=5.0"', 'idf: "new"', "Invalid"),
    ],
)
def test_the_component_manager_refuses_what_is_wrong(
    old: str, new: str, said: str, package: Path, tmp_path: Path
) -> None:
    text = (package / "idf_component.yml").read_text()
    assert old in text
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "idf_component.yml").write_text(text.replace(old, new))
    (wrong / "CMakeLists.txt").write_text("")
    assert said in pack(wrong, tmp_path, status=2)
