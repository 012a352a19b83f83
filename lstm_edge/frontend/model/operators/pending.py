"""Constants that wait for weights: what they run along, and layers of their own where none come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Axis, View, size_of
from lstm_edge.frontend.model.operators.features import grid_of, usual_role
from lstm_edge.frontend.model.walk import OnnxNode, Walk
from lstm_edge.layers.elementwise import pair
from lstm_edge.layers.embedding import embedding
from lstm_edge.layers.normalize import LARGEST_OFFSET, scale_layer
from lstm_edge.layers.over_time import numbered

Doubles = npt.NDArray[np.float64]


def combined(
    walk: Walk, view: View, scale: Doubles, offset: Doubles, along: Axis, label: str
) -> View:
    """`scale * view + offset` left to what reads it; the numbers run along the atoms `along`."""
    old = walk.pieces(view.along)
    kept = (np.ones(1) if view.scale is None else view.scale, view.offset)
    had = (kept[0], np.zeros(1) if kept[1] is None else kept[1])
    every = tuple(
        atom for axis in view.axes for atom in walk.pieces(axis) if atom in old or atom in along
    )
    before, shift = (spread(a, old, every) for a in had)
    factor, more = (spread(a, along, every) for a in (scale, offset))
    return replace(
        view,
        scale=before * factor,
        offset=shift * factor + more,
        along=every,
        pending=view.pending or label,
    )


def spread(numbers: Doubles, along: Axis, wanted: Axis) -> Doubles:
    """Numbers that run along some atoms, repeated along others, flattened."""
    if numbers.size == 1:
        return numbers.reshape(1)
    shaped = numbers.reshape([a.size for a in along])
    order = [along.index(a) for a in wanted if a in along]
    sizes = [a.size if a in along else 1 for a in wanted]
    full = shaped.transpose(order).reshape(sizes)
    return np.broadcast_to(full, [a.size for a in wanted]).reshape(-1)


def resolved(walk: Walk, view: View) -> View:
    """The view with numbers that wait as one, one for each feature [features], or one for each
    feature of each step [steps, features]. Atoms of which nothing is known count features, unless
    it is known which features there are.
    """
    along = walk.pieces(view.along)
    if not along:
        return view
    if walk.draft.producer(view.tensor) is not None:
        for k in range(len(view.axes)):
            usual_role(walk, view, k)
    walk.guessed.update(a for a in along if a in walk.input_atoms and a not in walk.roles)
    roles = [walk.roles.setdefault(atom, "feature") for atom in along]
    time = [atom for atom, role in zip(along, roles, strict=True) if role == "time"]
    if len(time) > 1 or not set(roles) <= {"time", "feature", "layer"}:
        raise ModelError(
            view.pending,
            "has constants that differ from row to row of the batch; export with a batch of 1",
        )
    walk.read_beside(view)
    grid = grid_of(walk, view)
    unknown = [atom for atom in along if atom not in time and atom not in grid]
    if unknown:
        raise ModelError(
            view.pending,
            "has a constant for each feature, of which the vectors have others by now; transpose "
            "before it",
        )
    wanted = (*time, *grid)
    steps = size_of(tuple(time))
    found = [
        a if a is None or a.size == 1 else spread(a, along, wanted).reshape(steps, -1)
        for a in (view.scale, view.offset)
    ]
    if all(a is None or a.ndim == 1 or bool((a == a[:1]).all()) for a in found):
        found = [a if a is None or a.ndim == 1 else a[0] for a in found]
    else:
        walk.fixed_by = walk.fixed_by or view.pending
    return replace(view, scale=found[0], offset=found[1], along=())


def fit_steps(walk: Walk, node: OnnxNode, axes: Sequence[Axis], count: int) -> None:
    """Axes side by side have `count` numbers: where one of them has a sequence of any length, the
    visit starts again with the length that fits.
    """
    atoms = [[*walk.pieces(axis)] for axis in axes]
    opened = [atom for each in atoms for atom in each if atom.open]
    if len(opened) != 1 or sum(map(size_of, axes)) == count:
        return
    each = next(size_of(tuple(one)) // opened[0].size for one in atoms if opened[0] in one)
    rest = count - sum(size_of(tuple(one)) for one in atoms if opened[0] not in one)
    if rest > 0 and rest % each == 0:
        message = f"has {count} numbers, which fit a sequence of {rest // each} steps alone"
        raise walk.need_size(node, (opened[0],), rest // each, message)


def is_of_steps(view: View) -> bool:
    """Whether numbers that wait differ from step to step; of a resolved view."""
    return any(a is not None and a.ndim == 2 for a in (view.scale, view.offset))


def by_step(walk: Walk, view: View) -> str:
    """Layers that compute scale[t] * x + offset[t]; returns their result.

    What all steps have in common is subtracted first, exactly: the tables hold what is left.
    """
    draft, x, label = walk.draft, view.tensor, view.pending
    arrays = [a for a in (view.scale, view.offset) if a is not None]
    steps, features = np.broadcast_shapes(*(a.shape for a in arrays if a.ndim == 2))
    scale, offset = (
        np.broadcast_to(default if a is None else a, (steps, features))
        for a, default in ((view.scale, 1.0), (view.offset, 0.0))
    )
    draft.features[x] = features if draft.size(x) is None else draft.features[x]
    there = scale != 0.0
    middle = np.sum(offset / np.where(there, scale, np.inf), axis=0) / np.maximum(
        there.sum(axis=0), 1
    )
    if middle.any():
        cell, params = scale_layer(np.ones(1), middle)
        x = draft.layer(cell.name, cell, x, features, params, label)["y"]
    ids = steps_counted(walk, view, steps)
    if (scale != 1.0).any():
        x = draft.pair("mul", pair("mul"), x, step_table(walk, view, ids, scale), x, label)
    rest = offset - middle * scale
    if rest.any():
        x = draft.pair("add", pair("add"), x, step_table(walk, view, ids, rest), x, label)
    return x


def steps_counted(walk: Walk, view: View, steps: int) -> str:
    """The number of each of `steps` steps of a view."""
    ids = walk.draft.layer("step", numbered(steps), view.tensor, 1, {}, view.pending)["y"]
    walk.limits[ids] = steps
    return ids


def step_table(walk: Walk, view: View, ids: str, numbers: Doubles | npt.NDArray[np.bool_]) -> str:
    """Row ids[t] of numbers [steps, features] at step t."""
    entries = {"E": np.ascontiguousarray(numbers, np.float32)}
    size = numbers.shape[1]
    return walk.draft.layer("by_step", embedding(), ids, size, entries, view.pending)["y"]


def settled_along(walk: Walk, view: View, axis: int) -> View:
    """`view`, settled where numbers that wait differ along an axis which is about to be another: of
    which places are picked, or a mean is taken.
    """
    differing = walk.pieces(view.along)
    here = any(atom in differing for atom in walk.pieces(view.axes[axis]))
    return settled(walk, view) if here else view


def settled(walk: Walk, view: View) -> View:
    """`view` with a layer for an addition or a product that waits for weights to go into."""
    if not view.pending:
        return view
    view = resolved(walk, view)
    if is_of_steps(view):
        return replace(view.plain, tensor=by_step(walk, view))
    scale, offset = (
        default if given is None else given
        for given, default in ((view.scale, np.ones(1)), (view.offset, np.zeros(1)))
    )
    key = (view.tensor, scale.tobytes(), offset.tobytes())
    if key not in walk.settled:
        cell, params = scale_layer(scale, offset)
        made = walk.draft.layer(cell.name, cell, view.tensor, None, params, view.pending)
        walk.settled[key] = made["y"]
    return replace(view.plain, tensor=walk.settled[key])


def foldable(walk: Walk, view: View) -> View:
    """`view`, of which a scale and an offset that wait may go into the weights that come: an
    offset that is too large, and numbers that differ from step to step, get layers of their own.
    """
    view = resolved(walk, view)
    small = view.offset is None or np.abs(view.offset).max() <= LARGEST_OFFSET
    return view if small and not is_of_steps(view) else settled(walk, view)


def fold_pending(view: View, weights: Doubles, bias: Doubles) -> tuple[Doubles, Doubles]:
    """Weights [units, features] and bias [units] that take the tensor itself, not the view."""
    if view.offset is not None:
        bias = bias + weights @ np.broadcast_to(view.offset, weights.shape[1:])
    return (weights if view.scale is None else weights * view.scale), bias
