"""Nodes of a body as nodes of the graph around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from onnx import AttributeProto, GraphProto, NodeProto


def inlined(
    body: GraphProto, names: Mapping[str, str], fresh: Callable[[str], str]
) -> tuple[list[NodeProto], dict[str, str]]:
    """Copies of the nodes of `body`, whose own tensors get new names by `fresh`; names: those of
    its inputs, outside. Gives the nodes, and for each tensor of the body its name outside.
    """
    own = [t.name for t in body.initializer]
    own += [name for node in body.node for name in node.output if name]
    known = {**{name: fresh(name) for name in own}, **names}
    return [_renamed(node, known) for node in body.node], known


def _renamed(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    """A copy that reads and makes other tensors, in its bodies, too."""
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.input[:] = [names.get(name, name) for name in node.input]
    copy.output[:] = [names.get(name, name) for name in node.output]
    for attribute in copy.attribute:
        if attribute.type == AttributeProto.GRAPH:
            _rename(attribute.g, names)
    return copy


def _rename(body: GraphProto, names: Mapping[str, str]) -> None:
    """Read other tensors of the graph around; what a body makes or is given is its own."""
    made = {o for node in body.node for o in node.output}
    made |= {t.name for t in (*body.initializer, *body.input)}
    outer = {old: new for old, new in names.items() if old not in made}
    nodes = [_renamed(node, outer) for node in body.node]
    del body.node[:]
    body.node.extend(nodes)
