"""What a file declares before anything of it is read: names that are text, and how much of each.

onnx and numpy take what comes, and then need minutes, or raise what nobody catches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from onnx import ModelProto, NodeProto, SparseTensorProto, ValueInfoProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.node import all_nodes, label_of
from lstm_edge.frontend.onnx.external_data import tensors_of
from lstm_edge.limits import MOST_AXES, MOST_LISTED

_EQUATION = re.compile(rb"[A-Za-z.,> -]*\Z")
"""Characters of an Einsum. For others onnx goes round for ever where it infers shapes."""


def check_declared(file: str, model: ModelProto) -> None:
    """ModelError where a name is no text, or there is more of something than any network has."""
    graph = model.graph
    for value in graph.input:
        _check_axes(f"input {value.name!r}", len(value.type.tensor_type.shape.dim))
    for tensor in tensors_of(model):
        _check_axes(f"initializer {tensor.name!r}", len(tensor.dims))
    _check_sparse(graph.sparse_initializer)
    nodes = [*all_nodes(graph.node), *(n for f in model.functions for n in all_nodes(f.node))]
    for node in nodes:
        _check_lists(node)
        for each in node.attribute:
            _check_sparse([each.sparse_tensor] if each.HasField("sparse_tensor") else [])
            _check_sparse(each.sparse_tensors)
            for body in (each.g, *each.graphs):
                _check_sparse(body.sparse_initializer)
    for name in _names(model, nodes):
        if isinstance(name, bytes):  # which protobuf gives where text is none
            raise ModelError(
                file, f"holds a name that is no UTF-8 text, {name!r:.60}; export the model again"
            )


def _check_axes(label: str, count: int) -> None:
    if count > MOST_AXES:
        raise ModelError(label, f"has {count} axes, expected {MOST_AXES} at most; reshape it")


def _check_sparse(tensors: Iterable[SparseTensorProto]) -> None:
    for tensor in tensors:
        raise ModelError(
            f"initializer {tensor.values.name!r}", "sparse weights are not supported; store dense"
        )


def _check_lists(node: NodeProto) -> None:
    if node.op_type == "Constant" and len(node.attribute) > 1:
        names = ", ".join(each.name for each in node.attribute)
        raise ModelError(label_of(node), f"has several values ({names}), expected one")
    for each in node.attribute:
        count = len(each.floats) + len(each.ints) + len(each.strings)
        if count > MOST_LISTED:
            raise ModelError(
                label_of(node),
                f"attribute {each.name} lists {count} numbers, more than the {MOST_LISTED} that "
                "are accepted; store them as an initializer",
            )
        if (node.op_type, each.name) == ("Einsum", "equation") and not _EQUATION.match(each.s):
            raise ModelError(
                label_of(node),
                f"attribute equation = {each.s!r:.60}, expected letters, commas, ... and ->",
            )


def _names(model: ModelProto, nodes: list[NodeProto]) -> Iterator[object]:
    for node in nodes:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (each.name for each in node.attribute)
    yield from (tensor.name for tensor in tensors_of(model))
    for value in (*model.graph.input, *model.graph.output):
        yield value.name
        yield from _open_axes(value)


def _open_axes(value: ValueInfoProto) -> Iterator[object]:
    return (dim.dim_param for dim in value.type.tensor_type.shape.dim)
