"""Kernels of float32 for cores with an FPU, Cortex-M4, M7, M33, and with Helium, Cortex-M55."""

from __future__ import annotations

import numpy as np

from lstm_edge.kernels.kernel import Array, Kernel, Product


def pack(weights: Array, biases: Array) -> Array:
    """[4, columns] -> 4 biases, and the rows of each column next to each other."""
    return np.concatenate([biases, weights.T.reshape(-1)]).astype(np.float32)


_ROWS = (0, "float", 1, (0, 1, 2, 3), pack, 8, 8)


def _is_float(product: Product) -> bool:
    return product.weight_bits == 0


KERNELS = (
    Kernel("fpu/float32x4", *_ROWS, (11, 4, 25, 2, 0), within=_is_float, needs="mve"),
    Kernel("fpu/float32", *_ROWS, (5, 6, 35, 2, 0), within=_is_float),
)
