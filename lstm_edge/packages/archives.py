"""Zip files whose bytes depend on nothing but their content."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from io import BytesIO

_DATE = (1980, 1, 1, 0, 0, 0)
"""The first that a zip file can hold."""
_UNIX = 3
_READABLE = 0o100644


def archive(files: Mapping[str, bytes], prefix: str) -> bytes:
    """A zip file of all files, in the order of their paths, below `prefix`: "" or `folder/`."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for path, data in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{prefix}{path}", _DATE)
            entry.create_system = _UNIX
            entry.external_attr = _READABLE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(entry, data)
    return stream.getvalue()
