"""Arrays of an npz model file, and the checks that weights have to pass."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.archive import read_arrays
from lstm_edge.errors import DataError, ModelError
from lstm_edge.files import read_bytes
from lstm_edge.limits import LARGEST_MODEL

Array = npt.NDArray[Any]


def read_npz(path: Path) -> tuple[dict[str, Array], str]:
    """All arrays by name, in the order of the file, and the file's SHA-256.

    Raises ModelError: no npz file, damaged, too large when unpacked, holding Python objects.
    """
    try:
        content = read_bytes(path, LARGEST_MODEL)
        arrays = read_arrays(content, LARGEST_MODEL)
    except DataError as error:
        raise ModelError(path.name, str(error)) from error
    if not arrays:
        raise ModelError(path.name, "holds no arrays; save a state_dict with np.savez")
    return arrays, hashlib.sha256(content).hexdigest()


def text_of(label: str, array: Array) -> str:
    """The string in a scalar unicode array. Raises ModelError for anything else."""
    if array.dtype.kind != "U" or array.size != 1:
        raise ModelError(label, 'expected a string, for instance np.array("last")')
    return str(array.reshape(-1)[0])


def weights_of(name: str, array: Array, rank: int | None) -> npt.NDArray[np.float64]:
    """Finite numbers of the expected rank, None for any, in float64; refuses others by the array's
    name.
    """
    label = f"array {name!r}"
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise ModelError(label, f"is of type {array.dtype}, expected float32")
    if rank is None and (array.ndim == 0 or array.size == 0):
        raise ModelError(label, f"has shape {list(array.shape)}, expected one axis or more")
    if rank is not None and (array.ndim != rank or array.size == 0):
        raise ModelError(label, f"has shape {list(array.shape)}, expected {rank} axes")
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    if not np.isfinite(single).all():
        bad = "NaN" if np.isnan(array).any() else "infinity"
        raise ModelError(label, f"holds {bad}; was the training stable? Save finite weights")
    return array.astype(np.float64)
