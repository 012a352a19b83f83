"""What a kernel is given: the matrix products of one phase, unit by unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Segment:
    """Columns that several rows of a unit share: their common operand.

    operand: the C pointer. rows: names of the accumulators that it feeds. weights: [units, rows,
    columns], or [steps, units, rows, columns] where they change with the step. largest: bound of
    the operand's magnitude.
    """

    operand: str
    operand_type: str
    columns: int
    rows: tuple[str, ...]
    weights: Array
    largest: int


@dataclass(frozen=True)
class MatvecBlock:
    """All segments of a phase; a unit's accumulators start at their biases.

    unroll: "none", "gates" or "full". weight_type: "int4", "int8_t", "int16_t" or
    "float".
    """

    name: str
    units: int
    segments: tuple[Segment, ...]
    unroll: str
    weight_type: str


@dataclass(frozen=True)
class Packed:
    """Weights in the order in which the kernel reads them: C type, words [..., units, n], and a
    line about the layout.
    """

    ctype: str
    words: Array
    layout: str


@dataclass(frozen=True)
class Run:
    """`count` columns (or pairs) at a time, `times` times over, from column `start`."""

    start: int
    count: int
    times: int


UNROLLED_COLUMNS = 32
"""A segment of up to this many columns is unrolled whole; of a longer one blocks of 16."""
UNROLLED_BLOCK = 16


def runs(columns: int, unroll: str, start: int = 0) -> tuple[Run, ...]:
    """How to walk over `columns`: one by one in a loop, or unrolled in blocks."""
    if columns == 0:
        return ()
    if unroll == "none":
        return (Run(start, 1, columns),)
    if unroll == "full" or columns <= UNROLLED_COLUMNS:
        return (Run(start, columns, 1),)
    times, rest = divmod(columns, UNROLLED_BLOCK)
    blocks = (Run(start, UNROLLED_BLOCK, times),)
    return blocks + ((Run(start + times * UNROLLED_BLOCK, rest, 1),) if rest else ())


def interleave(weights: Array) -> Array:
    """[..., units, columns * rows] of [..., units, rows, columns]: all rows of a column next to
    each other.
    """
    swapped = np.swapaxes(weights, -1, -2)
    return swapped.reshape(*swapped.shape[:-2], -1)
