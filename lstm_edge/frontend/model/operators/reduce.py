"""Reductions over time as the steps go by, and sums and means over the features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import Axis, View, describe, several, size_of
from lstm_edge.frontend.model.operators.arithmetic import scaled
from lstm_edge.frontend.model.operators.features import (
    grid_of,
    guess_inner,
    require_features,
    usual_role,
)
from lstm_edge.frontend.model.operators.grids import in_groups, is_part, without
from lstm_edge.frontend.model.operators.inner import at_each_place
from lstm_edge.frontend.model.operators.linear import contract, dense_layer
from lstm_edge.frontend.model.operators.pending import (
    fold_pending,
    foldable,
    settled,
    settled_along,
)
from lstm_edge.frontend.model.operators.steps import PICKED, in_time, side_by_side
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.ir.model import Layer, is_a
from lstm_edge.layers.elementwise import pair
from lstm_edge.layers.functions import ALONE, REDUCED, one_number
from lstm_edge.layers.inner import Inner, pooling

Doubles = npt.NDArray[np.float64]

MOST_ZEROS = 2**10
"""Weights of a matrix of ones and zeros, at most."""
MOST_PLACES = 64
"""Places that are added up one by one, at most."""

KINDS: Mapping[str, str] = {
    "ReduceMean": "mean",
    "ReduceSum": "sum",
    "ReduceMax": "max",
    "ReduceMin": "min",
    "ReduceL1": "l1_norm",
    "ReduceL2": "l2_norm",
    "ReduceSumSquare": "sum_square",
    "ReduceLogSum": "log_sum",
    "ReduceLogSumExp": "log_sum_exp",
    "GlobalAveragePool": "mean",
    "GlobalMaxPool": "max",
}
"""What each operator computes, as `layers/over_time.py` names it."""


def reduce(walk: Walk, node: OnnxNode) -> list[Value]:
    """ReduceMean and its kin, over time or over the features."""
    view = node.view(0)
    rank = len(view.axes)
    axes = node.integers(1, "axes")
    if not axes and node.attributes.get("noop_with_empty_axes", 0):
        return [over_axes(walk, node, view, [], keep=True)]
    chosen = [a + rank if a < 0 else a for a in (axes or range(rank))]
    if len(set(chosen)) != len(chosen) or not all(0 <= a < rank for a in chosen):
        raise node.error(f"axes = {list(axes or [])} do not fit {rank} axes")
    return [over_axes(walk, node, view, sorted(chosen), bool(node.attributes.get("keepdims", 1)))]


def global_pool(walk: Walk, node: OnnxNode) -> list[Value]:
    """Over all axes behind batch and channels, which stay as axes of size 1."""
    view = node.view(0)
    if len(view.axes) < 3:
        raise node.error(f"pools {describe(view.axes)}, which has no axis to pool over")
    return [over_axes(walk, node, view, list(range(2, len(view.axes))), keep=True)]


def over_axes(walk: Walk, node: OnnxNode, view: View, axes: list[int], keep: bool) -> View:
    """`view` reduced over `axes`, innermost first."""
    gone = [k for k in axes[::-1] if view.axes[k]]
    if not gone:
        view = _of_one_number(walk, node, view)
    op = node.op
    for k in gone:
        node = replace(node, op=_part_of(op, first=k == gone[0], last=k == gone[-1]))
        view = _as_one_vector(walk, view, k)
        role = _role(walk, view, k)
        if any(atom in walk.guessed for atom in walk.pieces(view.axes[k])):
            for other in range(len(view.axes)):
                usual_role(walk, view, other)
        if role in ("time", PICKED):
            view = settled_along(walk, view, k)
        if role == PICKED:
            whole = in_time(walk, view, k) if KINDS[node.op] in ALIKE else None
            view = whole or side_by_side(walk, view, node.label)
            role = "time" if whole is not None else role
        if role == "time":
            view = _over_time(walk, node, view, k)
        elif role == "feature" or is_part(walk, view, walk.pieces(view.axes[k])):
            view = _over_features(walk, node, view, k)
        else:
            raise node.error(
                f"reduces the {role or 'unexplained'} axis {k} of {describe(view.axes)}; only time "
                "and features can be reduced: export with a batch of 1"
            )
    if keep:
        return view
    return replace(view, axes=tuple(a for k, a in enumerate(view.axes) if k not in axes))


def _part_of(op: str, first: bool, last: bool) -> str:
    """What is done over one axis of several: squares are made once, before, a logarithm behind."""
    once = {"ReduceSumSquare": first, "ReduceLogSum": last}
    return op if once.get(op, True) else "ReduceSum"


def _of_one_number(walk: Walk, node: OnnxNode, view: View) -> View:
    """What a reduction over axes of size 1 alone, or over none, does with each number."""
    name = ALONE_OF.get(KINDS[node.op])
    if name is None:
        return view
    view = settled(walk, view)
    return replace(view.plain, tensor=_alone(walk, node, view.tensor, name))


def _as_one_vector(walk: Walk, view: View, k: int) -> View:
    """A view of which axis `k` counts layers or heads and nothing else does: these are features."""
    if walk.role(view.axes[k]) != "layer" or grid_of(walk, view) != walk.pieces(view.axes[k]):
        return view
    axis = walk.new_axis("features", size_of(view.axes[k]), "feature")
    return replace(view.with_axis(k, axis), grid=())


def _role(walk: Walk, view: View, k: int) -> str:
    """The role of an axis that goes; features of an input of four axes where nothing has told."""
    role = usual_role(walk, view, k, vectors=True)
    if role:
        return role
    guess_inner(walk, walk.pieces(view.axes[k]))
    return walk.role(walk.pieces(view.axes[k]))


ALIKE = ("mean", "max", "min")
"""What is the same of steps that are there once and of the same steps there twice."""


BEFORE: Mapping[str, str] = {
    "l1_norm": "abs",
    "l2_norm": "square",
    "sum_square": "square",
    "log_sum_exp": "exp",
}
"""What is done with numbers before they are added up over time."""
AFTER: Mapping[str, str] = {"l2_norm": "sqrt", "log_sum": "log", "log_sum_exp": "log"}
"""What is done with their sum; kinds that are in neither table are reductions by themselves."""


ALONE_OF: Mapping[str, str] = {
    "l1_norm": "abs",
    "l2_norm": "abs",
    "sum_square": "square",
    "log_sum": "log",
}
"""What is done with a number that is alone; a kind that is not here gives the number."""


def _over_time(walk: Walk, node: OnnxNode, view: View, k: int) -> View:
    """A reduction as the steps go by: of each feature alone. A mean of scaled steps is the scaled
    mean, which may wait for weights.
    """
    kind = KINDS[node.op]
    if kind == "mean":
        tensor = walk.draft.reduce(kind, view.tensor, node.label)
        return replace(view.with_axis(k, ()), tensor=tensor)
    before = tensor = settled(walk, view).tensor
    summed = kind in BEFORE or kind in AFTER
    if kind in BEFORE:
        tensor = _alone(walk, node, tensor, BEFORE[kind])
    tensor = walk.draft.reduce("sum" if summed else kind, tensor, node.label)
    if kind in AFTER:
        tensor = _alone(walk, node, tensor, AFTER[kind])
    if before in walk.truths and kind in ("max", "min"):
        walk.truths.add(tensor)
    if kind == "sum" and (walk.draft.size(before) or size_of(grid_of(walk, view))) == 1:
        walk.counts[tensor] = before
    return replace(view.plain.with_axis(k, ()), tensor=tensor)


def _alone(walk: Walk, node: OnnxNode, tensor: str, name: str) -> str:
    cell = one_number(name, ALONE[name])
    return walk.draft.layer(name, cell, tensor, None, {}, node.label)["y"]


def _over_features(walk: Walk, node: OnnxNode, view: View, k: int) -> View:
    """A sum or mean over the features: a dense layer of one unit; others a layer of their own."""
    kind, size = KINDS[node.op], size_of(view.axes[k])
    atoms = walk.pieces(view.axes[k])
    if is_part(walk, view, atoms):
        return _over_some(walk, node, view, atoms, kind)
    if kind not in ("sum", "mean"):
        view = settled(walk, view)
        require_features(walk, node, view, view.axes[k])
        tensor = _reduced(walk, node, view.tensor, kind)
        if view.tensor in walk.truths and kind in ("max", "min"):
            walk.truths.add(tensor)
        return View(tensor, view.with_axis(k, ()).axes)
    squared = _squared(walk, view)
    if squared is not None and grid_of(walk, view) == atoms:  # whose sum has more bits than they
        require_features(walk, node, view, view.axes[k])
        made = replace(
            view.with_axis(k, ()), tensor=_reduced(walk, node, squared, "sum_square"), grid=()
        )
        return made if kind == "sum" else scaled(walk, node, made, np.full(1, 1.0 / size), None)
    weights = np.full((size, 1), 1.0 / size if kind == "mean" else 1.0)
    last = replace(view, axes=(*view.axes[:k], *view.axes[k + 1 :], view.axes[k]))
    reduced = contract(walk, node, last, weights, None)
    rest = reduced.axes[:-1]
    return replace(reduced, axes=(*rest[:k], (), *rest[k:]))


def _squared(walk: Walk, view: View) -> str | None:
    """The tensor of which a view shows the squares, None where it does not."""
    made_by = walk.draft.producer(view.tensor)
    if made_by is None or not is_a(made_by, Layer) or view.pending:
        return None
    y = made_by.op.cell.results.get("y")
    inputs = y is not None and y.kind == "mul" and all(e.kind == "input" for e in y.args)
    same = y is not None and len({made_by.inputs.get(e.name) for e in y.args}) == 1
    return made_by.inputs["x"] if inputs and same else None


def _reduced(walk: Walk, node: OnnxNode, tensor: str, kind: str) -> str:
    """One number of all features."""
    name = {"max": "largest", "min": "smallest"}.get(kind, kind)
    return walk.draft.layer(name, one_number(name, REDUCED[name]), tensor, 1, {}, node.label)["y"]


def _over_some(walk: Walk, node: OnnxNode, view: View, atoms: Axis, kind: str) -> View:
    """Over one of several axes of features: sums and means are a matrix of ones and zeros."""
    if kind not in ("sum", "mean"):
        view = settled(walk, view)
        return in_groups(walk, node, view, atoms, lambda x: _reduced(walk, node, x, kind))
    grid = grid_of(walk, view)
    rest = tuple(atom for atom in grid if atom not in atoms)
    if size_of(rest) * size_of(grid) > MOST_ZEROS:
        found = _at_places(walk, node, view, (atoms, rest), kind)
        if found is not None:
            return found
    sizes = [1 if atom in atoms else atom.size for atom in grid]
    groups = np.broadcast_to(np.arange(size_of(rest)).reshape(sizes), [a.size for a in grid])
    ones = np.arange(size_of(rest))[:, None] == groups.reshape(-1)
    weights = ones / (size_of(atoms) if kind == "mean" else 1.0)
    axes = without(walk, view, atoms)
    return replace(_by_matrix(walk, node, view, weights), axes=axes, grid=rest)


def _at_places(
    walk: Walk, node: OnnxNode, view: View, parts: tuple[Axis, Axis], kind: str
) -> View | None:
    """A sum or mean over some axes of features, without a matrix: of the outermost ones number by
    number, of the innermost ones at each place of the others. None where they are neither.
    """
    atoms, rest = parts
    grid, count = grid_of(walk, view), size_of(atoms)
    axes = without(walk, view, atoms)
    if grid == (*atoms, *rest) and count <= MOST_PLACES:
        view = settled(walk, view)
        cell = pooling(Inner(count, size_of(rest), count), largest=False)
        tensor = walk.draft.layer(cell.name, cell, view.tensor, size_of(rest), {}, node.label)["y"]
        made = replace(view, tensor=tensor, axes=axes, grid=several(rest))
        return made if kind == "mean" else scaled(walk, node, made, np.full(1, float(count)), None)
    if grid != (*rest, *atoms):
        return None
    weights = np.full((1, count), 1.0 / count if kind == "mean" else 1.0)
    made = at_each_place(walk, node, replace(view, axes=(atoms,)), atoms, weights, np.zeros(1))
    return replace(made, axes=axes)


def _by_matrix(walk: Walk, node: OnnxNode, view: View, weights: Doubles) -> View:
    """A matrix [numbers, features] times all features, in their order."""
    view = foldable(walk, view)
    folded, shifted = fold_pending(view, weights, np.zeros(len(weights)))
    tensor = dense_layer(walk, view.tensor, folded, shifted, node.label)
    return View(tensor, view.axes, grid=view.grid, picked=view.picked)


def cumulated(walk: Walk, node: OnnxNode) -> list[Value]:
    """CumSum along time, as the steps go by, or along features, a matrix of ones and zeros."""
    view = node.view(0)
    given = node.integers(1, "axis")
    rank = len(view.axes)
    k = given[0] if given and len(given) == 1 else rank
    if not -rank <= k < rank:
        raise node.error(f"its axis {given} does not fit {rank} axes")
    k %= rank
    exclusive, back = (bool(node.attributes.get(name, 0)) for name in ("exclusive", "reverse"))
    if not view.axes[k]:
        return [scaled(walk, node, view, np.zeros(1), None) if exclusive else view]
    role, atoms = usual_role(walk, view, k), walk.pieces(view.axes[k])
    if role == "time":
        view = settled(walk, view)
        tensor = walk.draft.so_far("sum", view.tensor, node.label, reverse=back)
        if exclusive:
            tensor = walk.draft.pair("sub", pair("sub"), tensor, view.tensor, tensor, node.label)
        return [replace(view, tensor=tensor)]
    whole = is_part(walk, view, atoms)
    if not whole:
        require_features(walk, node, view, view.axes[k])
    grid = grid_of(walk, view) or atoms
    at = np.indices([atom.size for atom in grid]).reshape(len(grid), -1)
    along = np.zeros(size_of(grid), np.int64)
    same = np.ones((size_of(grid), size_of(grid)), bool)
    for atom, places in zip(grid, at, strict=True):
        if atom in atoms:
            along = along * atom.size + places
        else:
            same &= places[:, None] == places
    order = along[:, None] - along if not back else along - along[:, None]
    weights = (same & (order > 0 if exclusive else order >= 0)).astype(np.float64)
    return [_by_matrix(walk, node, view, weights)]
