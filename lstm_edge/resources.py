"""Where templates and firmware are, in the repository and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from lstm_edge.errors import InternalError

_PACKAGE = Path(__file__).resolve().parent


def templates_dir() -> Path:
    """The folder with `common/` and `targets/`."""
    return _find("templates")


def firmware_dir() -> Path:
    """The folder with `common/`: start-up code, linker script, input and output."""
    return _find("firmware")


def _find(name: str) -> Path:
    """In a wheel the top-level folders of the repository are inside the package, underscored."""
    for folder in (_PACKAGE / f"_{name}", _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise InternalError(f"the folder {name!r} is missing from this installation of lstm-edge")
