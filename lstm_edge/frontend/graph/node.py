"""What is asked of a single node: its label, its attributes, what its bodies read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import onnx
from onnx import NodeProto

from lstm_edge.errors import ModelError

OPSET = onnx.defs.onnx_opset_version()
"""What nodes are in the form of once a file is read: the newest that the installed onnx knows."""

OWN_DOMAIN = "lstm_edge"
"""Of nodes that rewrites put in and ONNX has not."""
LABELLED = ("layer '", "output '")
"""How names begin that are labels: those of layers of Keras, of which nodes were made."""


def is_labelled(node: NodeProto) -> bool:
    """Whether the name of a node is its label: it was made of a layer of Keras."""
    return bool(node.name.startswith(LABELLED))


def label_of(node: NodeProto) -> str:
    """How messages name a node: by its name, else by its first output."""
    if is_labelled(node):
        return str(node.name)
    if node.name:
        return f"{node.op_type} {node.name!r}"
    output = next((name for name in node.output if name), "")
    return f"{node.op_type} of {output!r}"


def attributes_of(node: NodeProto) -> dict[str, Any]:
    """Attributes as Python values, strings decoded. Raises ModelError for damaged ones."""
    try:
        values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        return {name: _decoded(value) for name, value in values.items()}
    except (ValueError, UnicodeDecodeError) as error:
        raise ModelError(label_of(node), "has a damaged attribute; export it again") from error


def _decoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [item.decode() for item in value]
    return value


def all_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Nodes and those of their bodies."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from all_nodes(attribute.g.node)
            for graph in attribute.graphs:
                yield from all_nodes(graph.node)


def is_standard(node: NodeProto) -> bool:
    """True for operators of ONNX itself."""
    return node.domain in ("", "ai.onnx")


def captured(node: NodeProto) -> set[str]:
    """Names that the bodies of a Loop, Scan or If may read from outside."""
    return {
        name
        for attribute in node.attribute
        if attribute.type == onnx.AttributeProto.GRAPH
        for inner in attribute.g.node
        for name in (*inner.input, *captured(inner))
    }
