"""Tables and numbers of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, fsum, log
from textwrap import fill

MISSING = "-"


def table(head: Sequence[str], words: int, rows: Iterable[Sequence[str]]) -> str:
    """A table of which the first `words` columns are text."""
    rule = ["---"] * words + ["--:"] * (len(head) - words)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def whole(number: float | None) -> str:
    """1,234."""
    return MISSING if number is None else f"{number:,.0f}"


def decimal(number: float | None, digits: int = 2) -> str:
    """1.23."""
    return MISSING if number is None else f"{number:.{digits}f}"


def geometric_mean(numbers: Sequence[float]) -> float | None:
    """None where there is no number."""
    if not numbers:
        return None
    return exp(fsum(log(number) for number in numbers) / len(numbers))


def paragraph(text: str) -> str:
    """A sentence of a data file, as lines of the document."""
    return fill(
        f"{text[0].upper()}{text[1:]}.", 100, break_long_words=False, break_on_hyphens=False
    )


def core(target: str) -> str:
    """cortex-m0plus: M0+."""
    return target.removeprefix("cortex-").upper().replace("PLUS", "+")


def shape(inputs: int, units: int) -> str:
    """(16, 32)."""
    return f"({inputs}, {units})"
