"""ArgMax: which feature of a vector is the largest, or which step of a sequence."""

from __future__ import annotations

from onnx import TensorProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import View, describe, size_of
from lstm_edge.frontend.model.operators.features import grid_of, require_features, usual_role
from lstm_edge.frontend.model.operators.ids import integers
from lstm_edge.frontend.model.operators.join import axis_of
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.steps import MOST_LAST, all_steps
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.layers.activation import argmax_layer


def argmax(walk: Walk, node: OnnxNode) -> list[Value]:
    """ArgMax over the features, or the steps of a feature; the first of several equal ones."""
    view = settled(walk, node.view(0))
    if node.attributes.get("select_last_index", 0):
        raise ModelError(
            node.label, "attribute select_last_index = 1 is not supported; export it with 0"
        )
    axis = axis_of(node, len(view.axes))
    count = view.shape[axis]
    if usual_role(walk, view, axis) == "time":
        view = _steps_as_features(walk, node, view, axis)
    require_features(walk, node, view, view.axes[axis])
    tensor = walk.draft.layer("argmax", argmax_layer(), view.tensor, 1, {}, node.label)["y"]
    walk.limits[tensor] = count
    kept = ((),) if node.attributes.get("keepdims", 1) else ()
    axes = (*view.axes[:axis], *kept, *view.axes[axis + 1 :])
    return [View(tensor, axes, ids=integers(TensorProto.INT64))]


def _steps_as_features(walk: Walk, node: OnnxNode, view: View, axis: int) -> View:
    """A sequence of one feature as the vector of its numbers."""
    found = None
    if (walk.draft.size(view.tensor) or size_of(grid_of(walk, view))) == 1:
        found = all_steps(walk, view, axis, node.label)
    if found is None:
        raise ModelError(
            node.label,
            f"seeks the step with the largest number in {describe(view.axes)}; supported is a "
            f"sequence of one feature and {MOST_LAST} steps at most, of a known length (--steps); "
            "else make the numbers an output, and take the largest where they arrive",
        )
    return found
