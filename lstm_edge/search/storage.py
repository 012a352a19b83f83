"""Where a study is kept: a journal on a disk that machines share, or a database.

Optuna is imported here, when a study is opened, and nowhere before.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lstm_edge.errors import DataError, ToolchainError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

LOCK_SECONDS = 60
"""A database that is locked by another process is waited for so long."""


def import_optuna() -> ModuleType:
    """The library; ToolchainError where it is not installed."""
    try:
        import optuna
    except ImportError:
        raise ToolchainError(
            "a study needs Optuna, which is not installed; pip install 'lstm-edge[search]'"
        ) from None
    return optuna  # type: ignore[no-any-return, unused-ignore]


def open_storage(where: str, *, create: bool = True) -> BaseStorage:
    """The storage of a file or URL; DataError where it cannot be read or is something else.

    create: begin a file that is not there.
    """
    import_optuna()
    return _database(where) if "://" in where else _journal(Path(where), create)


def _journal(path: Path, create: bool) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    class MendingLock(JournalFileOpenLock):
        """A lock by an exclusive file, which network disks keep (NFS from version 3 on): a symbolic
        link would not be the same path on every machine. Who gets it cuts off what a machine that
        lost its power left of a line, which no one could read past.
        """

        def acquire(self) -> bool:
            got: bool = super().acquire()
            _mend(path)
            return got

    try:
        _check_journal(path, create)
        place = str(path.resolve())
        return JournalStorage(JournalFileBackend(place, lock_obj=MendingLock(place)))
    except OSError as error:
        raise DataError(f"--study {path}: {error.strerror or error}; check the path") from None
    except (ValueError, KeyError, TypeError, AssertionError):
        raise DataError(_no_journal(path)) from None


def _check_journal(path: Path, create: bool) -> None:
    """DataError for what is certainly no journal: nothing is to be appended to that."""
    if path.is_dir():
        raise DataError(f"--study {path}: is a folder; give a file in it")
    if not path.exists():
        if not create:
            raise DataError(f"--study {path}: no such file; check the path")
        if not path.parent.is_dir():
            raise DataError(f"--study {path}: there is no folder {path.parent}; make it first")
        return
    with path.open("rb") as file:
        first = file.readline(2**20)
    known: Any = None
    with suppress(ValueError):
        known = json.loads(first)
    # A first line without an end was cut off when it was written, and is mended.
    cut = first.startswith(b'{"op_code"') and not first.endswith(b"\n")
    if first and not cut and not (isinstance(known, dict) and "op_code" in known):
        raise DataError(_no_journal(path))


def _no_journal(path: Path) -> str:
    return (
        f"--study {path}: is no journal of a study, or a damaged one; give a file that `search` "
        "made, or one that is not there yet"
    )


def _mend(path: Path) -> None:
    """Cut off a last line that has no end."""
    with path.open("rb+") as file:
        size = file.seek(0, 2)
        kept = size
        while kept:
            start = max(0, kept - 2**16)
            file.seek(start)
            end = file.read(kept - start).rfind(b"\n")
            if end >= 0:
                kept = start + end + 1
                break
            kept = start
        if kept < size:
            file.truncate(kept)


def _database(url: str) -> BaseStorage:
    from optuna.storages import RDBStorage
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    shown = f"{url.partition('://')[0]}://..."
    try:
        parsed = make_url(url)
        shown = parsed.render_as_string(hide_password=True)
        waits = parsed.get_backend_name() == "sqlite"
        options = {"connect_args": {"timeout": LOCK_SECONDS}} if waits else {}
        return RDBStorage(url, engine_kwargs=options)
    except ImportError as error:
        name = getattr(error, "name", None) or "its driver"
        raise ToolchainError(f"--study {shown} needs {name}; pip install it") from None
    except (SQLAlchemyError, RuntimeError) as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise DataError(
            f"--study {shown}: cannot be opened ({said}); give a file, or a URL such as "
            "postgresql://user@host/name"
        ) from None
