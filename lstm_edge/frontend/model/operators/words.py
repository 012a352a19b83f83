"""Indices that ArgMax finds, as the words of a decoder, end to end."""

from __future__ import annotations

import numpy as np

from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.operators.across_time import has_steps, vector_of
from lstm_edge.frontend.model.operators.join import axis_of
from lstm_edge.frontend.model.walk import OnnxNode, Walk


def joined_words(walk: Walk, node: OnnxNode) -> View | None:
    """Indices that ArgMax found end to end, as a decoder's words; None for any other integers."""
    views = [v for v in node.inputs if isinstance(v, View)]
    limit, axes = walk.limits.get(views[0].tensor), views[0].axes
    alone = all(walk.draft.producer(v.tensor) and walk.draft.size(v.tensor) == 1 for v in views)
    if limit is None or not alone or any(walk.limits.get(v.tensor) != limit for v in views):
        return None
    every = np.arange(limit, dtype=np.int64)
    same = all(v.ids is not None and np.array_equal(v.ids(every), every) for v in views)
    axis = axis_of(node, len(axes))
    same = same and all(v.axes == axes for v in views)
    if not same or axes[axis] or len(views) < len(node.inputs) or has_steps(walk, views[0]):
        return None
    tensor = walk.draft.concat([vector_of(walk, v, node.label) for v in views], node.label)
    walk.limits[tensor] = limit
    shown = views[0].with_axis(axis, walk.new_axis("joined", len(views), "feature"))
    return View(tensor, shown.axes, ids=views[0].ids)
