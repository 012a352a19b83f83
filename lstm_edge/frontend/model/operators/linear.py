"""Gemm and MatMul with constant weights: dense layers, per step or over all steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.tensor import check_finite
from lstm_edge.frontend.model.axes import Axes, Axis, View, describe, size_of
from lstm_edge.frontend.model.convolution import product_params
from lstm_edge.frontend.model.operators.features import (
    grid_of,
    laid_out,
    places_of,
    require_features,
    size_known,
    usual_role,
)
from lstm_edge.frontend.model.operators.grids import is_part, take_for_features
from lstm_edge.frontend.model.operators.inner import at_each_place
from lstm_edge.frontend.model.operators.pending import fold_pending, foldable, resolved, settled
from lstm_edge.frontend.model.operators.steps import PICKED, side_by_side
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.layers.dense import dense
from lstm_edge.layers.normalize import LARGEST_OFFSET

Doubles = npt.NDArray[np.float64]

MOST_MOVED = 256
"""Features that are put into another order, one by one."""


def gemm(walk: Walk, node: OnnxNode) -> list[Value]:
    """y = alpha * A' B' + beta * C with constant B and C."""
    view = node.view(0)
    weights = node.weights(1, "matrix B")
    if weights is None or weights.ndim != 2 or len(view.axes) != 2:
        raise node.error(f"reads {describe(view.axes)}; expected two axes, and a matrix of weights")
    if node.attributes.get("transA", 0):
        view = replace(view, axes=view.axes[::-1])
    if node.attributes.get("transB", 0):
        weights = weights.T
    weights = weights * node.attributes.get("alpha", 1.0)
    bias = node.weights(2, "bias C")
    if bias is not None:
        bias = _row(node, bias, weights.shape[1]) * node.attributes.get("beta", 1.0)
    return [contract(walk, node, view, weights, bias)]


def _row(node: OnnxNode, bias: Doubles, units: int) -> Doubles:
    """The bias of a Gemm, which may differ from unit to unit only: [units]."""
    if bias.ndim > 2 or (bias.ndim == 2 and bias.shape[0] != 1):
        raise node.error(f"bias C {list(bias.shape)} is no number for each unit; use a batch of 1")
    row = bias.reshape(-1)
    if row.size not in (1, units):
        raise node.error(f"bias C has {row.size} entries, expected {units}")
    return np.broadcast_to(row, (units,))


def times_matrix(walk: Walk, node: OnnxNode, view: View, weights: Doubles, on_left: bool) -> View:
    """A MatMul of data and a matrix or a vector of weights."""
    turned = replace(view, axes=_swap(view.axes)) if on_left else view
    matrix = np.atleast_2d(weights).T if on_left else weights.reshape(len(weights), -1)
    result = contract(walk, node, turned, matrix, None)
    if weights.ndim == 1:
        return replace(result, axes=result.axes[:-1])
    return replace(result, axes=_swap(result.axes)) if on_left else result


def _swap(axes: Axes) -> Axes:
    return axes if len(axes) < 2 else (*axes[:-2], axes[-1], axes[-2])


def contract(
    walk: Walk, node: OnnxNode, view: View, weights: Doubles, bias: Doubles | None
) -> View:
    """y = x W + b along the last axis of `view`; weights [features, units], bias [units].

    A last axis made of time and features gives a dense layer over all steps.
    """
    if not view.axes:
        raise node.error("expected a vector, found a single number")
    check_finite(node.label, weights)
    last, (rows, units) = view.axes[-1], weights.shape
    if size_of(last) != rows:
        raise _mismatch(walk, node, view, rows)
    if any(walk.roles.get(atom) == PICKED for atom in walk.pieces(last)):
        view = side_by_side(walk, view, node.label)
        last = view.axes[-1]
    flat = any(walk.roles.get(atom) == "time" for atom in last) or _is_flat(walk, view)
    offsets = np.zeros(units) if bias is None else bias
    take_for_features(walk, node, view, last)
    of_places = is_part(walk, view, walk.pieces(last)) or (not last and bool(grid_of(walk, view)))
    if not flat and of_places:
        return at_each_place(walk, node, view, walk.pieces(last), weights.T, offsets)
    if not flat:
        view, order = in_order(walk, view, last, node.label)
        weights = weights if order is None else weights[order]
        require_features(walk, node, view, view.axes[-1])
        for atom in walk.pieces(view.along):  # what waits may differ along the axis that is left
            if atom in walk.input_atoms and atom not in walk.roles:
                walk.roles[atom] = (
                    "time" if walk.input_atoms[atom] or len(view.axes) < 3 else "batch"
                )
                walk.guessed.add(atom)
        view = foldable(walk, view)
    if flat:
        view, weights = _steps_first(walk, view, weights)
        tensor = _flattened(walk, node, view, weights, offsets)
    else:
        scaled, shifted = fold_pending(view, weights.T, offsets)
        tensor = dense_layer(walk, view.tensor, scaled, shifted, node.label)
    axes = (*view.axes[:-1], walk.new_axis("units", units, "feature"))
    return View(tensor, axes, picked=view.picked)


def in_order(walk: Walk, view: View, axis: Axis, source: str) -> tuple[View, list[int] | None]:
    """The view whose features lie in memory as `axis`, its last one, numbers them; where it numbers
    all of them in another order, the weights for it have to be put into the order that is returned
    as well, and the axis is numbered as memory is.
    """
    atoms = walk.pieces(axis)
    places = places_of(walk, view, atoms)
    if places is not None:
        at = view.axes.index(axis)
        axes = (*view.axes[:at], grid_of(walk, view), *view.axes[at + 1 :])
        return replace(view, axes=axes), [int(k) for k in np.argsort(places)]
    unknown = [atom for atom in atoms if walk.roles.get(atom) is None]
    if len(atoms) < 2 or view.grid or any(atom not in walk.input_atoms for atom in unknown):
        return view, None
    walk.roles.update(dict.fromkeys(unknown, "feature"))
    grid = grid_of(walk, view)
    if atoms == grid or set(atoms) != set(grid) or size_of(grid) > MOST_MOVED:
        return view, None
    size_known(walk, view)
    return laid_out(walk, settled(walk, view), source), None


def dense_layer(walk: Walk, x: str, weights: Doubles, bias: Doubles, source: str) -> str:
    """Append a dense layer with weights [units, features]; returns its result's tensor."""
    params = product_params(weights, bias)
    return walk.draft.layer("fc", dense(), x, len(bias), params, source)["y"]


def _mismatch(walk: Walk, node: OnnxNode, view: View, rows: int) -> ModelError:
    last = view.axes[-1]
    message = f"weights take {rows} features, but its input is {describe(view.axes)}"
    if len(last) == 2 and last[0] in walk.open_axes and rows % last[1].size == 0:
        steps = rows // last[1].size
        return walk.need_size(node, last[:1], steps, f"{message}; give --steps {steps}")
    return walk.need_size(node, last, rows, message)


def _is_flat(walk: Walk, view: View) -> bool:
    """Whether the last axis is taken for all steps, as nothing says what it is made of. Where
    another axis is left for the steps, it is features.
    """
    last = walk.pieces(view.axes[-1])
    others = [atom for axis in view.axes[1:-1] for atom in walk.pieces(axis)]
    steps = any(walk.roles.get(atom) in (None, "time") for atom in others)
    return len(last) > 1 and any(atom not in walk.roles for atom in last) and not steps


def _steps_first(walk: Walk, view: View, weights: Doubles) -> tuple[View, Doubles]:
    """A last axis made of time and features in any order with the steps outermost and the features
    as they lie in memory, and weights that take it so.
    """
    last = walk.pieces(view.axes[-1])
    _usual_roles(walk, last)
    time = tuple(atom for atom in last if walk.roles.get(atom) == "time")
    rest = tuple(atom for atom in last if atom not in time)
    grid = grid_of(walk, view)
    inner = grid if set(grid) == set(rest) else rest
    order = (*time, *inner)
    if len(time) != 1 or order == last:
        return view, weights
    shaped = weights.reshape([atom.size for atom in last] + [-1])
    turned = shaped.transpose([*(last.index(atom) for atom in order), len(last)])
    return replace(view, axes=(*view.axes[:-1], order)), turned.reshape(weights.shape)


def _flattened(walk: Walk, node: OnnxNode, view: View, weights: Doubles, bias: Doubles) -> str:
    """A dense layer over an axis of all steps flattened, the step outermost."""
    last = walk.pieces(view.axes[-1])
    roles = [walk.roles.get(atom, "") for atom in last]
    whole = last[1:] == grid_of(walk, view) or roles[1:] == [""]
    single = len(last) == 1 and walk.draft.size(view.tensor) == 1
    if roles[0] != "time" or not (single or (whole and len(last) > 1)):
        message = (
            f"takes an axis made of {' * '.join(str(a.size) for a in last)} "
            f"({' * '.join(r or 'unknown' for r in roles)}); only time * features is supported: "
            "flatten these alone, and export with a batch of 1"
        )
        raise walk.taken_wrongly(node, last if len(last) == 1 else (), "feature", message)
    require_features(walk, node, view, last[1:])
    walk.fix_time(node)
    view = resolved(walk, view)
    if view.offset is not None and np.abs(view.offset).max() > LARGEST_OFFSET:
        view = settled(walk, view)
    steps, features = last[0].size, size_of(last[1:])
    per_step = weights.reshape(steps, features, -1).transpose(0, 2, 1)
    if view.offset is not None:
        offsets = np.broadcast_to(view.offset, (steps, features))
        bias = bias + np.einsum("tuf,tf->u", per_step, offsets)
    scaled = per_step
    if view.scale is not None:
        scaled = per_step * (view.scale[:, None] if view.scale.ndim == 2 else view.scale)
    return walk.draft.dense_over_time(
        view.tensor, np.ascontiguousarray(scaled, np.float32), bias.astype(np.float32), node.label
    )


def _usual_roles(walk: Walk, atoms: Axis) -> None:
    """Of a whole input of three axes that is flattened before anything has told what they are."""
    if all(atom in walk.input_atoms and atom not in walk.roles for atom in atoms):
        owner = walk.values.get(atoms[0].name.rpartition(" ")[0])
        if isinstance(owner, View) and len(owner.axes) == 3:
            for k in (1, 2):
                usual_role(walk, owner, k)
