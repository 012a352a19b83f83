"""Lists of tensors that a file makes only to join them, as torch.hstack does, become one Concat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, helper, numpy_helper

from lstm_edge.frontend.graph.node import attributes_of, captured, is_standard

Lists = Mapping[str, NodeProto]


def join_lists(graph: GraphProto, outer: Lists | None = None) -> None:
    """Join the tensors of lists, or take one, where the file does so; in a graph and its bodies, in
    place. outer: name -> the SequenceConstruct of a list around this graph.
    """
    own = {n.output[0]: n for n in graph.node if n.op_type == "SequenceConstruct"}
    lists = {**(outer or {}), **{name: n for name, n in own.items() if is_standard(n)}}
    bodies = [a.g for n in graph.node for a in n.attribute if a.type == AttributeProto.GRAPH]
    for body in bodies:
        join_lists(body, lists)
    if not lists:
        return
    numbers = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and "value" in (given := attributes_of(node)):
            numbers[node.output[0]] = numpy_helper.to_array(given["value"])
    nodes = [_without_list(node, lists, numbers) for node in graph.node]
    read = {o.name for o in graph.output}
    read |= {name for node in nodes for name in (*node.input, *captured(node))}
    kept = [n for n in nodes if n.op_type != "SequenceConstruct" or n.output[0] in read]
    del graph.node[:]
    graph.node.extend(kept)


def _without_list(node: NodeProto, lists: Lists, numbers: Mapping[str, np.ndarray]) -> NodeProto:
    """A copy of a node; of one that joins a list along an axis that is there, its Concat; of one
    that takes a known tensor of it, that tensor.
    """
    copy = NodeProto()
    copy.CopyFrom(node)
    maker = lists.get(node.input[0]) if node.input and is_standard(node) else None
    if maker is None:
        return copy
    given = attributes_of(node)
    if node.op_type == "ConcatFromSequence" and not int(given.get("new_axis", 0)):
        axis = int(given["axis"])
        return helper.make_node("Concat", maker.input, node.output, name=node.name, axis=axis)
    if node.op_type == "SequenceAt" and node.input[1] in numbers:
        at = int(numbers[node.input[1]])
        if not -len(maker.input) <= at < len(maker.input):
            return copy
        taken = maker.input[at]
        return helper.make_node("Identity", [taken], node.output, name=node.name)
    return copy
