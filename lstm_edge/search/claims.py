"""Who works at which trial, and who stopped doing so.

A process that works at a trial says who it is and, from time to time, counts on. No clock of
another machine is trusted: a trial whose count stands still for STALE_SECONDS of one's own clock is
given up for lost, and so is at once one whose process ran on this machine and is gone.
"""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any

CLAIM, BEAT = "claim", "beat"
BEAT_SECONDS, STALE_SECONDS = 15.0, 90.0


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text().strip()
    return ""


def place() -> str:
    """The machine, as process numbers are counted on it; empty where that is not known."""
    boot = _read("/proc/sys/kernel/random/boot_id")
    with suppress(OSError):
        space = Path("/proc/self/ns/pid").readlink()
        return f"{platform.node()} {boot} {space}" if boot else ""
    return ""


def _started(process: int) -> str:
    """When a process of this machine started: numbers are used again. Empty if there is none, or
    what is left of one that nobody waited for.
    """
    after_name = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
    return after_name[19] if len(after_name) > 19 and after_name[0] not in "ZX" else ""


def new_claim() -> dict[str, Any]:
    """Who this process is, with a token of one trial."""
    process = os.getpid()
    return {
        "place": place(),
        "process": process,
        "started": _started(process),
        "token": uuid.uuid4().hex,
    }


def is_gone(claim: Mapping[str, Any]) -> bool:
    """True where the process ran on this machine, and does no longer."""
    here = place()
    return bool(here) and claim["place"] == here and _started(claim["process"]) != claim["started"]


class Watch:
    """Notices trials whose process stopped."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: dict[int, tuple[Any, float]] = {}

    def is_stale(self, number: int, attrs: Mapping[str, Any]) -> bool:
        """True for a running trial that nobody works at; attrs: what it says of itself."""
        claim = attrs.get(CLAIM)
        if claim is not None and is_gone(claim):
            return True
        now, count = self._now(), (claim and claim["token"], attrs.get(BEAT))
        last, since = self._seen.setdefault(number, (count, now))
        if last != count:
            self._seen[number] = count, now
            return False
        return now - since > STALE_SECONDS


class Beats:
    """While it is entered, `tell(count)` is called every BEAT_SECONDS."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell, self._stop = tell, Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        count = 0
        while not self._stop.wait(BEAT_SECONDS):
            count += 1
            # A disk or database that is away for a moment is no reason to stop computing; the end
            # of the trial will say so if it stays away.
            with suppress(Exception):
                self._tell(count)
