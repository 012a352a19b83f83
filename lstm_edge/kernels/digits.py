"""Tiles whose words hold digits of several rows, for cores that multiply words.

Row k is digit k, the lowest first; the uppermost digit is signed, the others have half the base
added, so that an arithmetic shift right by k digits drops the lower ones and touches nothing else.
The C files of `armv7m/` and `armv6m/` say what they make of them.
"""

from __future__ import annotations

import numpy as np

from lstm_edge.kernels.kernel import Ints, chained, words


def pack_int8(weights: Ints, biases: Ints) -> Ints:
    """[4, columns] -> 4 starts, and a word for each column."""
    low = (weights[:3] + 128) * np.array([[1], [1 << 8], [1 << 16]])
    column = low.sum(axis=0) + weights[3] * (1 << 24)
    return words(np.concatenate([chained(biases, 256), column]))


def pack_int4(weights: Ints, biases: Ints) -> Ints:
    """[4, even number of columns] -> 4 starts, and a word for each two columns, a half each."""
    low = (weights[:3] + 8) * np.array([[1], [1 << 4], [1 << 8]])
    halves = (low.sum(axis=0) + weights[3] * (1 << 12)) & 0xFFFF
    pairs = halves[0::2] | halves[1::2] << 16
    return words(np.concatenate([chained(biases, 16), pairs]))


def pack_int16(weights: Ints, biases: Ints) -> Ints:
    """[4, columns] -> 4 starts, and two words for each column: rows 0 and 1, rows 2 and 3."""
    pairs = (weights[0::2] + 32768) + weights[1::2] * (1 << 16)
    b0, b1, b2, b3 = (int(bias) for bias in biases)
    starts = [b0 + 65536 * b1, b1, b2 + 65536 * b3, b3]
    return words(np.concatenate([starts, pairs.T.reshape(-1)]))
