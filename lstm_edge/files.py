"""Files of a user: read whole, up to a limit, and noticed where they change while they are used.

What is made of a file is made of its bytes as they were read. Where it is read again later, or what
belongs together is in several files, one may have been saved in between: the results would be of
no file at all, or of one that is gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from lstm_edge.errors import DataError

_READ: ContextVar[dict[Path, str] | None] = ContextVar("files that were read", default=None)
"""Each file that was read within `unchanged`, with the SHA-256 of what it held."""


def read_bytes(path: Path, largest: int) -> bytes:
    """The whole of a regular file: a device has no end, and a pipe perhaps no beginning.

    Raises DataError where it is none, is larger than `largest` bytes, or no longer what was read
    before within `unchanged`; OSError.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DataError("is not a regular file; save it as one")
    with path.open("rb") as stream:
        content = stream.read(largest + 1) if path.stat().st_size <= largest else None
    if content is None or len(content) > largest:
        raise DataError(f"is larger than the {largest // 2**20} MB that are accepted")
    known = _READ.get()
    if known is not None:
        found = hashlib.sha256(content).hexdigest()
        if known.setdefault(path.absolute(), found) != found:
            raise DataError(_changed("changed"))
    return content


@contextmanager
def unchanged() -> Iterator[None]:
    """DataError at its end where a file that was read within it is no longer what it was; contexts
    may lie in each other.
    """
    outer = _READ.get()
    known = {} if outer is None else outer
    token = _READ.set(known)
    try:
        yield
    finally:
        _READ.reset(token)
    for path, digest in known.items():
        found = _digest(path)
        if found != digest:
            what = "changed" if found else "was removed"
            raise DataError(f"{path} {_changed(what)}")


def _digest(path: Path) -> str:
    """What the file holds now; "" where there is none any more, or it cannot be read."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _changed(what: str) -> str:
    return f"{what} while it was used, so nothing was made of it; start again once it is saved"
