"""Fixtures and options that all tests share."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lstm_edge.targets import Target
from lstm_edge.toolchain import gcc
from tests.support.boards import spared
from tests.support.objects import Objects
from tests.support.tools import in_ci, skip_or_fail

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files anew instead of comparing",
    )
    parser.addoption(
        "--all-cases",
        action="store_true",
        help="all cases on all boards; some boards get a part of them only",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Boards that have little of their own get fewer tests."""
    if config.getoption("--all-cases"):
        return
    left_out = spared(items)
    config.hook.pytest_deselected(items=left_out)
    ids = {id(item) for item in left_out}
    items[:] = [item for item in items if id(item) not in ids]


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """True if golden files are to be written, not compared."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The top of the repository."""
    return ROOT


def pytest_sessionstart() -> None:
    """Oracles are optional on a laptop; where CI=true their absence is an error."""
    if in_ci() and importlib.util.find_spec("onnxruntime") is None:
        pytest.exit("onnxruntime is not installed: make setup installs it", returncode=1)


@pytest.fixture(scope="session", autouse=True)
def _objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What was compiled once from the same text with the same flags is not compiled again, by none
    of the processes of a run.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    (folder / "objects").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gcc, "compile_one", Objects(folder / "objects"))
        yield


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of models and prototypes beside the repository; not everyone has it."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("there is no folder `shared` beside the repository")
    return folder


@pytest.fixture(scope="session")
def tool_or_skip() -> Callable[..., None]:
    """Call it with the tools that a test needs: without them it skips, or fails where CI=true."""

    def require(*tools: str) -> None:
        missing = [tool for tool in tools if shutil.which(tool) is None]
        if not missing:
            return
        skip_or_fail(f"not installed: {', '.join(missing)}")

    return require


@pytest.fixture(scope="session")
def target_or_skip(tool_or_skip: Callable[..., None]) -> Callable[[Target], None]:
    """The same for all that is needed to build for a target and to run the result."""

    def require(target: Target) -> None:
        tool_or_skip(*target.tools)

    return require
