"""Other places along an inner axis of each step: some of those that there are, or between two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import Axis, View, several, size_of
from lstm_edge.frontend.model.draft import check_features
from lstm_edge.frontend.model.operators.features import grid_of, size_known
from lstm_edge.frontend.model.operators.neighbours import Neighbours
from lstm_edge.frontend.model.walk import Walk
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import Floats
from lstm_edge.layers.inner import padded
from lstm_edge.layers.resized import between_places

Ints = npt.NDArray[np.int64]


def placed(walk: Walk, view: View, axis: int, places: Ints, number: float, source: str) -> View:
    """A settled view with other places along an axis of features: those that it had at `places`,
    and `number` where that is -1.
    """
    units = _units(walk, view, axis, places)
    cell = padded(units, size_of(grid_of(walk, view)), number)
    return _made(walk, view, axis, len(places), cell, {}, source)


def between(walk: Walk, view: View, axis: int, found: Neighbours, source: str) -> View:
    """A settled view with places along an axis of features that lie between two that it had."""
    low, high = (_units(walk, view, axis, places) for places in (found.low, found.high))
    before, _, behind = _around(walk, view, axis)
    shape = size_of(before), len(found.share), size_of(behind)
    share = np.broadcast_to(found.share[None, :, None], shape).ravel()
    params = {
        "low_share": (1.0 - share).astype(np.float32),
        "high_share": share.astype(np.float32),
    }
    cell = between_places(low, high)
    return _made(walk, view, axis, len(found.share), cell, params, source)


def _around(walk: Walk, view: View, axis: int) -> tuple[Axis, Axis, Axis]:
    """What numbers the features of a view in front of the atoms of an axis, these, and those
    behind.
    """
    atoms, grid = walk.pieces(view.axes[axis]), grid_of(walk, view)
    at = next((k for k in range(len(grid)) if grid[k : k + len(atoms)] == atoms), 0)
    return grid[:at], atoms, grid[at + len(atoms) :]


def _units(walk: Walk, view: View, axis: int, places: Ints) -> list[int]:
    """The features at these places of an axis, -1 where a place is that."""
    size_known(walk, view)
    before, atoms, behind = _around(walk, view, axis)
    shape = size_of(before), size_of(atoms), size_of(behind)
    numbers = np.arange(np.prod(shape)).reshape(shape)
    every = np.where(places[None, :, None] < 0, -1, numbers[:, np.maximum(places, 0)])
    return [int(k) for k in every.ravel()]


def _made(
    walk: Walk,
    view: View,
    axis: int,
    count: int,
    cell: Cell,
    params: Mapping[str, Floats],
    source: str,
) -> View:
    """The view of what a cell makes of so many places of an axis."""
    before, atoms, behind = _around(walk, view, axis)
    features = size_of(before) * count * size_of(behind)
    check_features(source, features)
    made = walk.draft.layer(cell.name, cell, view.tensor, features, params, source)
    new = walk.new_axis("padded", count, "feature")
    walk.ranges.update((atom, old) for atom in new for old in atoms[:1])
    grid = several((*before, *new, *behind))
    return replace(view.with_axis(axis, new), tensor=made["y"], grid=grid)
