"""Two int4 numbers to a byte, as the generated code stores them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

OFFSET = 8
"""Added to each number, so that a half of a byte is not negative."""


def packed(numbers: Array) -> Array:
    """Bytes [..., n / 2, rounded up] of numbers [..., n]: the lower half of a byte comes first."""
    if numbers.shape[-1] % 2:
        end = np.zeros((*numbers.shape[:-1], 1), numbers.dtype)
        numbers = np.concatenate([numbers, end], axis=-1)
    return np.asarray(numbers[..., 0::2] + OFFSET + 16 * (numbers[..., 1::2] + OFFSET))
