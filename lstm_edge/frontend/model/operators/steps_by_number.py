"""A step that an input says: the last one that counts, of sequences of different lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.frontend.model.axes import View, describe, size_of
from lstm_edge.frontend.model.operators.features import usual_role
from lstm_edge.frontend.model.operators.join import axis_of
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.recurrent.lengths import ANY_LENGTH
from lstm_edge.frontend.model.walk import Foreign, OnnxNode, Value, Walk
from lstm_edge.layers.over_time import up_to


def gather_elements(walk: Walk, node: OnnxNode) -> list[Value]:
    """The vector of step length - 1, which is repeated for each of its numbers."""
    view, given = node.view(0), node.inputs[1]
    index = given.counts if isinstance(given, Foreign) else given
    axis = axis_of(node, len(view.axes))
    steps = usual_role(walk, view, axis) == "time"
    if not steps or not isinstance(index, View) or index.ids is None:
        raise node.error(
            f"takes elements of {describe(view.axes)} along axis {axis} by computed indices; only "
            "the step of a sequence that an integer input says, its length - 1, can be taken"
        )
    return [step_before(walk, node, settled(walk, view), axis, index)]


def step_before(walk: Walk, node: OnnxNode, view: View, axis: int, index: View) -> View:
    """The step `index` of the time axis, which gets one step: the one before an input's length."""
    assert index.ids is not None
    for atom in walk.pieces(index.atoms):
        walk.assign(node, (atom,), "batch")
    time = view.axes[axis]
    longest = None if any(atom.open for atom in time) else size_of(time)
    lengths = np.arange(1, 1024 if longest is None else longest + 1, dtype=np.int64)
    if walk.draft.producer(index.tensor) is not None or not np.array_equal(
        index.ids(lengths), lengths - 1
    ):
        raise node.error(
            "takes the step whose number an input says; only the one before it can be taken: make "
            "the input the length of the sequence, and the index length - 1"
        )
    limit = ANY_LENGTH if longest is None else longest + 1
    walk.limits[index.tensor] = min(limit, walk.limits.get(index.tensor, limit))
    walk.warnings.append(
        f"{node.label} takes the step before {index.tensor!r}, which has to be 1 at least: of 0 "
        "the C makes zeros, and the file takes another step"
    )
    draft, more = walk.draft, {"length": index.tensor}
    held = [
        draft.layer("up_to", up_to(), part, None, {}, node.label, more=more)["y"]
        for part in draft.parts(view.tensor)
    ]
    last = draft.last_step(draft.concat(held, node.label), node.label)
    return replace(view.with_axis(axis, ()), tensor=last)
