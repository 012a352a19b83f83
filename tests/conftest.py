"""Fixtures and options that all tests share."""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from lstm_edge.targets import Target
from lstm_edge.toolchain import gcc
from tests.support import hypotheses
from tests.support.objects import Objects
from tests.support.spared import spared
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
        help="all cases on all boards; else boards and tests that take long get a part of them",
    )


def pytest_configure(config: pytest.Config) -> None:
    hypotheses.load(entire=config.getoption("--all-cases"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Boards that have little of their own, and tests that take long, get fewer cases."""
    if config.getoption("--all-cases"):
        return
    left_out = spared(items)
    config.hook.pytest_deselected(items=left_out)
    ids = {id(item) for item in left_out}
    items[:] = [item for item in items if id(item) not in ids]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Ten thousand tests are no garbage: nothing is gained by looking through them again and again,
    while they are collected or later. What tests leave behind is looked for less often than Python
    does, too: that was a tenth of all of the processor.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(200_000, 20, 100)


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


def _of_the_run(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder that all processes of a run share."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    (folder / name).mkdir(exist_ok=True)
    return folder / name


@pytest.fixture(scope="session", autouse=True)
def _objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What was compiled once from the same text with the same flags is not compiled again, by none
    of the processes of a run.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gcc, "compile_one", Objects(_of_the_run(tmp_path_factory, "objects")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _bytecode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where Python is to leave no bytecode beside sources, what tests start keeps it for the run:
    to compile the whole package takes longer than most of what they do.
    """
    with pytest.MonkeyPatch.context() as patch:
        if sys.dont_write_bytecode and sys.pycache_prefix is None:
            patch.setenv("PYTHONPYCACHEPREFIX", str(_of_the_run(tmp_path_factory, "bytecode")))
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
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
