"""Numbers of a vector at other places: the operations of both number systems."""

from __future__ import annotations

import numpy as np

from lstm_edge.formats import FLOAT32, Format, fixed
from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import Floats, Layer
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder


def windowed(node: Expr, length: int, kernel: int) -> int:
    """Numbers of the last `kernel` vectors of so many numbers, with padded positions."""
    return length // node.positions * (node.positions + sum(node.units)) * kernel


def slide_op(
    b: Builder,
    node: Expr,
    args: tuple[Value, Value, Value],
    fmt: Format,
    ends: int,
    name: str,
) -> Value:
    """The window of `node` after a vector entered it; args: the window before, the vector, what
    pads it; ends: see `Rules.recent`.
    """
    length, several = args[0].length, node.positions > 1
    return b.emit(
        "slide",
        name,
        args,
        fmt,
        length=length,
        n=ends,
        positions=node.positions,
        stride=length // (node.positions + sum(node.units)) if several else 0,
        count=node.units[0] if several else 0,
    )


def numbered(b: Builder, most: int, name: str, comment: str) -> Value:
    """The number of the step, `most` at most: an integer in both number systems."""
    counted = fixed(0, 0, most, "int32")
    return b.emit("step", name, (), counted, length=1, n=most, comment=comment)


def cut(b: Builder, x: Value, features: range, name: str) -> Value:
    """Neighbouring features of a vector."""
    count = len(features)
    fmt = x.format.take(features)
    return b.emit("slice", name, (x,), fmt, length=count, n=features.start, count=count)


def known_numbers(node: Expr, layer: Layer) -> Floats | None:
    """What an expression is at every step: a parameter, a constant, some units of either."""
    if node.kind == "constant":
        return np.array([node.value], np.float64)
    if node.kind == "param":
        return layer.params[node.name]
    known = known_numbers(node.args[0], layer) if node.kind == "take" else None
    return None if known is None else known[list(node.units)]


def taken(b: Builder, x: Value, units: tuple[int, ...], name: str) -> Value:
    """Units of a vector in any order: neighbours are read where they are."""
    neighbours = range(units[0], units[0] + len(units))
    if units == tuple(neighbours):
        return x if len(units) == x.length else cut(b, x, neighbours, name)
    spread = evenly_spread(units)
    if spread is not None:
        count, stride = spread
        return b.emit(
            "slice",
            name,
            (x,),
            x.format.take(units),
            length=len(units),
            n=units[0],
            count=count,
            positions=len(units) // count,
            stride=stride,
        )
    kind = FLOAT32 if x.format.is_float else Format("int32", 1.0, 0, max(units))
    places = b.vector(f"{name}_units", np.array(units), kind)
    return b.emit("gather", name, (x, places), x.format.take(units), length=len(units))


def evenly_spread(units: tuple[int, ...]) -> tuple[int, int] | None:
    """(count, stride) where units are runs of `count` neighbours that begin `stride` apart, going
    up; None for any others.
    """
    at = np.asarray(units)
    jumps = np.flatnonzero(np.diff(at) != 1) + 1
    count = int(jumps[0]) if len(jumps) else len(at)
    if len(at) % count or len(at) == count:
        return None
    stride = int(at[count] - at[0])
    starts = at[0] + stride * np.arange(len(at) // count)
    even = np.array_equal(at, (starts[:, None] + np.arange(count)).ravel())
    return (count, stride) if even and stride > 0 else None


def in_memory(b: Builder, x: Value, name: str) -> Value:
    """The value where a phase can copy it from or write it to: of a constant, a sum with 0."""
    return copied(b, x, f"{name}_made") if x.name in b.constants else x


def copied(b: Builder, x: Value, name: str) -> Value:
    """The same numbers as a value of its own."""
    zeros = np.zeros(1, np.float32)
    zero = (
        b.vector("zero_bound", zeros, FLOAT32)
        if x.format.is_float
        else b.integers("zero_bound", zeros)
    )
    return b.emit("add", name, (x, zero), x.format)
