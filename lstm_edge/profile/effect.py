"""The effect of an instruction on registers, and how registers are written."""

from __future__ import annotations

import re
from dataclasses import dataclass

REGISTER = re.compile(r"\b(r\d+|sp|lr|pc|ip|fp|sl|sb)\b")
ALIASES = {"ip": "r12", "fp": "r11", "sl": "r10", "sb": "r9"}


@dataclass(frozen=True)
class Effect:
    """kind: see `operands.py`. bases: registers that an address is made of; reads: all others.
    count: registers of a list, or words. indexed: an address of two registers.
    """

    kind: str
    writes: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    bases: frozenset[str] = frozenset()
    count: int = 0
    writeback: bool = False
    indexed: bool = False


def normal(register: str) -> str:
    """`r12` for `ip`."""
    return ALIASES.get(register, register)


def registers(text: str) -> frozenset[str]:
    """Core registers that a text names."""
    return frozenset(normal(word) for word in REGISTER.findall(text))


def plain_address(parts: tuple[str, ...]) -> tuple[frozenset[str], bool, frozenset[str]]:
    """Of the operand in brackets: its registers, whether there are two, and what it writes back."""
    for place, part in enumerate(parts):
        if part.startswith("["):
            found = [normal(word) for word in REGISTER.findall(part)]
            back = part.endswith("!") or place < len(parts) - 1
            return frozenset(found), len(found) > 1, frozenset(found[:1] if back else ())
    return frozenset(), False, frozenset()
