"""A user's own file of equations: a Python module with functions that give a Cell."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from lstm_edge.cells import BY_NAME
from lstm_edge.cells.named import Builders, said
from lstm_edge.errors import ModelError
from lstm_edge.files import read_bytes
from lstm_edge.ir.expr import Cell
from lstm_edge.limits import LARGEST_TEXT

CellsLike = str | Path | Mapping[str, Callable[..., Cell]]
"""A file of cells, or the functions themselves by name."""
EXAMPLE = "def my_cell() -> Cell"


def builders_of(cells: CellsLike) -> Builders:
    """The functions by name. Raises ModelError: no such file, an error in it, no function in it, a
    name that lstm-edge has already.
    """
    if isinstance(cells, Mapping):
        label, found = "cells", dict(cells)
    elif isinstance(cells, str | Path):
        label, found = str(cells), _functions(Path(cells))
    else:
        raise ModelError(
            "cells",
            f"are {type(cells).__name__}, expected the path of a Python file, or functions by name",
        )
    if not found:
        raise ModelError(label, f"has no function; expected one or more like {EXAMPLE}")
    for name, function in found.items():
        if not isinstance(name, str) or not callable(function):
            raise ModelError(label, f"{name!r} is {type(function).__name__}, expected {EXAMPLE}")
        if name in BY_NAME:
            raise ModelError(label, f"has {name}, which is a cell of lstm-edge; call it otherwise")
    return found


def _functions(path: Path) -> dict[str, Any]:
    """Functions that the file defines itself, but for those with a _ in front."""
    if path.suffix != ".py":
        raise ModelError(str(path), "is no file of cells; expected a Python file, .py")
    if not path.is_file():
        raise ModelError(str(path), "no such file; check the path")
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(read_bytes(path, LARGEST_TEXT), str(path), "exec"), module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ModelError(str(path), said(error, str(path))) from error
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == path.stem and not name.startswith("_")
    }
