"""Whole numbers near a float. In integers they are shifts: see `passes/fixed/whole.py`."""

from __future__ import annotations

import numpy as np

from lstm_edge.operations.record import Floats, Operation, Spelling


def floor(a: Floats) -> Floats:
    """The largest whole number that is not above a; of -0 it is 0."""
    return np.asarray(np.floor(a) + np.float32(0))


def nearest(a: Floats) -> Floats:
    """The nearest whole number, of two the even one; 0 is never -0."""
    return np.asarray(np.rint(a) + np.float32(0))


RECORDS = (
    Operation("floor", real=floor, c_float=Spelling("le_floor({0})", ("le_floor",))),
    Operation("nearest", real=nearest, c_float=Spelling("le_nearest({0})", ("le_nearest",))),
)
