"""What a dialect is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.dialects.term import Term

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Spelling:
    """How an operation reads.

    text: with the terms of its operands by number, `{0.full}`, `{1.low}`, and the operation's `{n}`
    and `{count}`. helper: the function that it calls; the dialect's own or else the common one of
    that name is printed. upper: the same where the last operand is in the upper half of a word.
    """

    text: str
    helper: str = ""
    upper: Spelling | None = None


@dataclass(frozen=True)
class TableWords:
    """How a table of 513 entries is stored as 512 words of an entry and the way to the next one.

    words: entries [512] and ways [512] -> words [512]. most_bits: a table that some use reads with
    more fractional bits stays as it is. half: only the lower half of what is read is the number,
    the upper one is anything. scaled: ways are stored times 2 ** (16 - bits), so that a
    multiplication that drops 16 bits gives the part of the way. halves: there is a function that
    reads at a >> 1 and takes a.
    """

    words: Callable[[Ints, Ints], Ints]
    most_bits: int
    half: bool = False
    scaled: bool = False
    halves: bool = True


@dataclass(frozen=True)
class Dialect:
    """How a core writes operations.

    name        of its template in `templates/dialects/`; "" for common helpers only
    spellings   of operations that it writes in its own way
    fuses       operations are joined (`passes/fuse.py`)
    pairs       two 16-bit multipliers in a word of constants; vectors of int16 are copied by words
    raised      else a multiplier has a word of its own, shifted left by so many bits
    tables      how tables are stored as words; None for arrays of entries
    ssat        it has `le_saturate<n>`
    """

    name: str
    is_float: bool
    spellings: Mapping[str, Spelling]
    fuses: bool = False
    pairs: bool = False
    raised: int = 0
    tables: TableWords | None = None
    ssat: bool = False

    def multiplier(self, word: str, upper: bool) -> Term:
        """A 16-bit constant that is kept in a word of the stream. upper: in its upper half."""
        if self.pairs:
            if upper:
                return Term(f"({word} >> 16)", "", word)
            return Term(f"(int16_t){word}", word)
        if self.raised:
            return Term(f"({word} >> 16)", "", word)
        return Term(word, word)

    def packed(self, multipliers: Ints) -> Ints:
        """Words [units, n] of multipliers [units, count]."""
        if self.pairs:
            if multipliers.shape[1] % 2:
                multipliers = np.pad(multipliers, ((0, 0), (0, 1)))
            return np.asarray((multipliers[:, 0::2] & 0xFFFF) | multipliers[:, 1::2] << 16)
        return np.asarray(multipliers << self.raised)
