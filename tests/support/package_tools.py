"""Tools of build systems, which have an environment of their own, and what is packed for them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lstm_edge import bundle
from lstm_edge.packages.about import About
from lstm_edge.packages.pack import package_of
from lstm_edge.packages.systems import ALL
from tests.support.tools import skip_or_fail

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build" / "package-tools" / "bin"
MODEL = ROOT / "tests" / "fixtures" / "two_layers.legacy.onnx"
NAME = "net_2"
"""With a digit and an underscore."""
PASSED = f"{NAME}: 0 results differ"
ABOUT = About("1.2.3", "MIT OR Apache-2.0", "Ada Lovelace", "ada@example.org", "engine")


def package_tool(name: str) -> Path:
    """A program of `tests/packages/requirements.txt`; without it a test is skipped, or fails."""
    path = TOOLS / name
    if not path.exists():
        skip_or_fail(f"{name} is not installed: make {TOOLS.parent.relative_to(ROOT)}/.packages")
    return path


def ran(
    *command: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    status: int = 0,
) -> str:
    """Run a program, which must end with `status`: all that it wrote."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, f"{words}\n{done.stdout}"
    return done.stdout


def write_all(made: Path, folder: Path, systems: Sequence[str] = (ALL,)) -> Path:
    """A package of the bundle in `made`."""
    package_of(bundle.read(made), systems, ABOUT).write(folder)
    return folder


def with_a_wrong_result(package: Path, folder: Path) -> Path:
    """A copy whose self-test expects another number in one place."""
    shutil.copytree(package, folder)
    path = folder / "src" / f"{NAME}_selftest.c"
    head, name, rest = path.read_text().partition("expected_")
    before, brace, numbers = rest.partition("{\n")
    first, comma, others = numbers.partition(",")
    digits = first.strip().strip("{").strip()
    path.write_text(
        head + name + before + brace + first.replace(digits, str(int(digits) + 1), 1)
        + comma + others
    )  # fmt: skip
    return folder


def sample_tree(folder: Path) -> list[str]:
    """Paths of all files below a folder."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
