"""Lines that fit a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap

NARROW = 80
"""Columns of what is no terminal: what is printed does not depend on where it goes."""
HANGING = 4
"""Columns that what is broken off a line is set in by, from the line's own beginning."""


def columns(stream: object = None) -> int:
    """Columns of the terminal behind stdout, or behind the stream; NARROW where there is none."""
    stream = sys.stdout if stream is None else stream
    if not getattr(stream, "isatty", lambda: False)():
        return NARROW
    return shutil.get_terminal_size((NARROW, 24)).columns


def fitted(text: str, width: int) -> str:
    """The text with longer lines broken at spaces; a word that is longer stays whole."""
    return "\n".join(part for line in text.split("\n") for part in _parts(line, width))


def _parts(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line.strip(),
        width,
        initial_indent=indent,
        subsequent_indent=indent + " " * HANGING,
        break_long_words=False,
        break_on_hyphens=False,
    )
