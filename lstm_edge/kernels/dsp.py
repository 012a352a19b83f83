"""Kernels for the DSP extension: Cortex-M4, M7, M33. The C files say how tiles are laid out."""

from __future__ import annotations

import numpy as np

from lstm_edge.kernels.kernel import Ints, Kernel, Product, words


def _halves(rows: Ints) -> Ints:
    """[..., columns / 2] words of two halfwords each."""
    return np.asarray((rows[..., 0::2] & 0xFFFF) | (rows[..., 1::2] & 0xFFFF) << 16)


def pack_int8(weights: Ints, biases: Ints) -> Ints:
    """Rows b0, a0, b1, a1: b in the upper byte of a halfword, a + 128 in the lower one.

    [4, even number of columns] -> 4 starts, and two words for each two columns.
    """
    upper, lower = weights[0::2], weights[1::2]
    pairs = _halves(256 * upper + lower + 128)
    b0, a0, b1, a1 = (int(bias) for bias in biases)
    starts = [b0, a0 + 256 * b0, a1 + 256 * b1, b1]
    return words(np.concatenate([starts, pairs.T.reshape(-1)]))


def pack_int16(weights: Ints, biases: Ints) -> Ints:
    """Rows 0 to 3: [4, even number of columns] -> 4 biases, and 4 words for each two columns."""
    return words(np.concatenate([biases, _halves(weights).T.reshape(-1)]))


def pack_int4(weights: Ints, biases: Ints) -> Ints:
    """Rows 0, 1, 2, 3, four digits in a halfword.

    [4, even number of columns] -> 4 starts, and a word for each two columns.
    """
    digits = 4096 * weights[3] + 256 * (weights[2] + 8) + 16 * (weights[1] + 8) + weights[0] + 8
    b0, b1, b2, b3 = (int(bias) for bias in biases)
    upper = b2 + 16 * b3
    return words(np.concatenate([[b0 + 16 * b1 + 256 * upper, b0, b2, upper], _halves(digits)]))


def _has_28_bits(product: Product) -> bool:
    """The sums that come out of a shift by 4 lose no bit.

    Of 16 * S only 32 bits are known, so S must have 28. It has 8 added to each weight: 8 times the
    sum of |x| more than the row's own sum.
    """
    return product.sums + 8 * product.values < 2**27


def scales(multipliers: Ints) -> Ints:
    """[4] -> two words of two multipliers, the first in the lower half."""
    return words((multipliers[0::2] & 0xFFFF) | multipliers[1::2] << 16)


_INT8 = ("dsp/int8", 8, "int16_t", 2, (0, 1, 2, 3), pack_int8, 4, 18, (8, 8, 27, 3, 5), scales)
_INT16 = ("dsp/int16", 16, "int16_t", 2, (0, 1, 3, 2), pack_int16, 4, 18, (5, 6, 21, 3, 5), scales)
_INT4 = ("dsp/int4", 4, "int16_t", 2, (1, 0, 2, 3), pack_int4, 8, 9, (14, 9, 61, 3, 5), scales)
KERNELS = (Kernel(*_INT8), Kernel(*_INT16), Kernel(*_INT4, within=_has_28_bits))
