"""The kernel in plain C, for every compiler and every core, and for float32."""

from __future__ import annotations

import numpy as np

from lstm_edge.kernels.kernel import Ints, Kernel

OFFSET = 8
"""Added to an int4 weight, so that a half of a byte is not negative."""


def pack(weights: Ints, _: Ints) -> Ints:
    """[4, columns] -> [4 * columns], the rows of a column next to each other.

    Biases have an array of their own, of another type.
    """
    return np.asarray(weights.T.reshape(-1))


def pack_int4(weights: Ints, biases: Ints) -> Ints:
    """The same with two columns of a row in a byte, the first in the lower half."""
    if weights.shape[1] % 2:
        weights = np.pad(weights, ((0, 0), (0, 1)))
    plus = weights + OFFSET
    return pack(plus[:, 0::2] | plus[:, 1::2] << 4, biases)


_IN_ORDER = (0, 1, 2, 3)

KERNELS = (
    Kernel(
        *("portable/rows", 0, "", 1, _IN_ORDER, pack),
        costs=(30, 12, 0, 0, 0),
        within=lambda product: product.weight_bits != 4,
    ),
    Kernel("portable/int4", 4, "", 1, _IN_ORDER, pack_int4, costs=(30, 20, 0, 0, 0)),
)
