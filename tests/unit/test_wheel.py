"""The wheel works where there is no repository: templates and firmware travel inside it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import DIGITS
from tests.support.tools import skip_or_fail


def called(*words: object, folder: Path) -> str:
    """What a program prints, started without the repository on Python's path."""
    environment = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with the tools that are installed: nothing is downloaded."""
    missing = [name for name in ("hatchling", "pip") if importlib.util.find_spec(name) is None]
    if missing:
        skip_or_fail(f"not installed: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    called(sys.executable, "-m", "pip", "wheel", *options, project_root, folder=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; the packages that it needs are those of this one."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    options = ("--no-deps", "--no-index", "--disable-pip-version-check")
    called(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, folder=home)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(called(python, "-c", code, folder=home).strip())
    borrowed = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    return python


def test_every_file_that_is_needed_at_run_time_is_in_the_wheel(
    wheel: Path, project_root: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder in ("templates", "firmware/common", "firmware/host", "firmware/profile"):
        for path in (project_root / folder).rglob("*"):
            if path.is_file():
                assert f"lstm_edge/_{path.relative_to(project_root).as_posix()}" in names
    for path in (project_root / "lstm_edge").rglob("*.*"):
        if path.suffix not in (".py", ".toml"):
            continue
        assert path.relative_to(project_root).as_posix() in names
    assert not [name for name in names if name.startswith(("tests", "examples", "docs"))]


def test_the_wheel_compiles_and_verifies_the_example_from_another_folder(
    python: Path, project_root: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc")
    for name in ("digits.onnx", "calibration.npz"):
        (tmp_path / name).write_bytes((DIGITS / name).read_bytes())
    place = called(python, "-c", "import lstm_edge; print(lstm_edge.__file__)", folder=tmp_path)
    assert Path(place.strip()).is_relative_to(python.parents[1])
    command = python.with_name("lstm-edge")
    options = ("--target", "cortex-m4", "--calibration", "calibration.npz")
    called(command, "compile", "digits.onnx", *options, folder=tmp_path)
    text = called(command, "verify", "build/digits", "--on", "host", "--json", folder=tmp_path)
    assert json.loads(text)["bit_exact"] is True
    assert str(project_root) not in (tmp_path / "build" / "digits" / "manifest.json").read_text()


@pytest.mark.all_cases
def test_the_wheel_runs_on_an_emulated_board(
    python: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """Start-up code, linker script and semihosting come out of the wheel, as does what counts."""
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")
    model = DIGITS / "digits.onnx"
    command = python.with_name("lstm-edge")
    called(command, "compile", model, "--target", "cortex-m0", "-o", "out", folder=tmp_path)
    text = called(command, "verify", "out", "--on", "qemu", "--json", folder=tmp_path)
    assert json.loads(text)["exact"] == {"qemu": True}
    figures = json.loads(called(command, "profile", "out", "--json", folder=tmp_path))
    assert figures["exact"] is True
    assert figures["instructions_per_step"] > figures["macs_per_step"]
