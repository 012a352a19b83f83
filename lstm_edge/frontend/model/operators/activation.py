"""Functions as layers of their own: Clip, Softmax, LogSoftmax; and what waits for weights."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lstm_edge.frontend.model.axes import Axis, View, describe
from lstm_edge.frontend.model.operators.across_time import softmax_over_time
from lstm_edge.frontend.model.operators.features import grid_of, require_features, usual_role
from lstm_edge.frontend.model.operators.grids import in_groups, is_part, take_for_features
from lstm_edge.frontend.model.operators.masked import masked
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.ir.expr import Cell
from lstm_edge.layers.activation import (
    log_softmax_layer,
    softmax_layer,
)
from lstm_edge.layers.elementwise import clip as bounded

LARGEST_BOUND = 1e6
"""A bound of Clip from here on bounds nothing that a network computes."""


def clip(walk: Walk, node: OnnxNode) -> list[Value]:
    """A bound that is huge bounds nothing."""
    view = node.view(0)
    bounds: list[float | None] = []
    for k, name in enumerate(("min", "max"), start=1):
        given = node.constant(k, name)
        array = np.asarray(math.inf if given is None else given, np.float64)
        if array.size != 1 or math.isnan(array.reshape(-1)[0]):
            raise node.error(f"its {name} is not a number")
        bound = float(array.reshape(-1)[0])
        bounds.append(bound if abs(bound) < LARGEST_BOUND else None)
    low, high = bounds
    if low is None and high is None:
        return [view]
    if low is not None and high is not None and low > high:
        raise node.error(f"its min {low:g} is above its max {high:g}")
    return [_layer(walk, node, view, "clip", bounded(low, high))]


def softmax(walk: Walk, node: OnnxNode) -> list[Value]:
    """Softmax or LogSoftmax over the features, or over the steps of a sequence."""
    view = node.view(0)
    rank = len(view.axes)
    axis = int(node.attributes.get("axis", -1))
    if not -rank <= axis < rank:
        raise node.error(f"attribute axis = {axis} does not fit {rank} axes")
    over, role = view.axes[axis], usual_role(walk, view, axis % rank)
    view = masked(walk, view, over, node.label) if node.op == "Softmax" else view
    if role == "time":
        view = settled(walk, view)
        return [softmax_over_time(walk, view, node.label, node.op == "LogSoftmax")]
    take_for_features(walk, node, view, over)
    if is_part(walk, view, walk.pieces(over)):
        return [_softmax_of_parts(walk, node, view, walk.pieces(over))]
    features = walk.draft.size(view.tensor)
    whole = walk.pieces(over) == grid_of(walk, view)
    if not whole and (len(over) > 1 or (not over and features != 1)):
        raise node.error(
            f"attribute axis = {axis}: runs over {[a.size for a in over]} of "
            f"{describe(view.axes)}; only the features of each step are "
            "supported: compute it outside of the model"
        )
    require_features(walk, node, view, over)
    kind, cell = SOFTMAX[node.op]
    return [_layer(walk, node, view, kind, cell())]


SOFTMAX = {
    "Softmax": ("softmax", softmax_layer),
    "LogSoftmax": ("log_softmax", log_softmax_layer),
}


def _softmax_of_parts(walk: Walk, node: OnnxNode, view: View, over: Axis) -> View:
    """Each vector along one of several axes of features for itself."""
    kind, cell = SOFTMAX[node.op]

    def run(x: str) -> str:
        return walk.draft.layer(kind, cell(), x, walk.draft.size(x), {}, node.label)["y"]

    return in_groups(walk, node, settled(walk, view), over, run)


def _layer(walk: Walk, node: OnnxNode, view: View, kind: str, cell: Cell) -> View:
    view = settled(walk, view)
    tensor = walk.draft.layer(kind, cell, view.tensor, None, {}, node.label)["y"]
    return replace(view, tensor=tensor)
