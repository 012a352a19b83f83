"""Operations that depend on the step: windows of vectors, means, what counts up to a length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format, fixed
from lstm_edge.ir.clock import Length
from lstm_edge.ir.expr import Expr
from lstm_edge.ir.program import State, Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.rescale import as_fixed
from lstm_edge.passes.fixed.shifts import finest, with_fraction
from lstm_edge.passes.moves import slide_op

Ints = npt.NDArray[np.int64]


def within(b: Builder, args: list[Value], name: str, comment: str) -> Value:
    """One of two values at the coarser of their formats; the third is an integer."""
    x, y, length = args
    if length.name in b.constants:
        length = with_fraction(b, length, 0, f"{name}_length")
    x, y = as_fixed(b, x, f"{name}_a"), as_fixed(b, y, f"{name}_b")
    fraction = min(finest(b, x), finest(b, y))
    x, y = (with_fraction(b, v, fraction, f"{name}_{k}") for v, k in ((x, "a"), (y, "b")))
    low, high = min(x.format.low, y.format.low), max(x.format.high, y.format.high)
    both = fixed(fraction, low, high, "int32")
    return b.emit("within", name, (x, y, length), both, comment=comment)


def mean(b: Builder, total: Value, over: Length, name: str, comment: str) -> Value:
    """A sum over the steps of a sequence divided by their number."""
    low, high = min(total.format.low, 0), max(total.format.high, 0)
    fmt = Format("int32", total.format.unit, low, high)
    return b.emit(
        "mean_over_steps", name, (total,), fmt, n=over.offset, count=over.stride, comment=comment
    )


def slide(b: Builder, layer: str, x: Value, first: Ints, ends: int, node: Expr) -> Value:
    """The last vectors of x, kept in a state that starts as `first`: what pads it on both sides.

    ends: how many ticks after the last one x ends. node: the expression that they are.
    """
    name = f"{layer}.recent"
    vectors = x.format.take(np.arange(len(first)) % x.length)
    before = b.value(name, len(first), vectors, "the last vectors")
    low, high = int(first.min()), int(first.max())
    pads = first[:1] if low == high else first
    padding = replace(vectors if len(pads) > 1 else x.format.take([0]), low=low, high=high)
    pad = b.vector(f"{layer}.pad", pads, padding)
    after = slide_op(b, node, (before, x, pad), vectors, ends, f"{name}_next")
    b.states.append(State(name, after.name, first, accumulator=True))
    return after
