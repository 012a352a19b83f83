"""What each part of lowering and packing makes of operands of all kinds, as it is in the
repository: how many cases it refuses, and a checksum of all operations, formats, constants and
messages.

Whole networks have few of the widths and scales that a part takes, and whether its numbers are
right is for other tests to say: this one says which part a change of the compiler moves.
`--update-golden` writes the file anew: look at the difference, and with `python -m
tests.golden.test_parts PART` before and after at all that the part makes.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lstm_edge.errors import LstmEdgeError
from tests.golden.choices_drawn import CHOICES
from tests.golden.drawn import Draw
from tests.golden.packing_drawn import PACKING
from tests.golden.parts import PARTS

PATH = Path(__file__).resolve().parent / "parts.txt"
ALL = {**PARTS, **CHOICES, **PACKING}
CASES = 64
LONG = (
    *("exponential", "rows", "fine sigmoid", "products in C", "places of operands"),
    *("rows of updates", "fine softmax", "rounded rows", "formats of models"),
)
"""Half as many of these are drawn."""
TABLE = 99
"""Constants of so many numbers are tables, which are the same for all."""


def text(found: Any) -> str:
    """All that a result has, arrays too."""
    if is_dataclass(found) and not isinstance(found, type):
        inner = (f"{f.name}={text(getattr(found, f.name))}" for f in fields(found))
        return f"{type(found).__name__}({', '.join(inner)})"
    if isinstance(found, tuple | list):
        return f"[{', '.join(map(text, found))}]"
    if isinstance(found, np.ndarray | np.generic):
        return text(found.tolist())
    return f"{found:.9g}" if isinstance(found, float) else repr(found)


def case(part: str, seed: int) -> Iterator[str]:
    """What is made of one draw, line by line."""
    draw = Draw([seed, zlib.crc32(part.encode())])
    try:
        yield text(ALL[part](draw))
    except LstmEdgeError as error:
        yield f"{type(error).__name__}: {error}"
    draw.b.close_block("layer", 0)
    yield from (repr(op) for block in draw.b.blocks for op in block.ops)
    yield from map(repr, draw.b.values.values())
    constants = draw.b.constants.items()
    yield from (f"{name} {text(array)}" for name, array in constants if len(array) < TABLE)


def described(part: str) -> str:
    """A line for a part."""
    cases = CASES // (2 if part in LONG else 1)
    made = ["\n".join(case(part, seed)) for seed in range(cases)]
    refused = sum("Error: " in lines.splitlines()[0] for lines in made)
    return f"{part}: {refused} of {cases} refused, {zlib.crc32(''.join(made).encode()):08x}"


def test_parts_of_lowering_make_the_golden_ones(update_golden: bool) -> None:
    lines = [described(part) for part in ALL]
    if update_golden:
        PATH.write_text("\n".join(lines) + "\n")
    assert lines == PATH.read_text().splitlines(), "see --update-golden"


if __name__ == "__main__":
    for seed in range(CASES):
        print(f"== {seed}", *case(sys.argv[1], seed), sep="\n")
