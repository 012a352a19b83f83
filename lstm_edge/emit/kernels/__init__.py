"""Matvec kernels: how a phase's weights are packed and which template reads them.

A kernel is a module here and the template of the same name in `templates/kernels/`: two halves of
one thing. Every kernel gives the same sums, so the program does not know which one runs. A target
names its kernels in order of preference; the first that supports a phase is taken.
INSTRUCTIONS of a kernel is a figure to compare kernels by, not a measurement.
"""

from __future__ import annotations

from types import ModuleType

from lstm_edge.emit.kernels import dsp_pairs, nibbles, portable
from lstm_edge.emit.kernels.block import MatvecBlock
from lstm_edge.errors import TargetError

KERNELS: dict[str, ModuleType] = {
    "portable": portable,
    "nibbles": nibbles,
    "dsp_pairs": dsp_pairs,
}


def choose(preferred: tuple[str, ...], block: MatvecBlock) -> str:
    """The first of the preferred kernels that can run this block."""
    for name in preferred:
        if name not in KERNELS:
            raise TargetError(f"target names an unknown kernel {name!r}; known: {list(KERNELS)}")
        if KERNELS[name].supports(block):
            return name
    raise TargetError(f"none of the kernels {preferred} can run {block.name}; add 'portable'")
