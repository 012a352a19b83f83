"""Concat, and what takes its parts again: h_n[-1] of a stack, where h_n joins all layers."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.axes import Atom, View, describe
from lstm_edge.frontend.onnx_walk import Joined, OnnxNode, Value, Walk


def concat(walk: Walk, node: OnnxNode) -> list[Value]:
    """Tensors of the same shape, joined along an axis on which each has size 1."""
    if len(node.inputs) == 1:
        return [node.view(0)]
    parts = tuple(node.view(k) for k in range(len(node.inputs)))
    rank = len(parts[0].axes)
    axis = int(node.attributes.get("axis", 0))
    if not -rank <= axis < rank or any(len(part.axes) != rank for part in parts):
        raise ModelError(node.label, f"attribute axis = {axis} does not fit {rank} axes")
    axis %= rank
    for part in parts:
        if part.axes[axis] or part.shape != parts[0].shape:
            raise ModelError(
                node.label,
                f"joins {' and '.join(describe(p.axes) for p in parts[:4])} along axis {axis}; "
                "only the states of several layers can be joined yet",
            )
    return [Joined(parts, axis, node.label)]


def split(walk: Walk, node: OnnxNode) -> list[Value]:
    """The parts of a Concat, or all of a tensor."""
    source = node.inputs[0]
    if len(node.outputs) == 1:
        return [source if isinstance(source, Joined) else node.view(0)]
    if not isinstance(source, Joined):
        raise ModelError(
            node.label,
            f"Split of data into {len(node.outputs)} parts is not supported yet; if it comes from "
            "a loop over cells, export nn.LSTM instead",
        )
    rank = len(source.parts[0].axes)
    if node.attributes.get("axis", 0) % rank != source.axis:
        raise source.refused(node.label)
    if len(node.outputs) != len(source.parts):
        raise source.refused(node.label)
    return list(source.parts)


def pick(node: OnnxNode, source: Joined, axis: int, wanted: list[int], keep: bool) -> Value:
    """Parts `wanted` of a Concat, as Gather and Slice ask for them; one where not `keep`."""
    rank = len(source.parts[0].axes)
    if axis % rank != source.axis or not wanted:
        raise source.refused(node.label)
    parts = tuple(source.parts[k] for k in wanted)
    if len(parts) > 1:
        return replace(source, parts=parts)
    return parts[0] if keep else _without(parts[0], source.axis)


def _without(view: View, axis: int) -> View:
    return replace(view, axes=view.axes[:axis] + view.axes[axis + 1 :])


def joined_states(walk: Walk, source: Joined, label: str) -> View:
    """The last states of several layers as one vector, with an axis that counts the layers."""
    last = []
    for part in source.parts:
        atoms = [p for axis in part.axes for a in axis for p in walk.parts(a)]
        before = [p for axis in part.axes[: source.axis] for a in axis for p in walk.parts(a)]
        roles = {walk.roles.get(p) for p in atoms}
        inside = any(walk.roles.get(p) == "feature" for p in before)
        if "time" in roles or inside or part.scale is not None or part.offset is not None:
            raise source.refused(label)
        follows = walk.draft.roots[part.tensor] is not None
        last.append(walk.draft.last_step(part.tensor, label) if follows else part.tensor)
    tensor = walk.draft.concat(last, source.label)
    atom = Atom(f"layers of {tensor}", len(last))
    walk.roles[atom] = "layer"
    axes = source.parts[0].axes
    return View(tensor, (*axes[: source.axis], (atom,), *axes[source.axis + 1 :]))
