"""Arrays of an npz file, read without trusting it: no pickles, sizes are checked first."""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from lstm_edge.errors import DataError

Array = npt.NDArray[Any]

MOST_ARRAYS = 10_000
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What zipfile, zlib and numpy raise on files that are no npz, are damaged or cut short."""


NAMELESS = "array"
"""What the array of an .npy file, which has no name, is called."""


def read_data(content: bytes, largest: int) -> dict[str, Array]:
    """The same of an .npz or an .npy file, by its content: the latter holds one array, NAMELESS."""
    if content[:6] != b"\x93NUMPY":
        if content[:2] != b"PK":
            raise DataError("is no .npz or .npy file; save arrays of numbers with np.savez")
        return read_arrays(content, largest)
    stream = io.BytesIO(content)
    size = _check_header("the file", stream, len(content))
    if size > largest:
        raise DataError(f"declares {size / 2**20:.0f} MB, more than {largest // 2**20} MB")
    try:
        return {NAMELESS: np.asarray(npy.read_array(io.BytesIO(content), allow_pickle=False))}
    except _DAMAGES as error:
        raise DataError(
            f"not an npy file, or damaged or cut short ({error}); save it again"
        ) from error


def read_arrays(content: bytes, largest: int) -> dict[str, Array]:
    """All arrays by name, in the order of the file; together they may unpack to `largest` bytes.

    Raises DataError for anything that is no npz file of plain arrays.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check_members(members, largest)
            return {_name(member): _read_member(archive, member) for member in members}
    except _DAMAGES as error:
        raise DataError(
            f"not an npz file, or damaged or cut short ({error}); save it again"
        ) from error


def array_bytes(arrays: Mapping[str, Array], *, compressed: bool = True) -> bytes:
    """An npz file of arrays of any names, also of those that arguments of `np.savez` have; the same
    arrays give the same bytes, on any computer where they are not compressed.
    """
    stream = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, array in arrays.items():
            with made.open(f"{name}.npy", "w", force_zip64=True) as file:
                npy.write_array(file, np.asanyarray(array), allow_pickle=False)
    return stream.getvalue()


def _check_members(members: list[zipfile.ZipInfo], largest: int) -> None:
    if len(members) > MOST_ARRAYS:
        raise DataError(f"holds {len(members)} arrays, more than {MOST_ARRAYS}")
    total = sum(member.file_size for member in members)
    if total > largest:
        raise DataError(
            f"declares {total / 2**20:.0f} MB of arrays, more than the {largest // 2**20} MB that "
            "are accepted"
        )
    names = [_name(member) for member in members]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"array {twice!r} is in the file twice; save it again")


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    label = f"array {_name(member)!r}"
    with archive.open(member) as stream:
        _check_header(label, stream, member.file_size)
    with archive.open(member) as stream:
        return np.asarray(npy.read_array(stream, allow_pickle=False, max_header_size=10_000))


def _check_header(label: str, stream: IO[bytes], held: int) -> int:
    """The bytes that a header declares, of plain numbers, no more than the file holds for them."""
    shape, dtype = _header(label, stream)
    if dtype.hasobject or dtype.names is not None:
        raise DataError(f"{label} holds Python objects or records; save plain numbers")
    if any(n < 0 for n in shape):
        raise DataError(f"{label} declares shape {list(shape)}")
    size = math.prod(shape) * dtype.itemsize
    if size > held:
        raise DataError(f"{label} declares {size} bytes, but the file holds {held} for it")
    return size


def _header(label: str, stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        version = npy.read_magic(stream)
        if version == (1, 0):
            header = npy.read_array_header_1_0(stream)
        elif version == (2, 0):
            header = npy.read_array_header_2_0(stream)
        else:
            raise ValueError(f"format {version}")
    except _DAMAGES as error:
        first = str(error).splitlines()[:1]
        raise DataError(f"{label} is no numpy array ({''.join(first)}); save it again") from error
    return header[0], header[2]
