"""Shapes of all tensors of a graph, as far as onnx can infer them."""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TypeProto

from lstm_edge.frontend.graph.node import OPSET, OWN_DOMAIN, all_nodes
from lstm_edge.frontend.graph.tensor import tensor_value

Shape = tuple[int | str | None, ...]
"""Sizes of axes: a number, the name of an open size, or None where nothing is known."""

MAKERS = ("Range", "ConstantOfShape")
FAR = 2**20
"""Numbers of what they make."""
MOST_AXES = 8
"""Numbers of a shape, or one end of a Range."""


def shapes_of(graph: GraphProto, opset: int = OPSET) -> tuple[dict[str, Shape], dict[str, int]]:
    """Shapes and types of all tensors as far as onnx can infer them; to fail is no error."""
    for output in graph.output:  # what a file declares there need not be true
        output.type.tensor_type.ClearField("shape")
    if any(map(_splits_unlike, all_nodes(graph.node))):
        return {}, {}
    domains = [onnx.helper.make_opsetid("", opset), onnx.helper.make_opsetid(OWN_DOMAIN, 1)]
    model = onnx.helper.make_model(graph, opset_imports=domains)
    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=not _counts_far(graph)).graph
    except Exception:  # raised from C++ without a documented type: nothing is known then
        return {}, {}
    values = [*graph.value_info, *graph.input, *graph.output]
    found = ((value.name, shape_of(value.type)) for value in values)
    kinds = {value.name: value.type.tensor_type.elem_type for value in values}
    return {name: shape for name, shape in found if shape is not None}, kinds


def _splits_unlike(node: NodeProto) -> bool:
    """Whether a Split says that it has another number of outputs than it has: onnx ends the process
    in which it infers shapes then.
    """
    counts = [a.i for a in node.attribute if a.name == "num_outputs"]
    return node.op_type == "Split" and counts not in ([], [len(node.output)])


def _counts_far(graph: GraphProto) -> bool:
    """Whether one of MAKERS has more numbers than FAR: onnx makes them all while it infers
    shapes.
    """
    read = {name for n in all_nodes(graph.node) if n.op_type in MAKERS for name in n.input}
    if not read:
        return False
    ends = [
        *(tensor for tensor in graph.initializer if tensor.name in read),
        *(a.t for n in all_nodes(graph.node) if read & {*n.output} for a in n.attribute),
    ]
    sizes = [d.dim_value for i in graph.input for d in i.type.tensor_type.shape.dim]
    few = (t for t in ends if t.data_type and 1 <= math.prod(t.dims) <= MOST_AXES)
    numbers = [np.abs(tensor_value(t).astype(np.float64)).prod() for t in few]
    return bool(max([*sizes, *numbers], default=0) > FAR)


def shape_of(kind: TypeProto) -> Shape | None:
    """The sizes that a type declares."""
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims)
