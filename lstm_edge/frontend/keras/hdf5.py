"""HDF5 read without trusting it: no other file is opened, sizes are checked before reading.

An HDF5 file can point out of itself: links to other files, data kept in other files, data put
together from other files. What Keras writes has none of these; each is refused by its path.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.tensor import check_finite
from lstm_edge.limits import LARGEST_MODEL

Array = npt.NDArray[np.float64]

MOST_NAMES = 10_000

_FILTERS = frozenset((1, 2, 3, 4, 32000))
"""Filters within HDF5 and h5py: deflate, shuffle, checksum, szip, lzf; others load plugins."""

DAMAGES = (
    *(OSError, LookupError, ValueError, RuntimeError, TypeError, OverflowError, MemoryError),
    AttributeError,
)
"""What h5py raises on files that are damaged or cut short."""


def _h5py(file: str) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ModelError(
            file,
            "files of Keras are read with h5py, which is absent: pip install 'lstm-edge[keras]'",
        ) from error
    return h5py


class Hdf5:
    """An open file; `file` is its name in messages. `left`: bytes that may still be read."""

    def __init__(self, file: str, content: bytes) -> None:
        self.h5py = _h5py(file)
        self.file = file
        self.left = LARGEST_MODEL
        if not _heaps_end(content):
            raise ModelError(file, "has a heap that never ends: damaged; save the model again")
        with self._reading("it"):
            self.root: Any = self.h5py.File(io.BytesIO(content), "r")

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """What h5py raises on files that are damaged or cut short is said so."""
        try:
            yield
        except DAMAGES as error:
            raise ModelError(
                self.file, f"{what} cannot be read: damaged or cut short; save the model again"
            ) from error

    def group(self, parent: Any, path: str) -> Any:
        """The group at `path` below `parent`, None where there is none."""
        found = self._object(parent, path)
        return found if isinstance(found, self.h5py.Group) else None

    def names(self, group: Any) -> list[str]:
        """What a group holds."""
        with self._reading("a group"):
            return [str(name) for name in group]

    def _object(self, parent: Any, path: str) -> Any:
        """What is at `path`, followed one link after the other; None where a part is absent."""
        found, label = parent, f"link {path!r}"
        with self._reading(label):
            for part in path.split("/"):
                if not isinstance(found, self.h5py.Group) or not part or part not in found:
                    return None
                if not isinstance(found.get(part, getlink=True), self.h5py.HardLink):
                    raise ModelError(
                        label, "points out of its place in the file; save the model with Keras"
                    )
                found = found[part]
        return found

    def array(self, parent: Any, path: str, label: str) -> Array:
        """Finite floats at `path` as float64; `label` names them in messages.

        Raises ModelError: absent, no floats, kept outside of the file, too large, NaN.
        """
        data = self._object(parent, path)
        if not isinstance(data, self.h5py.Dataset):
            raise ModelError(label, f"is absent ({path!r} is no array); save the model again")
        with self._reading(label):
            self._check_storage(data, label)
            # two bytes without a type: so Keras writes bfloat16, and only .keras files say so
            brain = data.dtype.str == "|V2" and self.text(data, "dtype") in (None, "bfloat16")
            if not brain and (data.dtype.kind != "f" or data.dtype.itemsize > 8):
                raise ModelError(label, f"is of type {data.dtype}, expected float32; save it so")
            self.left -= math.prod(data.shape) * max(data.dtype.itemsize, 8)
            if self.left < 0:
                raise ModelError(
                    label,
                    f"declares shape {list(data.shape)}: all arrays together may have "
                    f"{LARGEST_MODEL // 2**20} MB",
                )
            found = np.asarray(data[()])
        found = _from_bfloat16(found) if brain else found
        with np.errstate(over="ignore"):
            check_finite(label, found.astype(np.float32))
        return found.astype(np.float64)

    def _check_storage(self, data: Any, label: str) -> None:
        """Refuse arrays whose numbers are not in this file, or that need a plugin to be read."""
        if data.shape is None:
            raise ModelError(label, "is empty; save the model again")
        plist = data.id.get_create_plist()
        if data.is_virtual or plist.get_external_count():
            raise ModelError(label, "is kept in another file; save the model in one file")
        filters = {plist.get_filter(k)[0] for k in range(plist.get_nfilters())}
        if filters - _FILTERS:
            raise ModelError(label, f"is packed with HDF5 filter {min(filters - _FILTERS)}; unpack")
        if data.chunks and math.prod(data.chunks) * data.dtype.itemsize > LARGEST_MODEL:
            raise ModelError(label, f"is stored in chunks of {list(data.chunks)}; save it again")

    def text(self, owner: Any, name: str) -> str | None:
        """A string attribute, None where it is absent or something else."""
        with self._reading(f"attribute {name!r}"):
            if name not in owner.attrs or owner.attrs.get_id(name).shape != ():
                return None
            value = owner.attrs[name]
            value = value.decode() if isinstance(value, bytes) else value
        return value if isinstance(value, str) else None

    def texts(self, owner: Any, name: str) -> list[str] | None:
        """A list of strings in an attribute, or in several (name0, name1 ...) where it is long."""
        found = self._strings(owner, name)
        if found is not None:
            return found
        numbered = (self._strings(owner, f"{name}{k}") for k in range(MOST_NAMES))
        parts = [*takewhile(lambda part: part is not None, numbered)]
        return [one for part in parts for one in part or ()] if parts else None

    def _strings(self, owner: Any, name: str) -> list[str] | None:
        label = f"attribute {name!r}"
        with self._reading(label):
            if name not in owner.attrs:
                return None
            shape = owner.attrs.get_id(name).shape
            if shape is None or len(shape) != 1 or shape[0] > MOST_NAMES:
                raise ModelError(label, f"has shape {shape}, expected a list of names")
            values = owner.attrs[name]
            return [v.decode() if isinstance(v, bytes) else str(v) for v in values]


def _heaps_end(content: bytes) -> bool:
    """Whether each object of a global heap, which holds strings, leads to one behind it: where the
    free space at its end has no size, the library of HDF5 goes round for ever. Heaps share no byte.

    Of the file format of HDF5, III.E: GCOL, 1, three zeros, its size; objects of index, references,
    reserved, size, and data to a multiple of eight bytes; those of index 0 count their header.
    """
    mark = b"GCOL\1\0\0\0"
    start, left = content.find(mark), len(content) // 16
    while start >= 0:
        size, here = int.from_bytes(content[start + 8 : start + 16], "little"), start + 16
        end = min(start + size, len(content))
        while end - here >= 16:
            left -= 1
            length = int.from_bytes(content[here + 8 : here + 16], "little")
            free = content[here : here + 2] == b"\0\0"
            here += length if free else 16 + -(-length // 8) * 8
            if left < 0:
                return False
        start = content.find(mark, start + 1)
    return True


def _from_bfloat16(raw: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    bits = np.frombuffer(raw.tobytes(), "<u2").astype(np.uint32) << 16
    return bits.view(np.float32).reshape(raw.shape)
