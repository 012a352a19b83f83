"""Kernels: hand-written code that multiplies a tile of four rows with a vector.

A kernel is a `Kernel` here, which packs tiles, says what it fits and what it costs, and a C file of
the same name in `templates/kernels/`, which reads them. Every kernel gives the same sums, so a
program does not know which one runs. A target names its kernels in order of preference; `choose`
takes the first that fits.
"""

from __future__ import annotations

from collections.abc import Mapping

from lstm_edge.errors import TargetError
from lstm_edge.kernels import armv6m, armv7m, dsp, portable
from lstm_edge.kernels.kernel import Kernel, Product

KERNELS: Mapping[str, Kernel] = {
    kernel.name: kernel
    for kernel in (*portable.KERNELS, *dsp.KERNELS, *armv7m.KERNELS, *armv6m.KERNELS)
}


def choose(preferred: tuple[str, ...], products: tuple[Product, ...]) -> Kernel:
    """The first of the preferred kernels that can compute all of these products."""
    for name in preferred:
        if name not in KERNELS:
            raise TargetError(f"target names an unknown kernel {name!r}; known: {list(KERNELS)}")
        if all(KERNELS[name].fits(product) for product in products):
            return KERNELS[name]
    bits = sorted({product.weight_bits for product in products})
    raise TargetError(f"none of the kernels {preferred} multiplies weights of {bits} bits")
