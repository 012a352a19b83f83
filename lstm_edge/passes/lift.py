"""Shift operands left, so that all of a row share one accumulator.

Where the scaled weights of one operand are much larger than those of another, the weights of the
smaller one would keep few bits in a sum that both share. A power of two of the larger scale can go
from the weights to the operand instead, which costs no accuracy: an operand of 8 bits is read as
one of 16 by every kernel anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.formats import Format
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.quantize_rows import SHARING_RATIO, Operand

MOST = 2**15 - 1
"""The largest number of a lifted operand."""


@dataclass(frozen=True)
class Weighed:
    """An operand of a layer. size: of its scaled weights; largest: of its numbers."""

    name: str
    size: float
    largest: int


def lifts(operands: Sequence[Weighed]) -> dict[str, int]:
    """Bits by which operands are shifted left, so that the sizes of all differ by no more than
    SHARING_RATIO; none where they do so already, or cannot.
    """
    sizes = [o.size for o in operands if o.size > 0.0]
    if not sizes or max(sizes) <= SHARING_RATIO * min(sizes):
        return {}
    found, lifted = {}, []
    for o in operands:
        if o.size > 0.0:
            found[o.name] = max(0, int(np.rint(np.log2(o.size / min(sizes)))))
            lifted.append(o.size * 2.0 ** -found[o.name])
    fits = all(o.largest << found.get(o.name, 0) <= MOST for o in operands)
    if not fits or max(lifted) > SHARING_RATIO * min(lifted):
        return {}
    return {name: bits for name, bits in found.items() if bits}


def lift(b: Builder, value: Value, bits: int, name: str) -> Value:
    """The value shifted left, its scale so much smaller."""
    old = value.format
    low, high = old.low << bits, old.high << bits
    points = old.zero_points(value.length) << bits
    fmt = Format("int16", low=low, high=high).with_meaning(np.asarray(old.finer(bits)), points)
    return b.emit("shift", name, (value,), fmt, n=-bits)


def lifted_operand(operand: Operand, value: Value, bits: int) -> Operand:
    """The operand of which `value` is the one shifted left."""
    return replace(
        operand,
        value=value,
        scale=operand.scale * 2.0**-bits,
        zero_point=operand.zero_point << bits,
        largest=operand.largest << bits,
    )
