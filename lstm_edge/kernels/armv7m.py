"""Kernels for Armv7-M and Armv8-M Mainline without the DSP extension: Cortex-M3."""

from __future__ import annotations

from lstm_edge.kernels import digits
from lstm_edge.kernels.kernel import Kernel

_ORDER = (0, 1, 3, 2)

KERNELS = (
    Kernel("armv7m/int8", 8, "int32_t", 1, _ORDER, digits.pack_int8, 4, 16, (12, 9, 30, 4)),
    Kernel("armv7m/int16", 16, "int32_t", 1, _ORDER, digits.pack_int16, 4, 16, (8, 8, 27, 4)),
    Kernel("armv7m/int4", 4, "int32_t", 2, _ORDER, digits.pack_int4, 2, 16, (12, 18, 34, 4)),
)
