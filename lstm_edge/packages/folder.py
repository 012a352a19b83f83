"""Put a package into a folder: all of it or nothing, and never over what is not ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from lstm_edge.errors import DataError
from lstm_edge.files import read_bytes
from lstm_edge.folders import put, put_file
from lstm_edge.limits import LARGEST_FILE, LARGEST_TEXT
from lstm_edge.manifest import sha256

RECORD = "lstm_edge_package.json"
"""The list of what was written, with SHA-256: what is not in it, or has changed, is the user's."""


def with_record(files: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    """The same files and the list of them."""
    sums = {path: sha256(data) for path, data in sorted(files.items())}
    return {**files, RECORD: (json.dumps({"name": name, "files": sums}, indent=2) + "\n").encode()}


def write_package(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a package with its record over an earlier one, or into a new or empty place.

    Files of the earlier one that this has not are removed. DataError, before anything is changed,
    where a file would be lost that is not as lstm-edge wrote it; and where the disk refuses.
    """
    try:
        earlier = _recorded(folder)
        stale = [path for path in earlier if path not in files]
        for path in [*files, *stale]:
            _check_ours(folder, path, earlier, files.get(path))
    except OSError as error:
        raise DataError(
            f"{folder} cannot be read ({error.strerror or error}); choose another with -o"
        ) from None
    put(folder, files, stale, RECORD)


def write_archives(folder: Path, files: Mapping[str, bytes]) -> None:
    """Archives are written over older ones of the same name: the name has the version."""
    for name, data in files.items():
        put_file(folder / name, data)


def _recorded(folder: Path) -> dict[str, str]:
    """Path -> sum of the package that is there; nothing where there is none."""
    try:
        found = json.loads(read_bytes(folder / RECORD, LARGEST_TEXT))["files"]
        return {path: str(found[path]) for path in found if _is_inside(path)}
    except (OSError, ValueError, KeyError, TypeError, DataError):
        return {}


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path


def _check_ours(folder: Path, path: str, earlier: Mapping[str, str], wanted: bytes | None) -> None:
    place = folder / path
    for parent in PurePosixPath(path).parents:
        if (folder / parent).exists() and not (folder / parent).is_dir():
            raise DataError(
                f"{folder / parent} is a file where a folder belongs; move it, or choose another "
                "folder with -o"
            )
    if path == RECORD or not (place.exists() or place.is_symlink()):
        return
    if place.is_dir():
        raise DataError(f"{place} is a folder where a file belongs; move it, or choose another -o")
    data = read_bytes(place, LARGEST_FILE)
    if data == wanted or sha256(data) == earlier.get(path):
        return
    why = "was changed after lstm-edge wrote it" if path in earlier else "is not of lstm-edge"
    raise DataError(f"{place} {why} and would be lost; move it, or choose another folder with -o")
