"""Arrays of other libraries, and batches of them that come one by one, as numpy's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.archive import NAMELESS
from lstm_edge.errors import DataError

Array = npt.NDArray[Any]

LARGEST_GIVEN = 2**30
"""Bytes that are taken of batches."""


def numbers(data: Any) -> Array:
    """An array, or a tensor of PyTorch, TensorFlow or JAX; float64 becomes float32."""
    array = as_array(data)
    if array.dtype.kind not in "fiub":
        raise DataError(f"an array of {array.dtype} was given, expected numbers")
    if array.dtype == np.float64:
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    return array


def as_array(data: Any) -> Array:
    """The same in its own type; DataError where there is no array of it."""
    try:
        for method in ("detach", "cpu", "numpy"):
            if not isinstance(data, np.ndarray) and callable(getattr(data, method, None)):
                data = getattr(data, method)()
        return np.asarray(data)
    except (ValueError, TypeError, RuntimeError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise DataError(f"no array of numbers: {first}; give arrays that are rectangular") from None


def named(data: Any) -> dict[str, Array]:
    """Arrays by name; a single one is NAMELESS."""
    if isinstance(data, Mapping):
        return {str(name): numbers(array) for name, array in data.items()}
    return {NAMELESS: numbers(data)}


def joined(
    batches: Iterable[Any], read: Callable[[Any], Mapping[str, Array]]
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Batches joined, until there are no more or LARGEST_GIVEN bytes are there; and what to tell.

    read: the arrays of a batch by name. Raises DataError where batches do not fit each other.
    """
    parts: dict[str, list[Array]] = {}
    size, notes = 0, []
    for batch in batches:
        found = read(_inputs_of(batch))
        if parts and found.keys() != parts.keys():
            raise DataError(
                f"a batch holds {', '.join(found)}, those before it {', '.join(parts)}; expected "
                "the same in each"
            )
        added = sum(array.nbytes for array in found.values())
        if size + added > LARGEST_GIVEN:
            notes.append(
                f"batches were read up to {LARGEST_GIVEN // 2**20} MB, {_count(parts)} samples; "
                "what comes after them was not used"
            )
            break
        size += added
        for name, array in found.items():
            parts.setdefault(name, []).append(array)
    if not parts:
        raise DataError("no batch was given, or the first is larger than is accepted")
    return {name: _joined(name, parts.pop(name)) for name in list(parts)}, tuple(notes)


def _inputs_of(batch: Any) -> Any:
    """The x of (x, y), as often as that takes."""
    while isinstance(batch, tuple | list) and batch:
        batch = batch[0]
    return batch


def _count(parts: Mapping[str, list[Array]]) -> int:
    return sum(len(a) for a in next(iter(parts.values()), []))


def _joined(name: str, arrays: list[Array]) -> Array:
    if any(array.ndim == 0 for array in arrays):
        raise DataError(
            f"a batch of {name!r} is a single number; expected arrays [samples, ...]: give an "
            "array of one sample as a whole, not number by number"
        )
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        raise DataError(
            f"batches of {name!r} have samples of different shapes, {sorted(shapes)[:3]}; give a "
            "list of recordings, one array each, which may differ in length"
        )
    return np.concatenate(arrays)
