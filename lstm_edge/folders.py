"""Files put into a folder so that whoever looks finds the earlier ones or the new ones.

A folder that holds nothing else is written beside its place and exchanged for the earlier one, in
one step of the file system. Where that is not possible, files are moved one by one, that with the
checksums of all last: a reader who checks them never takes some of each for one bundle.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lstm_edge.errors import DataError

STAGE = ".writing-"
_HERE = -100
_EXCHANGE = 2
"""Of Linux's renameat2: paths from the current folder on; RENAME_EXCHANGE. Of macOS' renamex_np 2
is RENAME_SWAP.
"""


def put(
    folder: Path, files: Mapping[str, bytes], stale: Collection[str] = (), last: str = ""
) -> None:
    """Put all files, by their paths in the folder, in place, and remove those that are stale.

    last: the file that is moved last. DataError where the disk refuses; then nothing is changed,
    unless it refuses between two files that are moved one by one.
    """
    with _told(folder):
        place = folder.resolve()
        _sweep(place)
        created = [f for f in (place, *place.parents) if not f.exists()]
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with _staged(place, files) as stage:
                if not _exchanged(stage, place, {*files, *stale}):
                    _move_each(stage, place, sorted(files, key=lambda path: path == last))
                    _remove(place, stale)
        except OSError:
            for empty in created:
                with suppress(OSError):
                    empty.rmdir()
            raise


def put_file(path: Path, data: bytes) -> None:
    """The same for one file beside others."""
    with _told(path.parent):
        if path.is_dir():
            raise DataError(f"{path} is a folder where a file belongs; choose another with -o")
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        stage = path.with_name(f".{path.name}{STAGE}{os.getpid()}")
        try:
            stage.write_bytes(data)
            stage.replace(path)
        finally:
            stage.unlink(missing_ok=True)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # the latter of links that lead to each other
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{folder} cannot be written ({reason}); choose another with -o") from None


@contextmanager
def _staged(place: Path, files: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder with the files, on the same disk as their place: beside it, or within it where
    nothing may be made beside it. It is removed in the end.
    """
    name = f".{place.name}{STAGE}{os.getpid()}"
    stage = place.parent / name
    try:
        stage.mkdir()
    except OSError:
        if not place.is_dir():
            raise
        stage = place / name
        stage.mkdir()
    try:
        for path, data in files.items():
            (stage / path).parent.mkdir(parents=True, exist_ok=True)
            (stage / path).write_bytes(data)
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _exchanged(stage: Path, place: Path, ours: set[str]) -> bool:
    """Whether the stage could take the place in one step."""
    if stage.parent != place.parent:
        return False
    if not place.exists() or not any(place.iterdir()):
        with suppress(OSError):
            stage.rename(place)
            return True
        return False
    inside = place in (Path.cwd(), *Path.cwd().parents)  # it would be left in what is removed
    if inside or place.is_mount() or not _holds_only(place, ours):
        return False
    shutil.copymode(place, stage)
    return _exchange(stage, place)


def _holds_only(place: Path, ours: set[str]) -> bool:
    for path in place.rglob("*"):
        known = path.is_dir() or path.relative_to(place).as_posix() in ours
        if path.is_symlink() or not known:
            return False
    return True


def _exchange(one: Path, other: Path) -> bool:
    """Two folders change places; False where the system cannot do it."""
    paths = os.fsencode(one), os.fsencode(other)
    if os.name == "nt":
        return False
    library = ctypes.CDLL(None)
    try:
        if sys.platform == "darwin":
            return bool(library.renamex_np(*paths, _EXCHANGE) == 0)
        return bool(library.renameat2(_HERE, paths[0], _HERE, paths[1], _EXCHANGE) == 0)
    except AttributeError:  # an older C library
        return False


def _move_each(stage: Path, place: Path, paths: list[str]) -> None:
    place.mkdir(exist_ok=True)
    for path in paths:
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (stage / path).replace(place / path)


def _remove(place: Path, stale: Collection[str]) -> None:
    """The files, and the folders that are empty without them."""
    for path in stale:
        with suppress(OSError):
            (place / path).unlink()
            for parent in (place / path).parents:
                if parent == place:
                    break
                parent.rmdir()


def _sweep(place: Path) -> None:
    """Remove what a run that was killed while it wrote has left."""
    for folder in (place.parent, place):
        found = list(folder.iterdir()) if folder.is_dir() else []
        for left in found:
            begin, _, number = left.name.rpartition("-")
            ours = f"{begin}-" == f".{place.name}{STAGE}" and number.isdigit()
            if ours and not _runs(int(number)):
                left.unlink() if left.is_file() else shutil.rmtree(left, ignore_errors=True)


def _runs(number: int) -> bool:
    """Whether there is a process of this number; as far as is known, where asking would end it."""
    if os.name == "nt":
        return True
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
