"""What is going on, on stderr, where that is a terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

BAR = 30
SHOWN_AFTER = 1.0
"""Seconds: what is done sooner is not announced."""
TICK = 0.2
RUNNER = 6
"""Marks of a bar that does not know its end."""


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar: the caller tells how much is done, of how much."""
    stream = sys.stderr
    shown = stream.isatty()

    def show(done: int, total: int) -> None:
        if shown:
            filled = BAR * done // max(total, 1)
            marks = "#" * filled + "." * (BAR - filled)
            stream.write(f"\r{label} [{marks}] {done}/{total}")
            stream.flush()

    try:
        yield show
    finally:
        if shown:
            _clear(stream)


@contextmanager
def working(label: str) -> Iterator[Callable[[str], None]]:
    """A bar that runs to and fro with the seconds, for work whose end nobody knows: the caller
    tells what is being done.
    """
    stream = sys.stderr
    if not stream.isatty():
        yield lambda doing: None
        return
    now = [label]
    ended = threading.Event()
    thread = threading.Thread(target=_run, args=(stream, now, ended), daemon=True)
    thread.start()
    try:
        yield lambda doing: now.__setitem__(0, f"{label}: {doing}")
    finally:
        ended.set()
        thread.join()
        _clear(stream)


def _run(stream: TextIO, now: list[str], ended: threading.Event) -> None:
    start = time.monotonic()
    if ended.wait(SHOWN_AFTER):
        return
    tick = 0
    while True:
        seconds = int(time.monotonic() - start)
        stream.write(f"\r\033[K{now[0]} [{marks(tick)}] {seconds} s")
        stream.flush()
        tick += 1
        if ended.wait(TICK):
            return


def marks(tick: int) -> str:
    """The bar at a tick: marks that go to its right end, and back."""
    room = BAR - RUNNER
    at = room - abs(tick % (2 * room) - room)
    return "." * at + "#" * RUNNER + "." * (room - at)


def _clear(stream: TextIO) -> None:
    stream.write("\r\033[K")
    stream.flush()
