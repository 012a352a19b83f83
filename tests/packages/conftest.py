"""One small model, compiled for all cores and packed for all systems, that the tests here share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import done
from tests.support.package_tools import MODEL, NAME, write_all


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle."""
    folder = tmp_path_factory.mktemp("compiled") / NAME
    done("compile", MODEL, "--target", "cortex-m", "--name", NAME, "-o", folder)
    return folder


@pytest.fixture(scope="session")
def package(compiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for all systems. Tests build elsewhere: it is read only."""
    return write_all(compiled, tmp_path_factory.mktemp("packages") / NAME)
