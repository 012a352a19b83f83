"""What long work tells of itself, to whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""
Tell = Callable[[str], None]
"""Told what is being done."""


def silent(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def quiet(doing: str) -> None:
    """The same of work whose end nobody knows."""
