"""The equation of an Einsum with every letter of every axis."""

from __future__ import annotations

from collections.abc import Sequence

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def spelled_out(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand, of so many axes, and of the result. What "..." stands for has
    capitals, the last axes of all operands the same.
    """
    terms, arrow, result = equation.replace(" ", "").partition("->")
    once = "".join(a for a in sorted({*terms} - {*",."}) if terms.count(a) == 1)
    result = result if arrow else ("..." if "." in terms else "") + once
    operands = terms.split(",")
    free = "".join(a for a in LETTERS if a not in terms)
    most = 0
    names = []
    for term, rank in zip(operands, ranks, strict=False):
        more = rank - len(term.replace("...", ""))
        most = max(most, more)
        names.append(term.replace("...", free[len(free) - more :] if more > 0 else ""))
    return names, result.replace("...", free[len(free) - most :] if most else "")
