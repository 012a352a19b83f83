"""Add, Sub, Mul and Div: of a constant folded into weights before or after, of two a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import prod

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import Axis, View, describe, size_of
from lstm_edge.frontend.model.operators.across_time import (
    one_time_axis,
    read_at_each_step,
    sequence_among,
)
from lstm_edge.frontend.model.operators.features import (
    align,
    grid_of,
    of_one_kind,
    reordered,
    require_features,
    tell_features,
    usual_role,
)
from lstm_edge.frontend.model.operators.grids import is_part, repeated, take_for_features
from lstm_edge.frontend.model.operators.pending import combined, settled, spread
from lstm_edge.frontend.model.operators.rates import on_one_clock
from lstm_edge.frontend.model.operators.shifted import in_step
from lstm_edge.frontend.model.operators.steps import side_by_side
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.layers.elementwise import pair
from lstm_edge.layers.functions import ALONE, one_number
from lstm_edge.layers.inner import is_convolution
from lstm_edge.models.rescaled import rescaled

Doubles = npt.NDArray[np.float64]


def arithmetic(walk: Walk, node: OnnxNode) -> list[Value]:
    """Add, Sub, Mul, Div of data and a constant: into the weights before, or those after."""
    left, right = node.inputs
    if isinstance(left, View) and isinstance(right, View):
        return [_of_two(walk, node, left, right)]
    view = left if isinstance(left, View) else right
    assert isinstance(view, View)
    constant = node.weights(
        1 if isinstance(left, View) else 0, "constant operand", node.op == "Add"
    )
    assert constant is not None
    view = _repeated_for(walk, node, constant, view)
    number, atoms, view = along(walk, node, constant, view)
    if node.op == "Div" and not isinstance(left, View):
        return [_divided(walk, node, number, atoms, view)]
    if node.op == "Div" and not np.all(number):
        raise node.error("divides by a constant that is or holds 0")
    scale, offset = _AFFINE[node.op, isinstance(left, View)](number)
    return [scaled(walk, node, view, scale, offset, atoms)]


def negative(walk: Walk, node: OnnxNode) -> list[Value]:
    """Neg: -1 times the data."""
    return [scaled(walk, node, node.view(0), np.full(1, -1.0), None)]


def _of_two(walk: Walk, node: OnnxNode, left: View, right: View) -> View:
    """A residual sum, a difference or a gate's product: two tensors of the same shape."""
    first, second = paired(walk, node, (left, right))
    name = {"Div": "divide"}.get(node.op, node.op.lower())
    whole = fullest(walk, (first, second))
    follows = sequence_among(walk, (first, second)).tensor
    tensor = walk.draft.pair(
        name, pair(name), first.tensor, second.tensor, whole.tensor, node.label, follows
    )
    return replace(whole, tensor=tensor)


def fullest(walk: Walk, views: Sequence[View]) -> View:
    """One of views that is as large as what is made of all of them, of which most is known."""
    return max(views, key=lambda view: (prod(view.shape), walk.draft.size(view.tensor) or 0))


def _divided(walk: Walk, node: OnnxNode, number: Doubles, along: Axis, view: View) -> View:
    """A constant divided by data: their reciprocal, scaled."""
    view = settled(walk, view)
    cell = one_number("reciprocal", ALONE["reciprocal"])
    made = walk.draft.layer("reciprocal", cell, view.tensor, None, {}, node.label)
    return scaled(walk, node, replace(view, tensor=made["y"]), number, None, along)


def paired(walk: Walk, node: OnnxNode, given: Sequence[View]) -> tuple[View, ...]:
    """Views of the same shape and kind, whose vectors have the same features, or one number for all
    of them; none waits for weights.
    """
    rank = max(len(view.axes) for view in given)
    views = tuple(settled(walk, v).widened(rank) for v in given)
    if len(views) == 1:
        return views
    if len({view.picked for view in views}) > 1 and not all(view.picked for view in views):
        # in other orders: vectors of all their steps
        views = tuple(side_by_side(walk, view, node.label) for view in views)
    _guess_roles(walk, views)
    views = read_at_each_step(walk, one_time_axis(walk, node, views), node.label)
    largest = max(views, key=lambda view: size_of(grid_of(walk, view)))
    whole_of_all = _joint(walk, views, largest)
    for view in views:
        _as_features(walk, node, view, whole_of_all)
    views = tuple(repeated(walk, view, whole_of_all, node.label) for view in views)
    views = _one_axis_of_features(walk, _cut_alike(walk, views, node.label))
    single = [_has_one_number(walk, view, largest) for view in views]
    whole = [v for v, one in zip(views, single, strict=True) if not one] or list(views)
    align(walk, node, (whole[0], *_spread(walk, whole[0], views, single)))
    views = in_step(walk, of_one_kind(walk, node, views), node.label)
    views = on_one_clock(walk, views, node.label)
    return tuple(
        view if view is whole[0] or one else _in_order(walk, node, whole[0], view)
        for view, one in zip(views, single, strict=True)
    )


def _joint(walk: Walk, views: Sequence[View], largest: View) -> View:
    """Axes that all views have together, as of an outer product, and features along all of them."""
    axes, atoms = [*largest.axes], {*grid_of(walk, largest)}
    for view in views:
        own = grid_of(walk, view)
        for k, axis in enumerate(view.axes):
            if not axes[k] and axis and set(walk.pieces(axis)) <= set(own):
                axes[k] = axis
                atoms.update(walk.pieces(axis))
    if axes == [*largest.axes]:
        return largest
    grid = tuple(atom for axis in axes for atom in walk.pieces(axis) if atom in atoms)
    return replace(largest, axes=tuple(axes), grid=grid)


def _as_features(walk: Walk, node: OnnxNode, view: View, whole: View) -> None:
    """Take axes of an input for features where `whole` has as many, and more along other axes."""
    grid = {*grid_of(walk, whole)}
    pairs = [(walk.pieces(v), walk.pieces(w)) for v, w in zip(view.axes, whole.axes, strict=True)]
    if any(not v and w and set(w) <= grid for v, w in pairs):
        for v, w in pairs:
            raw = v and all(a in walk.input_atoms and a not in walk.roles for a in v)
            if raw and w and set(w) <= grid and size_of(v) == size_of(w):
                walk.assign(node, v, "feature")


def _guess_roles(walk: Walk, views: Sequence[View]) -> None:
    """Of inputs whose axes another one has not: as nothing else tells which they are."""
    for k in range(len(views[0].axes)):
        longer = [view for view in views if view.axes[k]]
        for view in longer if len(longer) < len(views) else ():
            usual_role(walk, view, k)


def _has_one_number(walk: Walk, view: View, largest: View) -> bool:
    """Whether each vector of a view is one number, beside those of `largest`."""
    size, grid = walk.draft.size(view.tensor), set(grid_of(walk, largest))
    if size is None and grid and not grid_of(walk, view):
        pairs = zip(view.axes, largest.axes, strict=True)
        if all(not own for own, axis in pairs if set(walk.pieces(axis)) & grid):
            walk.draft.features[view.tensor] = size = 1
    return size == 1 and (walk.draft.producer(view.tensor) is not None or bool(grid))


def _spread(
    walk: Walk, whole: View, views: Sequence[View], single: Sequence[bool]
) -> Iterator[View]:
    """Views with the axes of features of `whole` in place of axes of one number."""
    grid = grid_of(walk, whole)
    for view, one in zip(views, single, strict=True):
        numbered = [bool(axis) and set(walk.pieces(axis)) <= set(grid) for axis in whole.axes]
        axes = zip(view.axes, whole.axes, numbered, strict=True)
        yield replace(view, axes=tuple(w if one and n and not a else a for a, w, n in axes))


def _in_order(walk: Walk, node: OnnxNode, first: View, second: View) -> View:
    """The second view with its features in the order of the first."""
    atoms, others = (walk.pieces(view.atoms) for view in (first, second))
    partner = dict(zip(atoms, others, strict=True))
    wanted, own = tuple(partner[a] for a in grid_of(walk, first)), grid_of(walk, second)
    if len(own) > 1 and sorted(own, key=str) == sorted(wanted, key=str):
        if walk.draft.size(second.tensor) is None:  # an input's, known from its axes
            walk.draft.features[second.tensor] = size_of(own)
        return reordered(walk, second, wanted, node.label) if own != wanted else second
    if wanted != own:
        raise node.error(
            f"{node.op} pairs vectors of which the features are in different orders; transpose one"
        )
    return second


def _cut_alike(walk: Walk, views: tuple[View, ...], source: str) -> tuple[View, ...]:
    """Views of which one counts along an axis of features by several atoms where another, of as
    many, has one: with one as well.
    """
    for k in range(len(views[0].axes)):
        pieces = [walk.pieces(view.axes[k]) for view in views]
        sizes = {size_of(p) for p in pieces}
        if len(sizes) == 1 and len({len(p) for p in pieces}) > 1:
            views = tuple(
                _merged(walk, v, k, source) if len(p) > 1 else v
                for v, p in zip(views, pieces, strict=True)
            )
    return views


def _merged(walk: Walk, view: View, k: int, source: str) -> View:
    """A view with its axis `k`, one of several axes of features, as one atom."""
    atoms, grid = walk.pieces(view.axes[k]), grid_of(walk, view)
    if not set(atoms) < set(grid):
        return view
    rest = tuple(atom for atom in grid if atom not in atoms)
    view = reordered(walk, view, (*rest, *atoms), source)
    axis = walk.new_axis("features", size_of(atoms), "feature")
    axes = (*view.axes[:k], axis, *view.axes[k + 1 :])
    return replace(view, axes=axes, grid=(*rest, *axis))


def _one_axis_of_features(walk: Walk, views: tuple[View, ...]) -> tuple[View, ...]:
    """Views of which one counts its features by directions and units and another by units alone:
    whole vectors in order are vectors, however they were made.
    """
    found = list(views)
    for k in range(len(views[0].axes)):
        pieces = [walk.pieces(view.axes[k]) for view in views]
        whole = all(p == grid_of(walk, view) for p, view in zip(pieces, views, strict=True))
        if whole and len({tuple(walk.roles.get(atom) for atom in p) for p in pieces}) > 1:
            for i, view in enumerate(found):
                axis = walk.new_axis("features", size_of(pieces[i]), "feature")
                found[i] = replace(view.with_axis(k, axis), grid=())
    return tuple(found)


_Affine = tuple[Doubles | None, Doubles | None]
_AFFINE: dict[tuple[str, bool], Callable[[Doubles], _Affine]] = {
    ("Add", True): lambda c: (None, c),
    ("Add", False): lambda c: (None, c),
    ("Sub", True): lambda c: (None, -c),
    ("Sub", False): lambda c: (np.full(1, -1.0), c),
    ("Mul", True): lambda c: (c, None),
    ("Mul", False): lambda c: (c, None),
    ("Div", True): lambda c: (1.0 / c, None),
}
"""Scale and offset of x op c, by the operator and whether x comes first."""


def along_features(
    walk: Walk, node: OnnxNode, constant: Doubles, view: View
) -> tuple[Doubles, View]:
    """The constant as one number or one per feature, and the view in the result's rank."""
    numbers, axes, view = _varying(walk, node, constant, view)
    if not axes:
        return numbers, view
    atoms = tuple(atom for k in axes for atom in walk.pieces(view.axes[k]))
    take_for_features(walk, node, view, atoms)
    if is_part(walk, view, atoms) or (len(axes) > 1 and set(atoms) == set(grid_of(walk, view))):
        return spread(numbers, atoms, grid_of(walk, view)), view
    if len(axes) > 1:
        raise node.error(
            f"constant of shape {list(constant.shape)} on {describe(view.axes)}; only a number or "
            "one for each feature is supported: do it outside of the model"
        )
    if len(axes) == 1:
        require_features(walk, node, view, view.axes[axes[0]])
    return numbers, view


def along(walk: Walk, node: OnnxNode, constant: Doubles, view: View) -> tuple[Doubles, Axis, View]:
    """The constant as one number or one for each place along atoms, these, and the view in the
    result's rank. Where nothing tells what an axis of an input counts, it is left open.
    """
    numbers, axes, view = _varying(walk, node, constant, view)
    atoms = tuple(atom for k in axes for atom in walk.pieces(view.axes[k]))
    if is_part(walk, view, atoms):
        return numbers, atoms, view
    roles = {walk.roles.get(atom) for atom in atoms}
    opened = len(view.axes) < 3 or axes != [len(view.axes) - 1] or bool(grid_of(walk, view))
    raw = any(atom in walk.input_atoms and atom not in walk.roles for atom in atoms)
    if axes and not (raw and opened) and "time" not in roles and len(axes) == 1:
        tell_features(walk, node, view, view.axes[axes[0]])
    return numbers, atoms, view


def _repeated_for(walk: Walk, node: OnnxNode, constant: Doubles, view: View) -> View:
    """The view with its features repeated along axes behind those of steps, of which it has one
    number where the constant has several.
    """
    view = view.widened(constant.ndim)
    counts = (1,) * (len(view.axes) - constant.ndim) + constant.shape
    grid = grid_of(walk, view)
    shown = [k for k, axis in enumerate(view.axes) if set(walk.pieces(axis)) & set(grid)]
    behind = range(shown[0] + 1, len(counts)) if shown else ()
    new = {
        k: walk.new_axis("repeated", counts[k], "feature")
        for k in behind
        if counts[k] > 1 and not view.axes[k]
    }
    if not new:
        return view
    axes = tuple(new.get(k, axis) for k, axis in enumerate(view.axes))
    added = (atom for axis in new.values() for atom in walk.pieces(axis))
    whole = replace(view, axes=axes, grid=(*grid, *added))
    return repeated(walk, settled(walk, view), whole, node.label)


def _varying(
    walk: Walk, node: OnnxNode, constant: Doubles, view: View
) -> tuple[Doubles, list[int], View]:
    """The constant flattened, the axes along which it differs, the view in the result's rank."""
    view = view.widened(constant.ndim)
    constant = constant.reshape((1,) * (len(view.axes) - constant.ndim) + constant.shape)
    for axis, count in zip(view.axes, constant.shape, strict=True):
        if count not in (1, size_of(axis)):
            raise walk.need_size(
                node,
                axis,
                count,
                f"constant of shape {list(constant.shape)} on {describe(view.axes)}, which it "
                "repeats; not supported: is an axis missing, or a transpose?",
            )
    for k, size in enumerate(view.shape):
        same = constant.shape[k] == size and (constant == constant.take([0], axis=k)).all()
        if same and walk.role(view.axes[k]) != "feature":
            constant = constant.take([0], axis=k)
    return constant.reshape(-1), [k for k, n in enumerate(constant.shape) if n != 1], view


def scaled(
    walk: Walk,
    node: OnnxNode,
    view: View,
    scale: Doubles | None,
    offset: Doubles | None,
    along: Axis = (),
) -> View:
    """`scale * view + offset`: in the dense layer that made it, else left to the next weights, or
    to a layer of its own where none come. along: the atoms that numbers run along; those of the
    features where there are none.
    """
    several = any(a is not None and a.size > 1 for a in (scale, offset))
    along = (along or grid_of(walk, view)) if several else ()
    factor = np.ones(1) if scale is None else scale
    shift = np.zeros(1) if offset is None else offset
    step = walk.draft.step_of(view.tensor)
    if step is not None:
        inner = scaled(walk, node, replace(view, tensor=step.inputs["x"]), scale, offset, along)
        return replace(inner, tensor=walk.draft.step(inner.tensor, step.op.at, step.source))
    found = _into(walk, node, view, factor, shift, along)
    walk.draft.fold(found.tensor, factor, shift, node.label, was=view.tensor)
    return found


def _into(
    walk: Walk, node: OnnxNode, view: View, factor: Doubles, shift: Doubles, along: Axis
) -> View:
    """`factor * view + shift` by what made the view, or by what will read it."""
    made_by, grid = walk.draft.producer(view.tensor), grid_of(walk, view)
    by_unit = along == grid
    if is_convolution(made_by):  # its units come again at each place
        units = len(made_by.op.params["b_y"])
        by_unit = grid[-len(along) :] == along and size_of(along) == units
    elif is_part(walk, view, along):
        factor, shift = (spread(a, along, grid) for a in (factor, shift))
        along, by_unit = grid, True
    if along and not by_unit:
        return combined(walk, view, factor, shift, along, node.label)
    if made_by is not None and not view.pending:
        other = rescaled(made_by, factor, shift)
        if other is not None:
            return replace(view, tensor=walk.draft.again(other))
    return combined(walk, view, factor, shift, along, node.label)
