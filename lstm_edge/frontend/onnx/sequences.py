"""Lists of tensors that a file makes only to join them, as torch.hstack does, become one Concat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import (
    AttributeProto,
    GraphProto,
    NodeProto,
    TensorProto,
    helper,
    numpy_helper,
)

from lstm_edge.frontend.graph.inline import inlined
from lstm_edge.frontend.graph.node import attributes_of, captured, is_standard

Lists = Mapping[str, Sequence[str]]


def join_lists(graph: GraphProto, outer: Lists | None = None) -> None:
    """Join the tensors of lists, take one, or do the same with each, where the file does so; in a
    graph and its bodies, in place. outer: name -> the tensors of a list around this graph.
    """
    lists: dict[str, Sequence[str]] = dict(outer or {})
    numbers = {t.name: numpy_helper.to_array(t) for t in graph.initializer if _counts(t)}
    nodes: list[NodeProto] = []
    for node in graph.node:
        given = attributes_of(node) if node.op_type == "Constant" else {}
        if "value" in given and _counts(given["value"]):
            numbers[node.output[0]] = numpy_helper.to_array(given["value"])
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                join_lists(attribute.g, lists)
        if node.op_type == "SequenceConstruct" and is_standard(node):
            lists[node.output[0]] = list(node.input)
        nodes += _without_lists(graph, node, lists, numbers)
    read = {o.name for o in graph.output}
    read |= {name for node in nodes for name in (*node.input, *captured(node))}
    kept = [n for n in nodes if n.op_type != "SequenceConstruct" or n.output[0] in read]
    copies = [NodeProto() for _ in kept]
    for copy, node in zip(copies, kept, strict=True):
        copy.CopyFrom(node)
    del graph.node[:]
    graph.node.extend(copies)


def _counts(tensor: TensorProto) -> bool:
    """Whether a constant may be the number of a tensor in a list."""
    return tensor.data_type in (TensorProto.INT32, TensorProto.INT64)


def _without_lists(
    graph: GraphProto,
    node: NodeProto,
    lists: dict[str, Sequence[str]],
    numbers: Mapping[str, np.ndarray],
) -> list[NodeProto]:
    """A node as it is; for one that joins a list along an axis that is there, its Concat; for one
    that takes a known tensor of it, that tensor; for one that does something with each tensor, that
    for each.
    """
    tensors = lists.get(node.input[0]) if node.input and is_standard(node) else None
    if tensors is None:
        return [node]
    given = attributes_of(node)
    if node.op_type == "ConcatFromSequence" and not int(given.get("new_axis", 0)):
        axis = int(given["axis"])
        return [helper.make_node("Concat", tensors, node.output, name=node.name, axis=axis)]
    if node.op_type == "SequenceAt" and node.input[1] in numbers:
        at = int(numbers[node.input[1]])
        if -len(tensors) <= at < len(tensors):
            return [helper.make_node("Identity", [tensors[at]], node.output, name=node.name)]
    if node.op_type == "SequenceMap" and not given["body"].initializer:
        return _of_each(node, given["body"], lists)
    return [node]


def _of_each(node: NodeProto, body: GraphProto, lists: dict[str, Sequence[str]]) -> list[NodeProto]:
    """The nodes of a SequenceMap's body for each tensor of its lists."""
    count = len(lists[node.input[0]])
    made: list[NodeProto] = []
    results: list[list[str]] = [[] for _ in node.output]
    for k in range(count):
        given = [lists[name][k] if name in lists else name for name in node.input]
        names = dict(zip((i.name for i in body.input), given, strict=True))
        nodes, known = inlined(body, names, f"{node.output[0]}.{k}.{{}}".format)
        made += nodes
        for result, output in zip(results, body.output, strict=True):
            result.append(known.get(output.name, output.name))
    lists.update(zip(node.output, results, strict=True))
    for result, output in zip(results, node.output, strict=True):
        made.append(helper.make_node("SequenceConstruct", result, [output]))
    return made
