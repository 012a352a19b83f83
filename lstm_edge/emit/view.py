"""What the templates print: one small frozen object per C function, every text ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Constant:
    """An array in the weights file. dims: C dimensions; fits its comment's layout."""

    name: str
    ctype: str
    dims: tuple[int, ...]
    numbers: Array
    comment: str


@dataclass(frozen=True)
class Block:
    """`head` and lines in braces; a block alone where the head is empty."""

    head: str
    lines: tuple[str | Block, ...]


@dataclass(frozen=True)
class PhaseView:
    """One static C function. sides: the variables that choose a buffer in the arguments. positions:
    how often a step calls it; then the arguments name a `le_position`.
    """

    function: str
    comment: str
    parameters: tuple[str, ...]
    arguments: tuple[str, ...]
    sides: frozenset[str]
    lines: tuple[str, ...]
    constants: tuple[Constant, ...]
    positions: int = 1


def flat(lines: tuple[str | Block, ...], indent: str = "") -> tuple[str, ...]:
    """The lines with those of their blocks, indented."""
    found: list[str] = []
    for line in lines:
        if isinstance(line, Block):
            found.append(f"{indent}{line.head} {{" if line.head else f"{indent}{{")
            found += flat(line.lines, f"{indent}    ")
            found.append(f"{indent}}}")
        else:
            found.append(f"{indent}{line}" if line else "")
    return tuple(found)


def define(ctype: str, name: str, text: str, comment: str = "") -> str:
    """`const type name = text;` with a comment behind it."""
    return f"const {ctype} {name} = {text};" + (f" /* {comment} */" if comment else "")
