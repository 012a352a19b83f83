"""Put a package into a folder: all of it or nothing, and never over what is not ours."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from lstm_edge.errors import DataError

RECORD = "lstm_edge_package.json"
"""The list of what was written, with SHA-256: what is not in it, or has changed, is the user's."""


def with_record(files: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    """The same files and the list of them."""
    sums = {path: _sum(data) for path, data in sorted(files.items())}
    return {**files, RECORD: (json.dumps({"name": name, "files": sums}, indent=2) + "\n").encode()}


def write_package(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a package with its record over an earlier one, or into a new or empty place.

    Files of the earlier one that this has not are removed. DataError, before anything is changed,
    where a file would be lost that is not as lstm-edge wrote it; and where the disk refuses.
    """
    created = [f for f in (folder, *folder.parents) if not f.exists()]
    try:
        earlier = _recorded(folder)
        stale = [path for path in earlier if path not in files]
        for path in [*files, *stale]:
            _check_ours(folder, path, earlier, files.get(path))
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as temporary:
            for path, data in files.items():
                _place(Path(temporary) / path).write_bytes(data)
            for path in sorted(files, key=lambda path: path == RECORD):
                (Path(temporary) / path).replace(_place(folder / path))
        for path in stale:
            _remove(folder, path)
    except OSError as error:
        for empty in created:
            with suppress(OSError):
                empty.rmdir()
        raise DataError(
            f"{folder} cannot be written ({error.strerror or error}); choose another with -o"
        ) from None


def write_archives(folder: Path, files: Mapping[str, bytes]) -> None:
    """Archives are written over older ones of the same name: the name has the version."""
    if not files:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as temporary:
            for name, data in files.items():
                (Path(temporary) / name).write_bytes(data)
            for name in files:
                (Path(temporary) / name).replace(folder / name)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written ({error.strerror or error}); choose another with -o"
        ) from None


def _place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _recorded(folder: Path) -> dict[str, str]:
    """Path -> sum of the package that is there; nothing where there is none."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))["files"]
        return {path: str(found[path]) for path in found if _is_inside(path)}
    except (OSError, ValueError, KeyError, TypeError):
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
    data = place.read_bytes()
    if data == wanted or _sum(data) == earlier.get(path):
        return
    why = "was changed after lstm-edge wrote it" if path in earlier else "is not of lstm-edge"
    raise DataError(f"{place} {why} and would be lost; move it, or choose another folder with -o")


def _remove(folder: Path, path: str) -> None:
    """The file, and the folders that are empty without it."""
    place = folder / path
    with suppress(OSError):
        place.unlink()
        for parent in place.parents:
            if parent == folder:
                return
            parent.rmdir()


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
