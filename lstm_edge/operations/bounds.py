"""Bounds of results that several operations share.

Bounds hold for every input and every state within the declared formats, hence after any number of
steps.
"""

from __future__ import annotations

import numpy as np

from lstm_edge.operations.call import Call, Constants, Moment, Op, operands
from lstm_edge.operations.record import Bind, Bounds, BoundsOf, Function

_ANY = Moment(0, False, -1, 1)
"""For operations that do not ask when they run."""


def rising(function: Function, bind: Bind = operands) -> BoundsOf:
    """Of a function that never falls as any of its operands rises: it is applied to both ends."""

    def bounds(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
        low, high = zip(*args, strict=True)
        return (
            function(*bind(Call(op, low, constants, _ANY))),
            function(*bind(Call(op, high, constants, _ANY))),
        )

    return bounds


def product(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    """Of a product unit by unit."""
    corners = [a * b for a in args[0] for b in args[1]]
    return np.minimum.reduce(corners), np.maximum.reduce(corners)


def with_zero(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    """Of a number that may come nearer to 0, or be 0."""
    low, high = args[0]
    return np.minimum(low, 0), np.maximum(high, 0)


def either(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    """Of the first or the second operand."""
    (low, high), (least, most) = args[:2]
    return np.minimum(low, least), np.maximum(high, most)
