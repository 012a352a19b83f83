"""Shapes of all tensors of a graph, as far as onnx can infer them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TypeProto

from lstm_edge.frontend.graph.node import OPSET, OWN_DOMAIN, all_nodes
from lstm_edge.frontend.graph.tensor import tensor_value

Shape = tuple[int | str | None, ...]
"""Sizes of axes: a number, the name of an open size, or None where nothing is known."""

MAKERS = {
    "ConstantOfShape": (0, 1),
    "Expand": (1, 2),
    "OneHot": (1, 2),
    "Pad": (1, 2),
    "Range": (0, 3),
    "Resize": (2, 4),
    "Tile": (1, 2),
}
"""Operators that make as many numbers as some of their inputs tell, and which."""
FAR = 2**20
"""Numbers of what they make: onnx keeps what it may know of each number, which takes 140 bytes."""
MOST_AXES = 8
"""Numbers of a shape, or one end of a Range."""


def shapes_of(
    graph: GraphProto, opset: int = OPSET, *, numbers: bool = True
) -> tuple[dict[str, Shape], dict[str, int]]:
    """Shapes and types of all tensors as far as onnx can infer them; to fail is no error. numbers:
    whether it follows the numbers that tell shapes.
    """
    for output in graph.output:  # what a file declares there need not be true
        output.type.tensor_type.ClearField("shape")
    if any(map(_splits_unlike, all_nodes(graph.node))):
        return {}, {}
    _tell_sizes_of_states(graph)
    domains = [onnx.helper.make_opsetid("", opset), onnx.helper.make_opsetid(OWN_DOMAIN, 1)]
    model = onnx.helper.make_model(graph, opset_imports=domains)
    try:
        graph = onnx.shape_inference.infer_shapes(
            model, data_prop=numbers and not _counts_far(graph)
        ).graph
    except Exception:  # raised from C++ without a documented type: nothing is known then
        return {}, {}
    values = [*graph.value_info, *graph.input, *graph.output]
    found = ((value.name, shape_of(value.type)) for value in values)
    kinds = {value.name: value.type.tensor_type.elem_type for value in values}
    return {name: shape for name, shape in found if shape is not None}, kinds


def _tell_sizes_of_states(graph: GraphProto) -> None:
    """Give recurrent nodes the hidden_size that their R has where they do not say it, which they
    need not: onnx infers no size of their results then.
    """
    arrays = {t.name: t.dims for inner in _graphs(graph) for t in inner.initializer}
    for node in all_nodes(graph.node):
        if node.op_type not in ("LSTM", "GRU", "RNN") or len(node.input) < 3:
            continue
        known = any(a.name == "hidden_size" for a in node.attribute)
        dims = arrays.get(node.input[2], ())
        if not known and dims:
            node.attribute.append(onnx.helper.make_attribute("hidden_size", dims[-1]))


def _splits_unlike(node: NodeProto) -> bool:
    """Whether a Split says that it has another number of outputs than it has: onnx ends the process
    in which it infers shapes then.
    """
    counts = [a.i for a in node.attribute if a.name == "num_outputs"]
    return node.op_type == "Split" and counts not in ([], [len(node.output)])


def _counts_far(graph: GraphProto) -> bool:
    """Whether one of MAKERS is told more numbers than FAR by constants, in bodies, too."""
    read = {name for n in all_nodes(graph.node) for name in sizes_of(n)}
    if not read:
        return False
    ends = [
        *(t for inner in _graphs(graph) for t in inner.initializer if t.name in read),
        *(a.t for n in all_nodes(graph.node) if read & {*n.output} for a in n.attribute),
    ]
    sizes = [d.dim_value for i in graph.input for d in i.type.tensor_type.shape.dim]
    few = (t for t in ends if t.data_type and 1 <= math.prod(t.dims) <= MOST_AXES)
    numbers = [np.abs(tensor_value(t).astype(np.float64)).prod() for t in few]
    return bool(max([*sizes, *numbers], default=0) > FAR)


def sizes_of(node: NodeProto) -> list[str]:
    """The inputs of one of MAKERS that tell how many numbers it makes."""
    if node.op_type not in MAKERS:
        return []
    first, end = MAKERS[node.op_type]
    return [name for name in node.input[first:end] if name]


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """A graph and all bodies in it."""
    yield graph
    for node in all_nodes(graph.node):
        yield from (a.g for a in node.attribute if a.HasField("g"))


def shape_of(kind: TypeProto) -> Shape | None:
    """The sizes that a type declares."""
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims)
