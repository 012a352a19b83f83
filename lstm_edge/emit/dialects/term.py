"""How a value reads in C: as a number, and as a half of a word where an instruction takes that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """Texts of one value. full: the number. low, high: a word whose lower or upper half is it, ""
    where there is none.
    """

    full: str
    low: str = ""
    high: str = ""


def plain(text: str) -> Term:
    """A number in a variable of its own."""
    return Term(text, text)


def in_parentheses(text: str) -> str:
    """A text that can be an operand: a negative number needs parentheses."""
    return f"({text})" if text.startswith("-") else text
