"""Kernels for Armv6-M: Cortex-M0 and M0+."""

from __future__ import annotations

from lstm_edge.kernels import digits
from lstm_edge.kernels.kernel import Kernel, words

_ORDER = (2, 1, 0, 3)

KERNELS = (
    Kernel(
        "armv6m/int8", 8, "int32_t", 2, _ORDER, digits.pack_int8, 3, 14, (22, 24, 71, 4, 26), words
    ),
    Kernel(
        "armv6m/int16",
        16,
        "int32_t",
        2,
        _ORDER,
        digits.pack_int16,
        2,
        12,
        (19, 23, 46, 4, 26),
        words,
    ),
    Kernel(
        "armv6m/int4", 4, "int32_t", 2, _ORDER, digits.pack_int4, 2, 16, (22, 26, 51, 4, 26), words
    ),
)
