"""Operators that move data and compute nothing: each must be proved to be no work.

An operator that would reorder steps is refused by the node's name; one that repeats numbers of each
vector is a layer.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import groupby

import numpy as np
from onnx import TensorProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import (
    Atom,
    Cut,
    View,
    describe,
    regroup,
    several,
    size_of,
    substitute,
)
from lstm_edge.frontend.model.operators.across_time import (
    grouped_steps,
    has_steps,
    repeated_over_time,
    times_of_inputs,
)
from lstm_edge.frontend.model.operators.features import (
    grid_of,
    in_this_order,
    reordered,
    size_known,
    tiled,
    usual_role,
)
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.walk import Foreign, OnnxNode, Value, Walk
from lstm_edge.layers.elementwise import is_true, repeated
from lstm_edge.limits import MOST_AXES

FOREVER = 2**31 - 1
"""Ends from here on mean "to the end", whatever the length."""


def identity(walk: Walk, node: OnnxNode) -> list[Value]:
    """The same view. The attribute rows, which no file has, comes from a rewrite: an axis of which
    the order does not matter where it is that of the batch.
    """
    view = node.view(0)
    if "rows" in node.attributes:
        axis = node.attributes["rows"]
        if not -len(view.axes) <= axis < len(view.axes):
            raise node.error(f"axis {axis} does not fit {len(view.axes)} axes")
        walk.assign(node, view.axes[axis], "batch")
    return [view]


def dropout(walk: Walk, node: OnnxNode) -> list[Value]:
    """Dropout does nothing at inference; its mask may not be asked for."""
    training = node.constant(2, "training_mode")
    if training is not None and training.any():
        raise node.error("training_mode is on; export after model.eval(), or with training=EVAL")
    if len([name for name in node.outputs if name]) > 1:
        raise node.error("output 'mask' is not supported; export after model.eval()")
    return [node.view(0)]


def cast(walk: Walk, node: OnnxNode) -> list[Value]:
    """A Cast of data to float32, which they are; of what is true or false, or counts that, to any
    type; of data to bool, what is not 0.
    """
    view, kind = node.view(0), node.attributes.get("to")
    if kind == TensorProto.BOOL and not walk.is_truth(view):
        view = settled(walk, view)
        made = walk.draft.layer("is_true", is_true(), view.tensor, None, {}, node.label)["y"]
        return [walk.true(replace(view, tensor=made))]
    mask = "" if view.pending else walk.counts.get(view.tensor, "")
    whole = walk.is_truth(view) or mask in walk.truths
    if mask and not whole and kind in (TensorProto.INT32, TensorProto.INT64):
        return [Foreign(node.outputs[0], "integer, which counts steps", view)]
    if kind not in (TensorProto.FLOAT, TensorProto.BOOL) and not whole:
        raise node.error(
            "attribute to: data can only be cast to float32; export in float32, and "
            "round outside of the model"
        )
    return [view]


def tile(walk: Walk, node: OnnxNode) -> list[Value]:
    """Features as often as `repeats` says, end to end; a vector at each step."""
    view = node.view(0)
    counts = node.integers(1, "repeats") or []
    if len(counts) != len(view.axes) or min(counts, default=1) < 1:
        raise node.error(f"repeats = {counts} do not fit {describe(view.axes)}")
    last = len(view.axes) - 1
    for k, count in enumerate(counts):
        if count != 1 and (view.axes[k] or k == last):
            view = tiled(walk, node, view, k, count)
    shape = [n if not axis else size_of(axis) for n, axis in zip(counts, view.axes, strict=True)]
    return [_expanded(walk, node, view, shape)]


def expand(walk: Walk, node: OnnxNode) -> list[Value]:
    """An Expand that repeats nothing, numbers along axes of features, or a vector at each step."""
    shape = node.integers(1, "shape") or []
    if min(shape, default=1) < 1:
        raise node.error(f"makes shape {shape}, expected 1 or more along each axis")
    return [_expanded(walk, node, node.view(0), shape)]


def _expanded(walk: Walk, node: OnnxNode, view: View, shape: list[int]) -> Value:
    padded = (1,) * (len(shape) - len(view.axes)) + view.shape
    wanted = (1,) * (len(padded) - len(shape)) + tuple(shape)
    view = view.widened(len(padded))
    pairs = enumerate(zip(wanted, padded, strict=True))
    more = [k for k, (want, have) in pairs if want not in (1, have)]
    if not more:
        return view
    if view.ids is not None and not any(view.axes[k] for k in more):
        return Foreign(node.outputs[0], "integers, which are repeated", view)
    alone = all(padded[k] == 1 for k in more)
    for k in range(len(padded)):
        usual_role(walk, view, k)
    steps = len(more) == 1 and more[0] < len(padded) - 1 and not has_steps(walk, view)
    if alone and steps and not (walk.told and not times_of_inputs(walk)):
        return repeated_over_time(walk, node, view, more[0], wanted[more[0]])
    own = grid_of(walk, view)
    if not alone or not (own or walk.draft.size(view.tensor) == 1):
        raise node.error(f"repeats {describe(view.axes)} to {shape}; feed it repeated")
    view = settled(walk, view) if own else view
    new = {k: walk.new_axis("repeated", wanted[k], "feature") for k in more}
    units = math.prod(wanted[k] for k in more)
    if own:
        numbers = np.repeat(np.arange(size_of(own)), units).tolist()
        tensor = in_this_order(walk, view, numbers, node.label)
    else:
        made = walk.draft.layer("repeat", repeated(units), view.tensor, units, {}, node.label)
        tensor = made["y"]
    axes = tuple(new.get(k, axis) for k, axis in enumerate(view.axes))
    grid = several((*own, *(atom for axis in new.values() for atom in axis)))
    return replace(view, tensor=tensor, axes=axes, grid=grid)


def transpose(walk: Walk, node: OnnxNode) -> list[Value]:
    """Axes in another order."""
    view = node.view(0)
    rank = len(view.axes)
    order = node.attributes.get("perm", list(range(rank))[::-1])
    if sorted(order) != list(range(rank)):
        raise node.error(f"attribute perm = {order} does not fit {rank} axes")
    return [replace(view, axes=tuple(view.axes[k] for k in order))]


def reshape(walk: Walk, node: OnnxNode) -> list[Value]:
    """A Reshape that keeps the order of all axes longer than 1."""
    view = node.view(0)
    shape = node.integers(1, "shape")
    if shape is None:
        raise node.error("has no shape")
    allow_zero = bool(node.attributes.get("allowzero", 0))
    return [regrouped(walk, node, view, _resolve(node, view, shape, allow_zero))]


def flatten(walk: Walk, node: OnnxNode) -> list[Value]:
    """[a, b, c, d] with axis 2 -> [a * b, c * d]."""
    view = node.view(0)
    rank = len(view.axes)
    axis = node.attributes.get("axis", 1)
    if not -rank <= axis <= rank:
        raise node.error(f"attribute axis = {axis} does not fit {rank} axes")
    axis = axis + rank if axis < 0 else axis
    shape = [math.prod(view.shape[:axis]), math.prod(view.shape[axis:])]
    return [regrouped(walk, node, view, shape)]


def _resolve(node: OnnxNode, view: View, shape: list[int], allow_zero: bool) -> list[int]:
    """The target shape with its 0 (as before) and -1 (the rest) filled in."""
    if 0 in shape and not allow_zero:
        if any(size == 0 and k >= len(view.axes) for k, size in enumerate(shape)):
            raise node.error(f"shape {shape} copies an axis that is not there")
        shape = [view.shape[k] if size == 0 else size for k, size in enumerate(shape)]
    total = math.prod(view.shape)
    if shape.count(-1) == 1:
        known = math.prod(size for size in shape if size != -1)
        if known > 0 and total % known == 0:
            shape = [total // known if size == -1 else size for size in shape]
    return shape


def regrouped(walk: Walk, node: OnnxNode, view: View, shape: list[int]) -> View:
    """A view in another shape, of the same numbers in their order."""
    axes, given, whole = view.axes, view, False
    while True:
        result = regroup(axes, shape) if min(shape, default=1) > 0 else None
        if isinstance(result, Cut) and _counts_steps(walk, result.atom):
            view = grouped_steps(walk, node, settled(walk, replace(view, axes=axes)), result)
            axes = view.axes
        elif result is None or (isinstance(result, Cut) and not walk.cut(result)):
            if whole:
                raise _no_reshape(walk, node, given, shape)
            view, whole = _features_merged(walk, view, node.label), True
            axes = view.axes
        elif not isinstance(result, Cut):
            return replace(view, axes=result)
        else:
            axes = substitute(axes, walk.parts)


def _counts_steps(walk: Walk, atom: Atom) -> bool:
    """Whether an axis is known to be that of a sequence of known length."""
    return walk.roles.get(atom) == "time" and not atom.open


def _features_merged(walk: Walk, view: View, source: str) -> View:
    """The view with one atom in place of neighbours that all count features of its vectors, which
    lie in memory in their order then.
    """
    grid, atoms = grid_of(walk, view), walk.pieces(view.atoms)
    runs = [tuple(run) for inside, run in groupby(atoms, lambda a: a in grid) if inside]
    for run in runs:
        if len(run) < 2:
            continue
        size_known(walk, view)
        rest = tuple(atom for atom in grid_of(walk, view) if atom not in run)
        view = reordered(walk, settled(walk, view), (*rest, *run), source)
        new = walk.new_axis("features", size_of(run), "feature")
        shown = [[a for a in walk.pieces(axis) if a not in run[1:]] for axis in view.axes]
        axes = tuple(tuple(new[0] if a == run[0] else a for a in axis) for axis in shown)
        view = replace(view, axes=axes, grid=several((*rest, *new)))
    return view


def _no_reshape(walk: Walk, node: OnnxNode, view: View, shape: list[int]) -> ModelError:
    """The error of a Reshape; curable where the shape fixes an axis that the input leaves open."""
    message = (
        f"reshapes {describe(view.axes)} to {shape}, which mixes batch, time or features; only a "
        "reshape that keeps their order is supported: export with a batch of 1, transpose before it"
    )
    total, wanted = math.prod(view.shape), math.prod(shape)
    for atom in (atom for axis in view.axes for atom in axis):
        if atom in walk.open_axes and wanted > 0 and wanted * atom.size % total == 0:
            return walk.need_size(node, (atom,), wanted * atom.size // total, message)
    return node.error(message)


def _axes_argument(node: OnnxNode, rank: int) -> list[int] | None:
    """`axes` of Squeeze and Unsqueeze, from 0."""
    axes = node.integers(1, "axes")
    if axes is None:
        return None
    result = [axis + rank if axis < 0 else axis for axis in axes]
    if len(set(result)) != len(result) or not all(0 <= axis < rank for axis in result):
        raise node.error(f"axes = {list(axes)} do not fit {rank} axes")
    return result


def squeeze(walk: Walk, node: OnnxNode) -> list[Value]:
    """Drop axes of size 1."""
    view = node.view(0)
    axes = _axes_argument(node, len(view.axes))
    if axes is None:
        batch = next((a for a in view.axes if a and walk.role(a) == "batch"), ())
        if batch and batch[0] in walk.open_axes:
            raise walk.need_size(node, batch, 1, "squeezes every axis of 1, and batch is open")
        axes = [k for k, axis in enumerate(view.axes) if not axis]
    for k in axes:
        if view.axes[k]:
            message = f"squeezes axis {k} of {describe(view.axes)}, which is not 1"
            raise walk.need_size(node, view.axes[k], 1, message)
    return [replace(view, axes=tuple(a for k, a in enumerate(view.axes) if k not in axes))]


def unsqueeze(walk: Walk, node: OnnxNode) -> list[Value]:
    """Add axes of size 1."""
    view = node.view(0)
    given = node.integers(1, "axes")
    if given is None:
        raise node.error("has no axes")
    if len(view.axes) + len(given) > MOST_AXES:
        raise node.error(f"makes {len(view.axes) + len(given)} axes, expected {MOST_AXES} at most")
    axes = _axes_argument(node, len(view.axes) + len(given)) or []
    result: list[tuple[Atom, ...]] = []
    rest = iter(view.axes)
    for k in range(len(view.axes) + len(axes)):
        result.append(() if k in axes else next(rest))
    return [replace(view, axes=tuple(result))]
