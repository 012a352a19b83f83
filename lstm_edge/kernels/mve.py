"""Kernels for Helium (Cortex-M55, M85): many rows, with their columns in registers.

A vector is held in pieces of 16 bytes, and up to six of them stay in registers while all rows of a
tile pass by. `templates/kernels/mve/rows.h` has the layout and the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from lstm_edge.kernels.kernel import Ints, Kernel, words

UNITS = 4
"""Units whose numbers a register holds."""
REGISTERS = 6
"""For pieces of a vector; two more take weights."""
BYTES = 16
"""Of a register."""
PLANE_BITS = 7
"""A number of 15 bits is 128 * high + low."""


class Role(Enum):
    """How a piece of a vector is held."""

    LOW = "as it is"
    HIGH = "without its lower bits, which are 0"
    BOTH = "as a register of high and one of low parts"


@dataclass(frozen=True)
class Piece:
    """Columns that one register holds, or two."""

    columns: int
    role: Role

    @property
    def registers(self) -> int:
        """For this piece of the vector."""
        return 2 if self.role is Role.BOTH else 1


@dataclass(frozen=True)
class Rows:
    """Rows over so many pieces: one function in C. halves: in lanes of 16 bits.

    places: how far the sum of HIGH or of high parts is shifted. first: rows start with their
    biases, else with what is there. last: nothing more is added.
    """

    weight_bits: int
    halves: bool
    places: int
    pieces: tuple[Piece, ...]
    first: bool
    last: bool

    @property
    def columns(self) -> int:
        """Columns of all pieces."""
        return sum(piece.columns for piece in self.pieces)

    @property
    def skips(self) -> bool:
        """Whether two bytes follow a block, so that the next one starts with a word."""
        return self.weight_bits == 4 and self.columns % 2 == 1

    @property
    def aside(self) -> bool:
        """Whether something is summed aside, to be shifted."""
        return any(piece.role is not Role.LOW for piece in self.pieces)

    @property
    def instructions(self) -> tuple[int, int]:
        """To start, and of a block, as counted in `rows.h`."""
        products = sum(piece.registers for piece in self.pieces)
        apart = 2 if self.weight_bits == 4 and self.last else 0
        pair = 2 * len(self.pieces) + 2 * products + 2 * self.aside
        return products + 1, 3 + 2 * pair + apart + self.skips


def cut(pieces: Sequence[Piece]) -> list[tuple[Piece, ...]]:
    """The pieces in groups of about the same size that the registers can hold."""
    wanted = sum(piece.registers for piece in pieces)
    groups = -(-wanted // REGISTERS)
    found: list[tuple[Piece, ...]] = []
    left = list(pieces)
    while left:
        share = -(-sum(p.registers for p in left) // max(1, groups - len(found)))
        taken: list[Piece] = []
        held = 0
        while left and (not taken or held + left[0].registers <= min(share, REGISTERS)):
            taken.append(left.pop(0))
            held += taken[-1].registers
        found.append(tuple(taken))
    return found


def pack(weights: Ints, biases: Ints, rows: Rows) -> Ints:
    """A block: [4, columns] weights and [4] biases -> words."""
    pairs: list[tuple[Ints, ...]] = [(weights[0], weights[1]), (weights[2], weights[3])]
    starts = biases
    if rows.weight_bits == 4:
        if np.abs(weights).max(initial=0) > 7:
            raise AssertionError("an int4 weight is within -7 .. 7")
        pairs = [(weights[0] + 16 * weights[1],), (weights[2] + 16 * weights[3],)]
        starts = np.asarray(biases + np.array([16, 0, 16, 0]) * biases[[1, 0, 3, 2]])
    parts: list[Ints] = []
    for pair in pairs:
        column = 0
        for piece in rows.pieces:
            parts += [row[column : column + piece.columns] for row in pair]
            column += piece.columns
    if rows.skips:
        parts.append(np.zeros(2, np.int64))
    numbers = np.concatenate(parts).astype("<i2" if rows.weight_bits == 16 else np.int8)
    packed = np.frombuffer(numbers.tobytes(), "<i4").astype(np.int64)
    return np.concatenate([words(starts), packed]) if rows.first else packed


_IN_ORDER = (0, 1, 2, 3)
KERNELS = tuple(
    Kernel(f"mve/int{bits}", bits, "int16_t", 1, _IN_ORDER, None) for bits in (8, 16, 4)
)
