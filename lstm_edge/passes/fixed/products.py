"""Products of stored integers, in ranges that follow from those of their factors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder

Doubles = npt.NDArray[np.float64]


def product_range(a: Format, b: Format) -> tuple[int, int]:
    """Smallest and largest product of two stored integers."""
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(corners), max(corners)


def upper_product(
    b: Builder, x: Value, y: Value, name: str, scale: float | Doubles, comment: str = ""
) -> Value:
    """x y >> 16 of a y of 16 bits. scale: what 1 of it is, of each of its numbers or of all."""
    low, high = (end >> 16 for end in product_range(x.format, y.format))
    fmt = Format("int32", low=low, high=high).with_meaning(np.asarray(scale))
    return b.emit("mulw", name, (x, y), fmt, comment=comment)
