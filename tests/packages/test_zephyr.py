"""A package as a module of Zephyr: Kconfig, CMake and the sample, by a stub of the kernel."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.command import FIXTURES, done
from tests.support.package_tools import NAME, PASSED, package_tool, ran, write_all

STUB = Path(__file__).parent / "fixtures" / "zephyr"


def built(sample: Path, build: Path, target: str) -> Path:
    python = package_tool("python")
    ran("cmake", "-S", sample, "-B", build, f"-DZephyr_DIR={STUB}", f"-DKCONFIG_PYTHON={python}")
    ran("cmake", "--build", build, "--target", target)
    return build


def test_the_sample_builds_and_passes(
    package: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cmake", "cc")
    build = built(package / "samples" / "selftest", tmp_path / "build", "app")
    printed = ran(build / "app")
    assert PASSED in printed
    sample = (package / "samples" / "selftest" / "sample.yaml").read_text()
    assert f'- "{PASSED}"' in sample


def configure(package: Path, conf: str, folder: Path, *has: str, status: int = 0) -> str:
    """What the symbols become; what was said where that is refused."""
    folder.mkdir(exist_ok=True)
    (folder / "prj.conf").write_text(conf)
    output = folder / "config.cmake"
    python = package_tool("python")
    script = STUB / "configure.py"
    said = ran(python, script, package, folder / "prj.conf", output, *has, status=status)
    return said if status else output.read_text()


def test_the_self_test_is_only_built_where_it_is_asked_for(
    package: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cmake", "cc", "ar")
    copied = tmp_path / NAME
    shutil.copytree(package, copied)
    sample = copied / "samples" / "selftest"
    conf = (sample / "prj.conf").read_text()
    (sample / "prj.conf").write_text(conf.replace("_SELFTEST=y", "_SELFTEST=n"))
    built(sample, tmp_path / "build", f"lstm_edge_{NAME}")
    (library,) = (tmp_path / "build").rglob("*.a")
    assert ran("ar", "t", library).split() == [f"{NAME}.c.o", f"{NAME}_weights.c.o"]


def test_a_symbol_needs_those_that_it_depends_on(package: Path, tmp_path: Path) -> None:
    symbol = f"LSTM_EDGE_{NAME.upper()}"
    found = configure(package, f"CONFIG_{symbol}=y\n", tmp_path)
    assert f"set(CONFIG_{symbol} y)" in found
    assert "SELFTEST" not in found
    wrong = f"CONFIG_{symbol}_SELFTEST=y\n"
    assert "check what it depends on" in configure(package, wrong, tmp_path, status=1)
    assert "undefined symbol" in configure(package, f"CONFIG_{symbol}X=y\n", tmp_path, status=1)


def test_code_for_one_core_can_only_be_chosen_on_a_board_that_runs_it(tmp_path: Path) -> None:
    made = tmp_path / "made"
    model = FIXTURES / "lstm_open.legacy.onnx"
    done("compile", model, "--target", "cortex-m4", "--name", NAME, "-o", made)
    package = write_all(made, tmp_path / NAME, ("zephyr",))
    conf = (package / "samples" / "selftest" / "prj.conf").read_text()
    assert "_SELFTEST y" in configure(package, conf, tmp_path / "m4", "CPU_CORTEX_M4")
    assert "_SELFTEST y" in configure(package, conf, tmp_path / "m55", "CPU_CORTEX_M55")
    assert "is n" in configure(package, conf, tmp_path / "m3", "CPU_CORTEX_M3", status=1)
