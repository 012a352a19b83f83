"""What a kernel is to the rest of the compiler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import INT32_MAX

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

ROWS = 4
"""Rows of a tile."""
ENTERING = {
    "dsp": (0, 2, 4, 2),
    "armv7m": (0, 2, 4, 2),
    "armv6m": (0, 5, 4, 0),
    "fpu": (0, 2, 2, 0),
}
"""By the part of a kernel and its form: instructions that jump into its code, and keep what says
where it ends.
"""


@dataclass(frozen=True)
class Product:
    """Rows of weights times one vector, as a kernel is asked about them.

    weight_bits: 4, 8, 16, or 0 for float32. sums: bound of |bias| + sum of |w| |x| over the rows;
    values: bound of sum of |x|; operand_bits: of a signed integer that holds each x. Bounds follow
    from the ranges of formats, as in the proof.
    """

    weight_bits: int
    operand_bits: int
    sums: int
    values: int


@dataclass(frozen=True)
class Form:
    """How far a kernel's code is unrolled, as `rows.h` of its part says.

    kind: 0 for one count of columns; 1 for any count up to that of ones and blocks together,
    entered by a computed jump; 2 for any count, pass after pass; 3 for one long count, in whole
    passes. ones, blocks: copies of the two pieces of its code. scaled: it multiplies each sum by a
    number that follows the tile.
    """

    kind: int
    ones: int
    blocks: int
    scaled: bool = False


@dataclass(frozen=True)
class Kernel:
    """One of `KERNELS`.

    name        of its C file, without ending; `part/width`
    weight_bits width of the weights that it reads; 0: any
    ctype       C type of the operand's numbers, "" for the narrowest that holds all of them
    columns     an operand's length is padded to a multiple of this with zeros
    order       sum k of a tile is that of row order[k] of what is packed
    pack        [4, columns] weights and [4] biases -> the words of a tile; None where a tile is
                rows of four units, which `mve.py` packs
    within      further condition on a product
    per_block   single steps in a block; most_blocks: blocks at most in a row
    costs       executed instructions: of a tile, of a single step, of a block, of a pass over the
                blocks, of scaling
    needs       a feature beside that of its part
    scales      multipliers of the four sums -> words behind the tile
    """

    name: str
    weight_bits: int
    ctype: str
    columns: int
    order: tuple[int, int, int, int]
    pack: Callable[[Array, Array], Array] | None
    per_block: int = 1
    most_blocks: int = 1
    costs: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    scales: Callable[[Ints], Ints] = lambda multipliers: multipliers
    within: Callable[[Product], bool] = lambda _: True
    needs: str = ""

    @property
    def part(self) -> str:
        """The folder of its C file: kernels of a part share operands."""
        return self.name.partition("/")[0]

    @property
    def symbol(self) -> str:
        """`int8` of `dsp/int8`."""
        return self.name.partition("/")[2]

    @property
    def streams(self) -> bool:
        """True where biases and constants of units are with the weights in one stream of words."""
        return self.pack is not None and self.part != "portable"

    @property
    def is_float(self) -> bool:
        """True where it multiplies float32 and nothing else: its stream has such numbers, too."""
        return self.ctype == "float"

    def begins_at(self, number: int) -> bool:
        """True where an operand may begin with this number of an array of words: a kernel that
        reads two halfwords at once reads whole words.
        """
        return number % self.columns == 0 or self.ctype != "int16_t" or not self.streams

    def fits(self, product: Product) -> bool:
        """True where it computes this product. All but plain C sum up x beside their rows."""
        bits = {"int16_t": 16, "int32_t": 32}.get(self.ctype, 32)
        same = self.weight_bits in (0, product.weight_bits)
        summed = self.part == "portable" or product.values <= INT32_MAX
        return same and summed and product.operand_bits <= bits and self.within(product)

    def padded(self, columns: int) -> int:
        """The length of an operand of so many numbers."""
        return -(-columns // self.columns) * self.columns

    def form(self, lengths: tuple[int, ...], unrolled: bool, scaled: bool = False) -> Form:
        """The form for operands of these padded lengths, which all phases with this kernel share.

        One length that fits the code needs no jump; several do. Of what is too long, the form that
        takes fewer instructions for the longest. unrolled: up to `most_blocks`, else one block.
        """
        counts = sorted({length // self.columns for length in lengths})
        blocks, ones = divmod(max(counts), self.per_block)
        most = self.most_blocks if unrolled else 1
        if len(counts) == 1 and blocks <= most:
            return Form(0, ones, blocks, scaled)
        singles = self.per_block - 1 if any(n % self.per_block for n in counts) else 0
        if blocks <= most:
            return Form(1, singles, blocks, scaled)
        found = [Form(2, singles, most, scaled)]
        if len(counts) == 1 and unrolled:
            each, left = divmod(blocks, -(-blocks // most))
            found.append(Form(3, ones + left * self.per_block, each, scaled))
        return min(found, key=lambda form: self.instructions(max(lengths), form))

    def instructions(self, length: int, form: Form) -> int:
        """Executed instructions of a tile with an operand of this padded length, from the call's
        target to its return, as counted in the C file.
        """
        tile, one, block, again, scaling = self.costs
        blocks, ones = divmod(length // self.columns, self.per_block)
        if form.kind == 3:
            ones = form.ones
            blocks = (length // self.columns - ones) // self.per_block
        entering = ENTERING[self.part][form.kind] if self.streams else 0
        passes = 0 if form.kind < 2 else max(1, -(-blocks // form.blocks))
        total = tile + ones * one + blocks * block + entering + passes * again
        return total + (scaling if form.scaled else 0)


def words(numbers: Array) -> Ints:
    """Numbers mod 2**32 as int32, in any shape: sums of kernels wrap, and so do their starts."""
    low = np.asarray(numbers, np.int64) & 0xFFFFFFFF
    return np.asarray(np.where(low >= 2**31, low - 2**32, low), np.int64)


def chained(biases: Ints, base: int) -> list[int]:
    """Starts P0 .. P3 of sums of digits: Pk = bias k + base * P(k + 1), not yet mod 2**32.

    A kernel sums what is left of a word after k digits are shifted off, so its sum k contains that
    of all rows above. With these starts the biases come out with the sums.
    """
    starts = [int(bias) for bias in biases]
    for k in (2, 1, 0):
        starts[k] += base * starts[k + 1]
    return starts
