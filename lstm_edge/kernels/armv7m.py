"""Kernels for Armv7-M and Armv8-M Mainline without the DSP extension: Cortex-M3."""

from __future__ import annotations

from lstm_edge.kernels import digits
from lstm_edge.kernels.kernel import Ints, Kernel, words

_ORDER = (0, 1, 3, 2)

_COSTS = {"int8": (12, 9, 30, 3, 5), "int16": (8, 8, 27, 3, 5), "int4": (12, 18, 34, 3, 5)}


def scales(multipliers: Ints) -> Ints:
    """[4] -> a multiplier to a word, shifted left by 16: the upper word of SMULL is the result."""
    return words(multipliers << 16)


KERNELS = (
    Kernel("armv7m/int8", 8, "int32_t", 1, _ORDER, digits.pack_int8, 4, 18, _COSTS["int8"], scales),
    Kernel(
        "armv7m/int16", 16, "int32_t", 1, _ORDER, digits.pack_int16, 4, 18, _COSTS["int16"], scales
    ),
    Kernel("armv7m/int4", 4, "int32_t", 2, _ORDER, digits.pack_int4, 2, 18, _COSTS["int4"], scales),
)
