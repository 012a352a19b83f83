"""Embeddings of their own for layers that run backward."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.ir.model import Layer, Model, Node, Work, is_a
from lstm_edge.layers.embedding import is_embedding


def look_up_again(model: Model) -> Model:
    """The model where what runs backward reads embeddings that do, too: to look a vector up again
    takes less than to keep those of all steps. What nobody reads any more stays, see `prune`.
    """
    inputs = {port.tensor for port in model.inputs}
    makers = {tensor: node for node in model.nodes for tensor in node.makes}
    again: dict[str, str] = {}
    tensors = dict(model.tensors)
    nodes: list[Node[Work]] = []
    for node in model.nodes:
        if not is_a(node, Layer) or not node.op.reverse:
            nodes.append(node)
            continue
        for tensor in node.reads:
            source = makers.get(tensor)
            if tensor in again or not is_embedding(source) or not inputs.issuperset(source.reads):
                continue
            again[tensor] = name = f"{tensor}_backward"
            tensors[name] = replace(tensors[tensor], name=name)
            backward = replace(source.op, reverse=True)
            called = f"{source.name}_backward"
            nodes.append(replace(source, name=called, op=backward, outputs={"y": name}))
        nodes.append(node.on(again))
    return replace(model, nodes=tuple(nodes), tensors=tensors)
