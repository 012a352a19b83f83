"""Reductions over time as the steps go by, and sums and means over the features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Axes, View, describe, size_of
from lstm_edge.frontend.model.operators.activation import settled
from lstm_edge.frontend.model.operators.linear import contract
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk

KINDS: Mapping[str, str] = {
    "ReduceMean": "mean",
    "ReduceSum": "sum",
    "ReduceMax": "max",
    "ReduceMin": "min",
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
        role = walk.role(view.axes[k])
        if role == "time":
            view = settled(walk, view, node.label)
            tensor = walk.draft.reduce(KINDS[node.op], view.tensor, node.label)
            view = replace(view, tensor=tensor, axes=_at(view.axes, k))
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


def _at(axes: Axes, k: int) -> Axes:
    return (*axes[:k], (), *axes[k + 1 :])


def _over_features(walk: Walk, node: OnnxNode, view: View, k: int) -> View:
    """A sum or mean over the features: a dense layer of one unit."""
    kind, size = KINDS[node.op], size_of(view.axes[k])
    if kind not in ("sum", "mean"):
        raise ModelError(
            node.label, f"{node.op} over the features is not supported; over time it is"
        )
    weights = np.full((size, 1), 1.0 / size if kind == "mean" else 1.0)
    last = replace(view, axes=(*view.axes[:k], *view.axes[k + 1 :], view.axes[k]))
    reduced = contract(walk, node, last, weights, None)
    rest = reduced.axes[:-1]
    return replace(reduced, axes=(*rest[:k], (), *rest[k:]))
