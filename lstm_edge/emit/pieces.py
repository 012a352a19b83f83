"""C texts in pieces: functions, arrays and types, by the names that they define."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_ARM = "#if defined(__arm__)"
_NAME = re.compile(r"^(?:\} (\w+);|[\w* ]*?\b(\w+) ?[\[(])", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """name: what it defines, or else the text itself."""

    name: str
    text: str


def on_arm(text: str) -> str:
    """The text without `#if defined(__arm__)` and what stands in for that branch elsewhere."""
    found: list[str] = []
    opened: list[bool] = []  # of each #if: whether it is one of these
    skipped = 0  # how many were open where a branch began that is left out
    for line in text.split("\n"):
        if line.startswith("#if"):
            opened.append(line == _ARM)
        resolved = bool(opened) and opened[-1] and line.startswith(("#if", "#else", "#endif"))
        if resolved and line == "#else":
            skipped = skipped or len(opened)
        if not resolved and not skipped:
            found.append(line)
        if line.startswith("#endif"):
            skipped = 0 if skipped == len(opened) else skipped
            opened.pop()
    return "\n".join(found)


def pieces(text: str) -> list[Piece]:
    """A C text in pieces. They end, outside of functions and `#if`, at a blank line, and where a
    comment follows a declaration.
    """
    lines = text.rstrip("\n").split("\n")
    depth = -1 if _is_guarded(lines) else 0
    found: list[Piece] = []
    current: list[str] = []
    for line, follows in zip(lines, [*lines[1:], ""], strict=True):
        depth += line.startswith("#if") - line.startswith("#endif")
        current.append(line)
        ends = not line and not follows.startswith((" ", "}"))
        declared = line.endswith(";") and not line.startswith(" ") and follows.startswith("/*")
        if depth <= 0 and (ends or declared):
            found.append(_piece(current))
            current = []
    found.append(_piece(current))
    return _with_own_names([piece for piece in found if piece.text])


def _is_guarded(lines: Sequence[str]) -> bool:
    """True for a header, of which all but the first comment is below an `#ifndef`."""
    return any(line.startswith("#ifndef") and line.endswith("_H") for line in lines[:20])


def _piece(lines: list[str]) -> Piece:
    text = "\n".join(lines).strip("\n")
    named = None if text.startswith("#") else _NAME.search(_COMMENT.sub("", text))
    return Piece(text if named is None else named[1] or named[2], text)


def _with_own_names(found: Sequence[Piece]) -> list[Piece]:
    """The same, each name once."""
    seen: dict[str, int] = {}
    named = []
    for piece in found:
        count = seen[piece.name] = seen.get(piece.name, 0) + 1
        named.append(piece if count == 1 else replace(piece, name=f"{piece.name} {count}"))
    return named
