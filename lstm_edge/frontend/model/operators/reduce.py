"""Reductions over time as the steps go by, and sums and means over the features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Axes, View, describe, size_of
from lstm_edge.frontend.model.operators.activation import settled
from lstm_edge.frontend.model.operators.features import require_features, usual_role
from lstm_edge.frontend.model.operators.linear import contract
from lstm_edge.frontend.model.operators.steps import PICKED, in_time
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.layers.functions import ALONE, REDUCED, one_number

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
        return [view]
    chosen = [a + rank if a < 0 else a for a in (axes or range(rank))]
    if len(set(chosen)) != len(chosen) or not all(0 <= a < rank for a in chosen):
        raise ModelError(node.label, f"axes = {list(axes or [])} do not fit {rank} axes")
    return [_over(walk, node, view, sorted(chosen), bool(node.attributes.get("keepdims", 1)))]


def global_pool(walk: Walk, node: OnnxNode) -> list[Value]:
    """Over all axes behind batch and channels, which stay as axes of size 1."""
    view = node.view(0)
    if len(view.axes) < 3:
        raise ModelError(node.label, f"pools {describe(view.axes)}, which has no axis to pool over")
    return [_over(walk, node, view, list(range(2, len(view.axes))), keep=True)]


def _over(walk: Walk, node: OnnxNode, view: View, axes: list[int], keep: bool) -> View:
    """`view` reduced over `axes`, innermost first."""
    for k in axes[::-1]:
        if not view.axes[k]:
            continue
        role = usual_role(walk, view, k)
        whole = in_time(walk, view, k) if role == PICKED and KINDS[node.op] in ALIKE else None
        if role == "time" or whole is not None:
            view = whole or view
            view = _over_time(walk, node, view, k)
        elif role == "feature":
            view = _over_features(walk, node, view, k)
        else:
            raise ModelError(
                node.label,
                f"reduces the {role or 'unexplained'} axis {k} of {describe(view.axes)}; only time "
                "and features can be reduced",
            )
    if keep:
        return view
    return replace(view, axes=tuple(a for k, a in enumerate(view.axes) if k not in axes))


ALIKE = ("mean", "max", "min")
"""What is the same of steps that are there once and of the same steps there twice."""


def _at(axes: Axes, k: int) -> Axes:
    return (*axes[:k], (), *axes[k + 1 :])


BEFORE: Mapping[str, str] = {
    "l1_norm": "abs",
    "l2_norm": "square",
    "sum_square": "square",
    "log_sum_exp": "exp",
}
"""What is done with numbers before they are added up over time."""
AFTER: Mapping[str, str] = {"l2_norm": "sqrt", "log_sum": "log", "log_sum_exp": "log"}
"""What is done with their sum; kinds that are in neither table are reductions by themselves."""


def _over_time(walk: Walk, node: OnnxNode, view: View, k: int) -> View:
    """A reduction as the steps go by: of each feature alone. A mean of scaled steps is the scaled
    mean, which may wait for weights.
    """
    kind = KINDS[node.op]
    if kind == "mean":
        tensor = walk.draft.reduce(kind, view.tensor, node.label)
        return replace(view, tensor=tensor, axes=_at(view.axes, k))
    tensor = settled(walk, view, node.label).tensor
    summed = kind in BEFORE or kind in AFTER
    if kind in BEFORE:
        tensor = _alone(walk, node, tensor, BEFORE[kind])
    tensor = walk.draft.reduce("sum" if summed else kind, tensor, node.label)
    if kind in AFTER:
        tensor = _alone(walk, node, tensor, AFTER[kind])
    plain = replace(view, scale=None, offset=None, pending="")
    return replace(plain, tensor=tensor, axes=_at(view.axes, k))


def _alone(walk: Walk, node: OnnxNode, tensor: str, name: str) -> str:
    cell = one_number(name, ALONE[name])
    return walk.draft.layer(name, cell, tensor, None, {}, node.label)["y"]


def _over_features(walk: Walk, node: OnnxNode, view: View, k: int) -> View:
    """A sum or mean over the features: a dense layer of one unit; others a layer of their own."""
    kind, size = KINDS[node.op], size_of(view.axes[k])
    if kind not in ("sum", "mean"):
        view = settled(walk, view, node.label)
        require_features(walk, node, view, view.axes[k])
        name = {"max": "largest", "min": "smallest"}.get(kind, kind)
        cell = one_number(name, REDUCED[name])
        tensor = walk.draft.layer(name, cell, view.tensor, 1, {}, node.label)["y"]
        return View(tensor, _at(view.axes, k))
    weights = np.full((size, 1), 1.0 / size if kind == "mean" else 1.0)
    last = replace(view, axes=(*view.axes[:k], *view.axes[k + 1 :], view.axes[k]))
    reduced = contract(walk, node, last, weights, None)
    rest = reduced.axes[:-1]
    return replace(reduced, axes=(*rest[:k], (), *rest[k:]))
