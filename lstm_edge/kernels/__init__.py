"""Kernels: hand-written code that multiplies a tile of four rows with a vector.

A kernel is a `Kernel` here, which packs tiles, says what it fits and what it costs, and a C file of
the same name in `templates/kernels/`, which reads them. Every kernel gives the same sums, so a
program does not know which one runs. The features of a target say which of them it can run.
"""

from __future__ import annotations

from collections.abc import Mapping

from lstm_edge.kernels import armv6m, armv7m, dsp, fpu, mve, portable
from lstm_edge.kernels.kernel import Kernel

KERNELS: Mapping[str, Kernel] = {
    kernel.name: kernel
    for kernel in (
        *(*mve.KERNELS, *dsp.KERNELS, *armv7m.KERNELS, *armv6m.KERNELS),
        *(*fpu.KERNELS, *portable.KERNELS),
    )
}
"""In order of preference."""
_INTEGER = ("dsp", "armv7m", "armv6m")
"""Parts that differ in what an operand is: a file of C has one of them."""


def best_part(features: tuple[str, ...]) -> str:
    """The part for integers on a core: the first that is among its features; plain C needs none."""
    return next((part for part in _INTEGER if part in features), "portable")
