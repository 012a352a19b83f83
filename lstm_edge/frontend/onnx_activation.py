"""Relu, Tanh, Sigmoid, Softmax, LogSoftmax as layers of their own."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.axes import View, describe
from lstm_edge.frontend.onnx_walk import OnnxNode, Value, Walk
from lstm_edge.ir.expr import Cell
from lstm_edge.layers.activation import activation, log_softmax_layer, softmax_layer


def elementwise(walk: Walk, node: OnnxNode) -> list[Value]:
    """One of the functions that act on each number alone, whatever the axes."""
    function = node.op.lower()
    return [_layer(walk, node, node.view(0), function, activation(function))]


def softmax(walk: Walk, node: OnnxNode) -> list[Value]:
    """Softmax or LogSoftmax over the features.

    Before opset 13 it runs over all axes from `axis` on together, later over `axis` alone.
    """
    view = node.view(0)
    rank = len(view.axes)
    axis = int(node.attributes.get("axis", 1 if node.opset < 13 else -1))
    if not -rank <= axis < rank:
        raise ModelError(node.label, f"attribute axis = {axis} does not fit {rank} axes")
    first = axis % rank
    last = rank if node.opset < 13 else first + 1
    over = tuple(atom for one in view.axes[first:last] for atom in one)
    features = walk.draft.size(view.tensor)
    if len(over) > 1 or (not over and features != 1):
        raise ModelError(
            node.label,
            f"attribute axis = {axis}: runs over {[a.size for a in over]} of "
            f"{describe(view.axes)}; only the features alone are supported",
        )
    walk.assign(node, over, "feature")
    if node.op == "Softmax":
        return [_layer(walk, node, view, "softmax", softmax_layer())]
    return [_layer(walk, node, view, "log_softmax", log_softmax_layer())]


def _layer(walk: Walk, node: OnnxNode, view: View, kind: str, cell: Cell) -> View:
    settled(view, node.label)
    tensor = walk.draft.layer(kind, cell, view.tensor, None, {}, node.label)["y"]
    return replace(view, tensor=tensor)


def settled(view: View, reader: str) -> View:
    """`view`, unless it waits for weights to fold an addition or a product into."""
    if view.pending:
        raise ModelError(
            view.pending,
            f"arithmetic with a constant right before {reader} is not supported yet; it is where "
            "a dense or recurrent layer comes directly before or after it",
        )
    return view
