"""Vectors that are repeated at each step, read where they are instead."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.ir.model import Layer, Model, Node, Work, is_a
from lstm_edge.models.prune import prune


def read_at_once(model: Model) -> Model:
    """The model where layers read a vector itself in place of its copy at each step: nothing is
    copied then. A layer that reads nothing else goes through as many steps as the copy.
    """
    copied = {
        node.outputs["y"]: node
        for node in model.nodes
        if is_a(node, Layer) and node.op.cell.name == "at_each_step" and node.op.over is not None
    }
    if not copied:
        return model
    return prune(replace(model, nodes=tuple(_read(model, node, copied) for node in model.nodes)))


def _read(model: Model, node: Node[Work], copied: dict[str, Node[Layer]]) -> Node[Work]:
    if not is_a(node, Layer) or node.op.window is not None:
        return node
    found = [copied[t] for t in node.reads if t in copied]
    if not found or _windowed(node):
        return node
    made = node.on({each.outputs["y"]: each.inputs["x"] for each in found})
    if any(model.tensors[t].per_step for t in made.reads):
        return made
    return replace(made, op=replace(node.op, over=found[0].op.over))


def _windowed(node: Node[Layer]) -> bool:
    """Whether a layer counts the steps of what it reads."""
    return node.op.cell.windowed
