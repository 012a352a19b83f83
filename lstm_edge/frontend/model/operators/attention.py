"""MatMul of two computed tensors: scores of steps, and steps weighted by their scores.

A score of a step is the sum over the features of x[t] * q, q a vector of the whole sequence or of
the same step; steps are weighted by the sum over t of w[t] * x[t]. Both are elementwise products
and a sum. Where each step attends to all of them, or to those of another sequence, these are kept
as one vector, which each step reads.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Axes, Axis, View, describe, size_of
from lstm_edge.frontend.model.operators.across_time import (
    all_steps,
    has_steps,
    sequence_among,
    vector_of,
)
from lstm_edge.frontend.model.operators.features import (
    align,
    grid_of,
    of_one_kind,
    require_features,
    select,
    size_known,
    usual_role,
)
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.walk import OnnxNode, Walk
from lstm_edge.layers.attention import contraction
from lstm_edge.layers.elementwise import pair
from lstm_edge.layers.functions import REDUCED, one_number

MOST_PRODUCTS = 2**16
"""Products of two computed tensors that are added up in a step."""
MOST_ROWS = 16
"""Weights of a step that are multiplied with its features one after the other."""


def product(walk: Walk, node: OnnxNode, left: View, right: View) -> View:
    """left @ right, over the last axis of the one and the last but one of the other."""
    rank = max(len(left.axes), len(right.axes), 2)
    if min(len(left.axes), len(right.axes)) < 2:
        raise _refused(node, left, right)
    left, right = (settled(walk, v).widened(rank) for v in (left, right))
    inner = usual_role(walk, left, rank - 1), usual_role(walk, right, rank - 2)
    steps = has_steps(walk, left) or has_steps(walk, right)
    if not (steps or left.axes[-1] or right.axes[-2] or (left.axes[-2] and right.axes[-1])):
        return _of_one_place(walk, node, left, right)
    if inner == ("time", "time"):
        for k in range(rank - 2):
            numbered = {*grid_of(walk, left), *grid_of(walk, right)}
            if numbered.intersection(walk.pieces((*left.axes[k], *right.axes[k]))):
                return _head_by_head(walk, node, left, right, k)
        outer = [replace(view, axes=view.axes[:-2]) for view in (left, right)]
        align(walk, node, (outer[0], outer[1]))
        return _over_time(walk, node, left, right)
    grids = [grid_of(walk, view) for view in (left, right)]
    if (
        max(len(grid) for grid in grids) < 2
        and not (left.axes[-2] and right.axes[-1])
        and "time" not in inner
    ):
        outer = [replace(view, axes=view.axes[:-2]) for view in (left, right)]
        align(walk, node, (outer[0], outer[1]))
        return _over_features(walk, node, left, right)
    return _contracted(walk, node, left, right)


def named_product(walk: Walk, node: OnnxNode, operands: tuple[str, str], result: str) -> View:
    """The same where each axis has a letter, as Einsum names them."""
    left, right = operands
    views = node.view(0), node.view(1)
    both = [name for name in left if name in right]
    outer, summed = ([name for name in both if (name in result) == kept] for kept in (True, False))
    rows, columns = ([n for n in a if n not in b] for a, b in ((left, right), (right, left)))
    once = all(len({*term}) == len(term) for term in (left, right, result))
    fits = all(len(term) == len(view.axes) for term, view in zip(operands, views, strict=True))
    whole = sorted(result) == sorted((*outer, *rows, *columns))
    if not (once and fits and whole) or max(map(len, (summed, rows, columns))) > 1:
        raise node.error(
            f"{left},{right}->{result} is no product of two computed tensors over one axis, where "
            "each has one axis of its own at most; write it as MatMul, Mul and ReduceSum"
        )

    def turned(view: View, term: str, order: list[list[str]]) -> View:
        axes = [[view.axes[term.index(name)] for name in names] or [()] for names in order]
        return replace(view, axes=(*axes[0][: len(outer)], *axes[1], *axes[2]))

    made = product(
        walk,
        node,
        turned(views[0], left, [outer, rows, summed]),
        turned(views[1], right, [outer, summed, columns]),
    )
    axes = dict(zip(outer, made.axes, strict=False))
    axes |= dict(zip(rows, made.axes[-2:-1], strict=False))
    axes |= dict(zip(columns, made.axes[-1:], strict=False))
    return replace(made, axes=tuple(axes[name] for name in result))


def _contracted(walk: Walk, node: OnnxNode, left: View, right: View) -> View:
    """All products and their sums as one layer: of two vectors, or of a vector and each step of a
    sequence. Of two sequences on axes of their own the second is read as a vector.
    """
    rank = len(left.axes)
    at = [
        next((k for k in range(rank) if usual_role(walk, v, k) == "time"), None)
        for v in (left, right)
    ]
    if at[0] == rank - 1:
        left, at[0] = all_steps(walk, node, left), None
    if at[1] is not None and (at[1] == rank - 2 or at[0] not in (None, at[1])):
        right = all_steps(walk, node, right)
    for atom in walk.pieces((*left.axes[-1], *right.axes[-2])):
        if walk.roles.get(atom) != "layer":
            walk.assign(node, (atom,), "feature")
    shared = [k for k in range(rank - 2) if left.axes[k] and right.axes[k]]
    both = [replace(v, axes=tuple(v.axes[k] for k in shared)) for v in (left, right)]
    align(walk, node, (both[0], both[1]))
    ours, theirs = _numbers(walk, node, left)[..., None, :], _numbers(walk, node, right)
    theirs = np.swapaxes(theirs, -1, -2)[..., None, :, :]
    pairs = zip(ours.shape, theirs.shape, strict=True)
    if any(len({n, m} - {1}) > 1 for n, m in pairs) or ours.shape[-1] != theirs.shape[-1]:
        raise node.error(
            f"multiplies {describe(left.axes)} and {describe(right.axes)}, which do not fit each "
            "other; is a transpose missing?"
        )
    shape = np.broadcast_shapes(ours.shape, theirs.shape)
    if np.prod(shape) > MOST_PRODUCTS:
        raise _refused(node, left, right)
    left_units, right_units = (np.broadcast_to(each, shape).ravel() for each in (ours, theirs))
    sizes = ours.size, theirs.size
    cell, params = contraction(left_units.tolist(), right_units.tolist(), shape[-1], sizes)
    timed = [v for v in (left, right) if has_steps(walk, v)]
    views = of_one_kind(walk, node, (left, right)) if not timed else (left, right)
    x, y = (v.tensor if v in timed or not timed else vector_of(walk, v, node.label) for v in views)
    follows = timed[0].tensor if timed else x
    units = int(np.prod(shape[:-1]))
    made = walk.draft.layer(
        cell.name, cell, x, units, params, node.label, more={"y": y}, follows=follows
    )
    columns = walk.pieces(right.axes[-1])
    if "time" not in {walk.roles.get(atom) for atom in columns}:
        columns = walk.new_axis("columns", size_of(columns), "feature")
    outer = (a or b for a, b in zip(left.axes[:-2], right.axes[:-2], strict=True))
    axes = (*outer, left.axes[-2], columns)
    numbered = {*grid_of(walk, left), *grid_of(walk, right), *columns}
    shown = (atom for axis in axes for atom in walk.pieces(axis))
    grid = tuple(a for a in shown if a in numbered and walk.roles.get(a) != "time")
    return View(made["y"], axes, grid=grid if len(grid) > 1 else ())


def _numbers(walk: Walk, node: OnnxNode, view: View) -> npt.NDArray[np.int64]:
    """Where a vector has the numbers that the axes of a view show, steps and rows of a batch as
    axes of 1.
    """
    grid, draft = grid_of(walk, view), walk.draft
    if draft.size(view.tensor) is None:  # an input's, known from its axes
        draft.features[view.tensor] = size_of(grid)
    shown = [[a for a in walk.pieces(axis) if a in grid] for axis in view.axes]
    order = [grid.index(atom) for atoms in shown for atom in atoms]
    if sorted(order) != list(range(len(grid))) or size_of(grid) != draft.size(view.tensor):
        raise node.error(
            f"multiplies {describe(view.axes)}, whose vectors have numbers on other axes or in "
            "another order; is a transpose or reshape missing?",
        )
    numbers = np.arange(size_of(grid)).reshape([atom.size for atom in grid]).transpose(order)
    return numbers.reshape([size_of(tuple(atoms)) for atoms in shown])


def _head_by_head(walk: Walk, node: OnnxNode, left: View, right: View, k: int) -> View:
    """The product of each head, which axis `k` of both counts, end to end."""
    heads = size_of(left.axes[k])
    found = []
    for head in range(heads if heads == size_of(right.axes[k]) <= MOST_ROWS else 0):
        one = [select(walk, view, k, [head], keep=True) for view in (left, right)]
        if one[0] is not None and one[1] is not None:
            found.append(product(walk, node, one[0], one[1]))
    if len(found) < heads:
        raise _refused(node, left, right)
    units = grid_of(walk, found[0])
    counted = walk.new_axis("heads", heads, "layer" if units else "feature")
    axes = (*found[0].axes[:k], counted, *found[0].axes[k + 1 :])
    tensor = walk.draft.concat([each.tensor for each in found], node.label)
    return View(tensor, axes, grid=(*counted, *units) if units else ())


def _of_one_place(walk: Walk, node: OnnxNode, left: View, right: View) -> View:
    """Sums of one product each, as over the only step of a sequence: a number times a vector."""
    left, right = of_one_kind(walk, node, (left, right))
    rows, columns = left.axes[-2], right.axes[-1]
    single, vector, axis = (right, left, rows) if rows else (left, right, columns)
    if walk.draft.size(single.tensor) != 1:
        return _contracted(walk, node, left, right)
    require_features(walk, node, vector, axis)
    follows = sequence_among(walk, (left, right)).tensor
    made = walk.draft.pair(
        "mul", pair("mul"), left.tensor, right.tensor, vector.tensor, node.label, follows
    )
    return replace(vector, tensor=made, axes=(*left.axes[:-2], rows, columns))


def _over_features(walk: Walk, node: OnnxNode, left: View, right: View) -> View:
    """One number: of each step of a sequence and a vector, or of two vectors of the same step."""
    rows, columns = left.axes[-2], right.axes[-1]
    require_features(walk, node, left, left.axes[-1])
    require_features(walk, node, right, right.axes[-2])
    if (rows and columns) or not _counts(walk, (*rows, *columns), "time"):
        raise _refused(node, left, right)
    if (rows or columns) and has_steps(walk, left) and has_steps(walk, right):
        raise _refused(node, left, right)
    follows = sequence_among(walk, (left, right)).tensor
    x, y = (
        v.tensor if not (rows or columns) or has_steps(walk, v) else vector_of(walk, v, node.label)
        for v in (left, right)
    )
    both = walk.draft.pair("mul", pair("mul"), x, y, x, node.label, follows)
    total = one_number("sum", REDUCED["sum"])
    made = walk.draft.layer("score", total, both, 1, {}, node.label)["y"]
    return View(made, (*left.axes[:-2], rows, columns))


def _over_time(walk: Walk, node: OnnxNode, left: View, right: View) -> View:
    """The steps of the one weighted by numbers of the other, summed."""
    rows, columns = left.axes[-2], right.axes[-1]
    times = [replace(left, axes=(left.axes[-1],)), replace(right, axes=(right.axes[-2],))]
    for view in times:
        walk.assign(node, view.axes[0], "time")
    align(walk, node, (times[0], times[1]))
    for view, axis in ((left, rows), (right, columns)):
        _check_features(walk, node, view, axis)
    draft, label = walk.draft, node.label
    if rows and columns:
        return _several(walk, node, left, right)
    values = left if rows else right
    weighted = draft.pair(
        "mul", pair("mul"), left.tensor, right.tensor, values.tensor, label, values.tensor
    )
    axes: Axes = (*left.axes[:-2], rows, columns)
    return replace(values, tensor=draft.reduce("sum", weighted, label), axes=axes)


def _several(walk: Walk, node: OnnxNode, left: View, right: View) -> View:
    """Several weights of each step, and a result of each: as many sums, end to end."""
    draft, label = walk.draft, node.label
    count, units = size_of(left.axes[-2]), size_of(right.axes[-1])
    if count > MOST_ROWS:
        raise _refused(node, left, right)
    for view in (left, right):  # an input's, known from its axes
        size_known(walk, view)
    sums = []
    for k in range(count):
        one, x = draft.slice(left.tensor, k, k + 1, label), right.tensor
        sums.append(draft.reduce("sum", draft.pair("mul", pair("mul"), one, x, x, label, x), label))
    rows, features = (
        walk.new_axis("weights", count, "layer"),
        walk.new_axis("units", units, "feature"),
    )
    axes = (*left.axes[:-2], rows, features)
    return View(draft.concat(sums, label), axes, grid=(*rows, *features))


def _check_features(walk: Walk, node: OnnxNode, view: View, axis: Axis) -> None:
    """The features of a sequence, whole and in order, on the axis that is left."""
    if axis:
        require_features(walk, node, view, axis)
    elif grid_of(walk, view) or walk.draft.size(view.tensor) != 1:
        raise node.error(
            f"sums {describe(view.axes)} over its steps, of which each has more numbers on other "
            "axes; is a transpose or reshape missing?"
        )


def _counts(walk: Walk, axis: Axis, role: str) -> bool:
    """Whether all atoms of an axis have a role."""
    return all(walk.roles.get(atom) == role for atom in walk.pieces(axis))


def _refused(node: OnnxNode, left: View, right: View) -> ModelError:
    return node.error(
        f"multiplies two computed tensors, {describe(left.axes)} and {describe(right.axes)}: only "
        "scores of steps or vectors, and steps weighted by these, are supported, of at most "
        f"{MOST_PRODUCTS} products in a step; make the window or the features fewer",
    )
