"""How wide a text will be, and what of it fits: a page has no scripts to measure it."""

from __future__ import annotations

from unicodedata import east_asian_width

NARROW, BROAD = frozenset("fijlrtI.,:;|!'()[]{}/ \u00b7"), frozenset("mwMW@%")
WIDTHS = {"narrow": 0.40, "usual": 0.62, "capital": 0.75, "broad": 1.0}
"""Of a letter's height, those of a broad font: what is drawn may be narrower."""
BOLD = 1.12


def width_of(text: str, size: float, bold: bool = False) -> float:
    """Of a text in a sans-serif font of this size."""
    return sum(WIDTHS[_kind(letter)] for letter in text) * size * (BOLD if bold else 1.0)


def _kind(letter: str) -> str:
    if letter in NARROW:
        return "narrow"
    if letter in BROAD or east_asian_width(letter) in "WF":
        return "broad"
    return "capital" if letter.isupper() else "usual"


def fitted(text: str, width: float, size: float, bold: bool = False) -> str:
    """The text, cut in its middle where it is wider than that: ends of names tell them apart."""
    if width_of(text, size, bold) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        cut = f"{text[: kept // 2]}\u2026{text[len(text) - (kept - kept // 2) :]}"
        if width_of(cut, size, bold) <= width:
            return cut
    return "\u2026"
