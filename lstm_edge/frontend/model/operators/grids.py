"""Features on several axes, as a forecast of some steps ahead: what acts along one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lstm_edge.frontend.model.axes import Axes, Axis, View, describe, size_of
from lstm_edge.frontend.model.operators.features import grid_of, in_this_order
from lstm_edge.frontend.model.walk import OnnxNode, Walk
from lstm_edge.layers.inner import ordered

MOST_GROUPS = 64
"""Vectors that a grid of features may be cut into."""


def is_part(walk: Walk, view: View, atoms: Axis) -> bool:
    """Whether `atoms` count some of the axes that number the features, not all of them."""
    return bool(atoms) and set(atoms) < set(grid_of(walk, view))


def take_for_features(walk: Walk, node: OnnxNode, view: View, axis: Axis) -> None:
    """Take an axis of an input for features where another one is told to be one of them."""
    raw = tuple(a for a in walk.pieces(axis) if a in walk.input_atoms and a not in walk.roles)
    if raw and grid_of(walk, view):
        walk.assign(node, raw, "feature")


def in_groups(
    walk: Walk, node: OnnxNode, view: View, atoms: Axis, run: Callable[[str], str]
) -> View:
    """`run` on each vector along `atoms` of a settled view: it gives as many numbers, or one, and
    then these axes go.
    """
    grid = grid_of(walk, view)
    rest = tuple(atom for atom in grid if atom not in atoms)
    if size_of(rest) > MOST_GROUPS:
        raise node.error(
            f"acts on {size_of(rest)} vectors of {size_of(atoms)} numbers each in "
            f"{describe(view.axes)}; at most {MOST_GROUPS} are supported: compute it outside"
        )
    places = np.arange(size_of(grid)).reshape([atom.size for atom in grid])
    rows = places.transpose([grid.index(a) for a in (*rest, *atoms)]).reshape(size_of(rest), -1)
    draft = walk.draft
    made = [run(in_this_order(walk, view, row.tolist(), node.label)) for row in rows]
    kept = draft.size(made[0]) == size_of(atoms)
    axes = view.axes if kept else without(walk, view, atoms)
    left = (*rest, *atoms) if kept else rest
    tensor = draft.concat(made, node.label)
    return replace(view, tensor=tensor, axes=axes, grid=left)


def joined_inside(walk: Walk, parts: Sequence[View], axis: int, source: str) -> View | None:
    """Settled views of aligned axes end to end along one of several axes of features, where that is
    not the outermost; None where it is, or is none.
    """
    grids = [grid_of(walk, part) for part in parts]
    shown = [[_inside(walk, a, g) for a in p.axes] for p, g in zip(parts, grids, strict=True)]
    own = [each[axis] for each in shown]
    sizes = [size_of(walk.pieces(part.axes[axis])) for part in parts]
    whole = [size == size_of(o) for size, o in zip(sizes, own, strict=True)]
    outermost = all(g[: len(o)] == o for g, o in zip(grids, own, strict=True))
    if not all(whole) or outermost or all(g == o for g, o in zip(grids, own, strict=True)):
        return None
    numbers, start = [], 0
    for grid, each in zip(grids, shown, strict=True):
        order = [grid.index(atom) for atoms in each for atom in atoms]
        if sorted(order) != list(range(len(grid))):
            return None
        places = np.arange(size_of(grid)).reshape([atom.size for atom in grid]).transpose(order)
        numbers.append(places.reshape([size_of(atoms) for atoms in each]) + start)
        start += size_of(grid)
    every = np.concatenate(numbers, axis=axis)
    first, last = grids[0], len(grids[0])
    by_memory = sorted(
        range(len(shown[0])), key=lambda k: first.index(shown[0][k][0]) if shown[0][k] else last
    )
    units = every.transpose(by_memory).ravel().tolist()
    tensor = walk.draft.concat([part.tensor for part in parts], source)
    if units != sorted(units):
        made = walk.draft.layer("ordered", ordered(units), tensor, len(units), {}, source)
        tensor = made["y"]
    new = walk.new_axis("joined", every.shape[axis], "feature")
    placed = [new if k == axis else shown[0][k] for k in by_memory]
    grid = tuple(atom for atoms in placed for atom in atoms)
    return View(tensor, parts[0].with_axis(axis, new).axes, grid=grid)


def _inside(walk: Walk, axis: Axis, grid: Axis) -> Axis:
    """The atoms of an axis that number features."""
    return tuple(atom for atom in walk.pieces(axis) if atom in grid)


def without(walk: Walk, view: View, atoms: Axis) -> Axes:
    """The axes of a view but for some atoms."""
    return tuple(tuple(a for a in walk.pieces(axis) if a not in atoms) for axis in view.axes)


def repeated(walk: Walk, view: View, whole: View, source: str) -> View:
    """A settled view of the rank of `whole` with its numbers repeated along axes of features that
    `whole` alone has; as it is where that has none.
    """
    wanted, own = grid_of(walk, whole), grid_of(walk, view)
    pairs = [(walk.pieces(w), walk.pieces(v)) for w, v in zip(whole.axes, view.axes, strict=True)]
    shared = {w: v for ws, vs in pairs if len(ws) == len(vs) for w, v in zip(ws, vs, strict=True)}
    if any(w.size != v.size for w, v in shared.items()):
        return view
    missing = [w for ws, vs in pairs if ws and not vs and set(ws) <= set(wanted) for w in ws]
    if not missing or not own or set(own) != {shared[a] for a in wanted if a in shared}:
        return view
    numbers = np.arange(size_of(own)).reshape([atom.size for atom in own])
    ours = [shared[atom] for atom in wanted if atom in shared]
    turned = numbers.transpose([own.index(atom) for atom in ours])
    sizes = [1 if atom in missing else atom.size for atom in wanted]
    every = np.broadcast_to(turned.reshape(sizes), [atom.size for atom in wanted])
    axes = tuple(
        w if set(walk.pieces(w)) & set(missing) else v
        for w, v in zip(whole.axes, view.axes, strict=True)
    )
    tensor = in_this_order(walk, view, every.reshape(-1).tolist(), source)
    grid = tuple(shared.get(atom, atom) for atom in wanted)
    return replace(view, tensor=tensor, axes=axes, grid=grid)
