"""The templates, and how they print arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from lstm_edge.emit.numerals import WIDTH, rows_of
from lstm_edge.emit.spell import literal
from lstm_edge.emit.view import Constant
from lstm_edge.resources import templates_dir

MOST_IN_LINE = 3


def environment() -> jinja2.Environment:
    """The templates; an undefined name is an error. One and the same for all that is rendered: to
    compile a template takes longer than to fill it in.
    """
    return _environment(templates_dir())


@cache
def _environment(folder: Path) -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    env.filters["initializer"] = initializer
    env.filters["parameters"] = parameters
    return env


def parameters(declared: Sequence[str]) -> str:
    """The parameters of a function in parentheses; more than three on a line each."""
    if len(declared) <= MOST_IN_LINE:
        return f"({', '.join(declared)})"
    return "(\n    " + ",\n    ".join(declared) + ")"


def initializer(constant: Constant) -> str:
    """Nested braces, 100 columns wide."""
    is_float = constant.ctype == "float"
    return _braces(constant.numbers, is_float, "")


def _braces(numbers: Any, is_float: bool, indent: str) -> str:
    inner = f"{indent}    "
    many = not is_float and numbers.size >= WIDTH and _is_small(numbers)
    if numbers.ndim > 1:
        alike = many and numbers.ndim == 2
        rows = rows_of(numbers, inner) if alike else (_braces(n, is_float, inner) for n in numbers)
        return "{\n" + "".join(f"{inner}{row},\n" for row in rows) + indent + "}"
    if many:
        return rows_of(numbers[None], indent)[0]
    texts = [literal(n, is_float) for n in numbers]
    if sum(len(t) + 2 for t in texts) + len(inner) < WIDTH - 4:
        return "{" + ", ".join(texts) + "}"
    width = max(len(t) for t in texts)
    per_line = max(1, (WIDTH - len(inner)) // (width + 2))
    lines = [
        inner + ", ".join(t.rjust(width) for t in texts[k : k + per_line]) + ",\n"
        for k in range(0, len(texts), per_line)
    ]
    return "{\n" + "".join(lines) + indent + "}"


def _is_small(numbers: Any) -> bool:
    """Whether int32 holds them and their negatives."""
    return bool(numbers.min() > -(2**31) and numbers.max() < 2**31)
