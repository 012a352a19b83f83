"""Loops that leave steps out by what the data are: refused, with a way to the same network."""

from __future__ import annotations

from onnx import GraphProto, NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of, is_standard, label_of

LOGICAL = ("Equal", "Not", "And", "Or", "Less", "Greater", "LessOrEqual", "GreaterOrEqual")
MOVED = ("Transpose", "Squeeze", "Unsqueeze", "Reshape", "Expand", "Slice", "Gather", "Identity")
BOOL = 9
"""ONNX's number of what is true or false."""


def refuse_masks(graph: Graph) -> None:
    """Raises ModelError for a Loop that reads true or false of each step."""
    for node in graph.nodes:
        if node.op_type in ("Loop", "Scan") and is_standard(node):
            body: GraphProto = attributes_of(node)["body"]
            read = [i.input[0] for i in body.node if i.op_type == "Gather"]
            read += node.input if node.op_type == "Scan" else []
            if any(_is_logical(graph, name) for name in read):
                raise ModelError(
                    label_of(node),
                    "is a recurrent layer with a mask, which leaves steps out by what the data "
                    "are; not supported in an ONNX file: save the model as .keras, where masks are",
                )


def _is_logical(graph: Graph, name: str) -> bool:
    """Whether a tensor is true or false, by the nodes that make it."""
    node: NodeProto | None = graph.producer(name)
    while node is not None and node.op_type in MOVED:
        node = graph.producer(node.input[0])
    if node is None:
        return False
    cast = node.op_type == "Cast" and int(attributes_of(node).get("to", 1)) == BOOL
    return node.op_type in LOGICAL or cast
