"""A progress bar on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, shown where stderr is a terminal."""
    stream = sys.stderr
    shown = stream.isatty()

    def show(done: int, total: int) -> None:
        if shown:
            filled = 30 * done // max(total, 1)
            marks = "#" * filled + "." * (30 - filled)
            stream.write(f"\r{label} [{marks}] {done}/{total}")
            stream.flush()

    yield show
    if shown:
        stream.write("\r\033[K")
        stream.flush()
