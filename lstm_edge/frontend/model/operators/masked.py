"""Scores that a constant takes far below all others before a softmax, as masks of attention do.

Beside -1e9 an integer has no bits left for the scores that count, so they are chosen by step
instead: what softmax makes of those far below is 0, however far.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.frontend.model.axes import Axis, View, size_of
from lstm_edge.frontend.model.operators.features import grid_of
from lstm_edge.frontend.model.operators.pending import (
    resolved,
    settled,
    step_table,
    steps_counted,
)
from lstm_edge.frontend.model.walk import Walk
from lstm_edge.ir.expr import Cell, constant, input_vector
from lstm_edge.layers.elementwise import where

FAR = 1000.0
"""So far below the largest constant none counts: scores do not differ that much."""
ABSORBS = -(2.0**27)
"""Where all are at this or below, float32 has no bits left for scores: they are the same."""
MASKED = -2048.0
"""A score that does not count."""


def masked(walk: Walk, view: View, over: Axis, source: str) -> View:
    """`view`, of which a softmax along `over` is taken, without constants that are far below."""
    view = resolved(walk, view)
    grid, atoms = grid_of(walk, view), walk.pieces(over)
    if view.offset is None or not atoms or view.offset.size == 1:
        return view
    steps = view.offset.shape[:-1]
    shape = (*steps, *(atom.size for atom in grid))
    features = (*steps, size_of(grid))
    numbers = np.broadcast_to(view.offset, features).reshape(shape)
    axes = tuple(len(steps) + grid.index(a) for a in atoms if a in grid)
    if len(axes) < len(atoms):  # over the steps
        axes = (0,)
    if len(axes) != len(atoms) or (len(shape) == len(grid) and not set(atoms) <= set(grid)):
        return view
    most = numbers.max(axis=axes, keepdims=True)
    less = numbers - most
    counts = ((less > -FAR) & (most > ABSORBS)).reshape(features)
    if counts.all() or ((most < -FAR) & (most > ABSORBS)).any():
        return view
    scale = None if view.scale is None else np.where(counts, view.scale, 1.0)
    near = np.where(counts, less.reshape(features), 0.0 if steps else MASKED)
    view = replace(view, scale=scale, offset=near)
    if not steps:
        return view
    x = settled(walk, view).tensor
    cell = Cell("masked", {"y": where(input_vector("y"), input_vector("x"), constant(MASKED))})
    table = step_table(walk, view, steps_counted(walk, view, steps[0]), counts)
    made = walk.draft.layer(cell.name, cell, x, None, {}, source, more={"y": table})
    return replace(view.plain, tensor=made["y"])
