"""Choices that are settled before the model runs: Where by a condition that is known, one way.

Keras writes one behind each step of a layer of a cell of one's own: is this the first step?
"""

from __future__ import annotations

from onnx import helper

from lstm_edge.frontend.graph.graph import Graph


def settled(sketch: Graph) -> None:
    """What is chosen everywhere, in place of the choice."""
    for node in [n for n in sketch.nodes if n.op_type == "Where"]:
        condition = sketch.constant(node.input[0])
        if condition is None or not condition.size or condition.any() != condition.all():
            continue
        chosen = node.input[1 if condition.all() else 2]
        if sketch.shape(chosen) == sketch.shape(node.output[0]) is not None:
            sketch.replace([node], [helper.make_node("Identity", [chosen], node.output)])
