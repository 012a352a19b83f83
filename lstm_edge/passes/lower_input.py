"""Model inputs in integers: each feature has its own scale and zero point, which weights take in.

What a layer of `layers/normalize.py` makes of an input are the same integers with another meaning.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.formats import INT32_MAX, INT32_MIN, Format
from lstm_edge.ir.expr import Expr
from lstm_edge.layers.normalize import is_scale, number_of
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.rescale import unpack_input
from lstm_edge.passes.lower import Place
from lstm_edge.passes.numbers import Number, number
from lstm_edge.rounding import Ints

LARGEST_ZERO_POINT = 2**24
"""Beyond it a model input is unpacked before a constant is added."""


def unpacked(b: Builder, x: Number, name: str) -> Number:
    """A model input as fixed point with one scale; anything else as it is."""
    if x.packed is None:
        return x
    return number(unpack_input(b, x.value, x.packed, f"{name}_in"))


def compared(
    b: Builder, x: Number, y: Number, name: str, flipped: bool = False
) -> tuple[Number, Number]:
    """A model input and a constant that are compared, both as the input stores them: there a number
    is equal to the constant exactly where the model has one that is. Of integers none is equal to
    a constant between two of them. Other pairs as they are. flipped: the constant comes first.
    """
    if y.packed is not None:
        turned = compared(b, y, x, name, flipped=True) if x.packed is None else (y, x)
        return turned[1], turned[0]
    if x.packed is None or y.name not in b.constants or (x.meaning()[0] <= 0.0).any():
        return x, y
    scale, zero_point = x.meaning()
    real = b.constants[y.name] * y.value.format.unit
    between = (np.ceil if flipped else np.floor)(real)
    near = np.where(scale == 1.0, between, np.floor(real / scale + 0.5))
    counts = np.clip(near + zero_point, INT32_MIN, INT32_MAX)
    bound = b.integers(f"{name}_{x.name}_bound", counts)
    plain = Format(x.value.format.storage, 1.0, x.value.format.low, x.value.format.high)
    return number(replace(x.value, format=plain)), number(bound)


def stored(x: Number, real: float) -> Ints:
    """A real number as each feature stores it, limited to what it can."""
    scale, zero_point = x.meaning()
    fmt = x.value.format
    found = np.floor(real / scale + 0.5) + zero_point
    return np.clip(found, fmt.low, fmt.high).astype(np.int64)


def holds_zero(x: Number) -> bool:
    """True where each feature can store 0: its range may lie elsewhere."""
    _, zero_point = x.meaning()
    return bool(np.all(stored(x, 0.0) == zero_point))


def scaled(node: Expr, x: Number, place: Place) -> Number | None:
    """A model input plus or times a constant: the same integers with another zero point or scale,
    which is no work. None for anything else, and where no integer is a zero point.
    """
    if x.packed is None or not is_scale(place.layer) or node.kind not in ("add", "mul"):
        return None
    given = number_of(node.args[1], place.layer.op.params)
    scale, zero_point = x.meaning()
    if node.kind == "mul":
        if not np.all(given):
            return None
        packed = x.packed.with_meaning(scale * given, zero_point)
    else:
        point = zero_point - np.floor(given / scale + 0.5)
        if np.abs(point).max() > LARGEST_ZERO_POINT:
            return None
        packed = x.packed.with_meaning(scale, point.astype(np.int64))
    return replace(x, real=place.name, packed=packed)
