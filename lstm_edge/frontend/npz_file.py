"""Arrays of an npz file, read without trusting it: no pickles, sizes are checked first."""

from __future__ import annotations

import hashlib
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from lstm_edge.errors import ModelError

Array = npt.NDArray[Any]

LARGEST_CONTENT = 2**28
"""Bytes that all arrays together may declare; a microcontroller holds a few megabytes."""

MOST_ARRAYS = 10_000


def read_npz(path: Path) -> tuple[dict[str, Array], str]:
    """All arrays by name, in the order of the file, and the file's SHA-256.

    Raises ModelError: no npz file, damaged, too large when unpacked, holding Python objects.
    """
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members)
            arrays = {_name(m): _read_member(archive, m) for m in members}
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:
        raise ModelError(
            path.name, f"not an npz file, or damaged or cut short ({error}); save it again"
        ) from error
    return arrays, hashlib.sha256(content).hexdigest()


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    if not members:
        raise ModelError(path.name, "holds no arrays; save a state_dict with np.savez")
    if len(members) > MOST_ARRAYS:
        raise ModelError(path.name, f"holds {len(members)} arrays: too many for a network")
    total = sum(member.file_size for member in members)
    if total > LARGEST_CONTENT:
        raise ModelError(
            path.name,
            f"declares {total / 2**20:.0f} MB of arrays, more than the {LARGEST_CONTENT // 2**20} "
            "MB that are accepted",
        )
    names = [_name(member) for member in members]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ModelError(f"array {twice!r}", "is in the file twice; save it again")


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    label = f"array {_name(member)!r}"
    with archive.open(member) as stream:
        shape, dtype = _header(label, stream)
        if dtype.hasobject or dtype.names is not None:
            raise ModelError(label, "holds Python objects or records; save plain numbers")
        if any(n < 0 for n in shape):
            raise ModelError(label, f"declares shape {list(shape)}")
        size = math.prod(shape) * dtype.itemsize
        if size > member.file_size:
            raise ModelError(
                label, f"declares {size} bytes, but the file holds {member.file_size} for it"
            )
    with archive.open(member) as stream:
        array = npy.read_array(stream, allow_pickle=False, max_header_size=10_000)
    return np.asarray(array)


def _header(label: str, stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        version = npy.read_magic(stream)
        if version == (1, 0):
            header = npy.read_array_header_1_0(stream)
        elif version == (2, 0):
            header = npy.read_array_header_2_0(stream)
        else:
            raise ValueError(f"format {version}")
    except (ValueError, TypeError, SyntaxError, MemoryError, OverflowError) as error:
        first = str(error).splitlines()[:1]
        raise ModelError(label, f"is no numpy array ({''.join(first)}); save it again") from error
    return header[0], header[2]


def text_of(label: str, array: Array) -> str:
    """The string in a scalar unicode array. Raises ModelError for anything else."""
    if array.dtype.kind != "U" or array.size != 1:
        raise ModelError(label, 'expected a string, for instance np.array("last")')
    return str(array.reshape(-1)[0])


def weights_of(name: str, array: Array, rank: int) -> npt.NDArray[np.float64]:
    """Finite numbers of the expected rank, in float64; refuses others by the array's name."""
    label = f"array {name!r}"
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise ModelError(label, f"is of type {array.dtype}, expected float32")
    if array.ndim != rank or array.size == 0:
        raise ModelError(label, f"has shape {list(array.shape)}, expected {rank} axes")
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    if not np.isfinite(single).all():
        bad = "NaN" if np.isnan(array).any() else "infinity"
        raise ModelError(label, f"holds {bad}; was the training stable? Save finite weights")
    return array.astype(np.float64)
