"""`compile --package`, `package` and `save(packages=...)`: one package by three ways."""

from __future__ import annotations

from pathlib import Path

import pytest

import lstm_edge
from lstm_edge.packages.folder import RECORD
from tests.support.command import FIXTURES, done, refused, tree
from tests.support.package_tools import NAME

OPEN = FIXTURES / "lstm_open.legacy.onnx"
INFO = 'version = "1.2.3"\nlicense = "MIT"\nauthor = "Ada"\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with package.toml, and `a`, `a-package` of `compile --package`."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "package.toml").write_text(INFO)
    options = ("--target", "cortex-m", "--name", NAME, "-o", folder / "a")
    given = ("--package", "conan,cmake", "--package-info", folder / "package.toml")
    said = done("compile", OPEN, *options, *given).stdout
    assert f"{folder}/a-package/{NAME}: package for cmake, conan" in " ".join(said.split())
    return folder


@pytest.mark.all_cases
def test_all_ways_give_the_same_package(made: Path, tmp_path: Path) -> None:
    first = tree(made / "a-package")
    assert f"{NAME}/conanfile.py" in first
    assert f"{NAME}/library.json" not in first
    words = ("--package", "cmake,conan", "--version", "1.2.3", "--license", "MIT")
    said = done("package", made / "a", *words, "--author", "Ada", "-o", tmp_path / "p" / NAME)
    assert "package for cmake, conan" in " ".join(said.stdout.split())
    about = lstm_edge.About("1.2.3", "MIT", "Ada")
    model = lstm_edge.open(made / "a")
    model.save(tmp_path / "b", packages=["cmake", "conan"], about=about)
    assert first == tree(tmp_path / "p") == tree(tmp_path / "b-package")
    assert tree(made / "a") == tree(tmp_path / "b")


def test_an_option_comes_before_the_file(made: Path, tmp_path: Path) -> None:
    info = ("--info", made / "package.toml", "--version", "2.0.0")
    done("package", made / "a", "--package", "all", *info, "--archives", "-o", tmp_path / NAME)
    assert {path.name for path in tmp_path.iterdir()} == {
        *(NAME, f"{NAME}-2.0.0.zip", f"local.{NAME}.2.0.0.pack"),
    }
    assert "license=" not in (tmp_path / NAME / "library.properties").read_text()
    assert '"MIT"' in (tmp_path / NAME / "library.json").read_text()


def test_what_is_wrong_is_one_line_and_nothing_is_written(made: Path, tmp_path: Path) -> None:
    place = tmp_path / NAME
    for words, said in (
        (("--package", "make"), "unknown package 'make'"),
        (("--package", "all", "--license", "my own"), "license of a package is 'my own'"),
        (("--package", "all", "--info", tmp_path / "none.toml"), "cannot be read"),
    ):
        assert said in refused(1, "package", made / "a", *words, "-o", place)
    options = ("--target", "cortex-m", "-o", place)
    for words, said in (
        (("--package", "make"), "unknown package 'make'"),
        (("--package-info", made / "package.toml"), "no meaning without --package"),
        (("--package", "cmake", "--name", "math"), "math.h would be found where"),
    ):
        assert said in refused(1, "compile", OPEN, *options, *words)
    assert tree(tmp_path) == {}


def test_a_changed_file_is_not_overwritten(made: Path, tmp_path: Path) -> None:
    place = tmp_path / NAME
    done("package", made / "a", "--package", "cmake", "-o", place)
    (place / "CMakeLists.txt").write_text("# mine\n")
    before = tree(place)
    assert RECORD in before
    said = refused(1, "package", made / "a", "--package", "cmake", "-o", place)
    assert "CMakeLists.txt was changed after lstm-edge wrote it" in said
    assert tree(place) == before
