"""Arrays as users have them: of one input without a name, by name, or in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from lstm_edge import bundle
from lstm_edge.errors import DataError
from lstm_edge.interpret.batches import as_array
from lstm_edge.interpret.given import is_array

Array = npt.NDArray[Any]


def arrays_of(given: Any, names: Sequence[str]) -> dict[str, Array]:
    """By name. given: a path, a dict, or an array for the one name there is."""
    if isinstance(given, str | Path):
        return bundle.read_arrays(Path(given))
    if isinstance(given, Mapping):
        return {str(name): as_array(array) for name, array in given.items()}
    if len(names) != 1:
        raise DataError(
            f"an array without a name, of {len(names)}; give a dict by name: {', '.join(names)}"
        )
    return {names[0]: as_array(given)}


def is_whole(given: Any) -> bool:
    """True for what `arrays_of` takes: no recordings one by one, and no batches."""
    return isinstance(given, str | Path | Mapping) or is_array(given)
