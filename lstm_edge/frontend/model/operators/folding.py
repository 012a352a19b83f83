"""Scales and offsets that wait, in the weights of what reads them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.operators.activation import settled
from lstm_edge.frontend.model.operators.pending import is_of_steps, resolved
from lstm_edge.frontend.model.walk import Walk
from lstm_edge.layers.normalize import LARGEST_OFFSET

Doubles = npt.NDArray[np.float64]


def foldable(walk: Walk, view: View, reader: str) -> View:
    """`view`, of which a scale and an offset that wait may go into the weights of `reader`: an
    offset that is too large, and numbers that differ from step to step, get layers of their own.
    """
    view = resolved(walk, view)
    if is_of_steps(view):
        return settled(walk, view, reader)
    if view.offset is None or np.abs(view.offset).max() <= LARGEST_OFFSET:
        return view
    return settled(walk, view, reader)


def fold_pending(view: View, weights: Doubles, bias: Doubles) -> tuple[Doubles, Doubles]:
    """Weights [units, features] and bias [units] that take the tensor itself, not the view."""
    if view.offset is not None:
        bias = bias + weights @ np.broadcast_to(view.offset, weights.shape[1:])
    return (weights if view.scale is None else weights * view.scale), bias
