"""Shapes of all tensors of a graph, as far as onnx can infer them."""

from __future__ import annotations

import onnx
from onnx import GraphProto, TypeProto

from lstm_edge.frontend.graph.node import OPSET, OWN_DOMAIN

Shape = tuple[int | str | None, ...]
"""Sizes of axes: a number, the name of an open size, or None where nothing is known."""


def shapes_of(graph: GraphProto, opset: int = OPSET) -> tuple[dict[str, Shape], dict[str, int]]:
    """Shapes and types of all tensors as far as onnx can infer them; to fail is no error."""
    for output in graph.output:  # what a file declares there need not be true
        output.type.tensor_type.ClearField("shape")
    domains = [onnx.helper.make_opsetid("", opset), onnx.helper.make_opsetid(OWN_DOMAIN, 1)]
    model = onnx.helper.make_model(graph, opset_imports=domains)
    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # raised from C++ without a documented type: nothing is known then
        return {}, {}
    values = [*graph.value_info, *graph.input, *graph.output]
    found = ((value.name, shape_of(value.type)) for value in values)
    kinds = {value.name: value.type.tensor_type.elem_type for value in values}
    return {name: shape for name, shape in found if shape is not None}, kinds


def shape_of(kind: TypeProto) -> Shape | None:
    """The sizes that a type declares."""
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims)
