"""Files that are refused as a whole: the exporter wrote another network than it was given, or loops
that leave steps out by what the data are.
"""

from __future__ import annotations

from collections.abc import Mapping

from onnx import GraphProto, NodeProto, ValueInfoProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of, is_labelled, is_standard, label_of
from lstm_edge.frontend.graph.nodes import needed
from lstm_edge.frontend.model.recurrent.weights import refuse_projection

LOGICAL = ("Equal", "Not", "And", "Or", "Less", "Greater", "LessOrEqual", "GreaterOrEqual")
MOVED = ("Transpose", "Squeeze", "Unsqueeze", "Reshape", "Expand", "Slice", "Gather", "Identity")
BOOL = 9
"""ONNX's number of what is true or false."""
Source = tuple[object, ...]
"""How a tensor comes about: equal for tensors that hold the same numbers."""


def refuse_shared_states(sketch: Graph) -> None:
    """Refuse an LSTM whose h0 and c0 are one input while a second such input is left unread.

    torch's dynamo exporter writes that where one tensor was given for both when it traced.
    """
    unread = _unread(sketch)
    if not unread:
        return
    makers = {name: node for node in sketch.nodes for name in node.output if name}
    inputs = {value.name: value for value in sketch.inputs}
    for node in sketch.nodes:
        if node.op_type != "LSTM" or len(node.input) < 7 or not all(node.input[5:7]):
            continue
        if is_labelled(node):  # no exporter between: Keras' own file says so
            continue
        states = [_source(sketch, name, makers) for name in node.input[5:7]]
        root = str(states[0][-1])
        if states[0] != states[1] or root not in inputs:
            continue
        twin = next((v for v in unread if _shape(v) == _shape(inputs[root])), None)
        if twin is not None:
            raise ModelError(
                label_of(node),
                f"input {root!r} is both its initial_h and its initial_c, and input {twin.name!r} "
                "is not read at all: the exporter took h0 and c0 for one tensor; export again "
                "with two different tensors for them",
            )


def _unread(sketch: Graph) -> list[ValueInfoProto]:
    """Inputs that nothing reads that an output depends on."""
    _, read = needed(sketch.nodes, [value.name for value in sketch.outputs])
    return [value for value in sketch.inputs if value.name not in read]


def _shape(value: ValueInfoProto) -> list[int | str]:
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_param or dim.dim_value for dim in dims]


def _source(sketch: Graph, name: str, makers: Mapping[str, NodeProto]) -> Source:
    """The chain of first inputs that a tensor comes from, its origin last."""
    steps: list[object] = []
    while name in makers:
        node = makers[name]
        attributes = tuple(a.SerializeToString(deterministic=True) for a in node.attribute)
        rest = tuple(_content(sketch, other) for other in node.input[1:])
        steps.append((node.op_type, attributes, rest, list(node.output).index(name)))
        name = node.input[0] if node.input else ""
    return (*steps, name)


def _content(sketch: Graph, name: str) -> object:
    """What tells two tensors apart: numbers where they are known, else the name."""
    array = sketch.constant(name) if name else None
    return name if array is None else (array.shape, array.dtype.name, array.tobytes())


def refuse_lost_projections(sketch: Graph) -> None:
    """Refuse an LSTM of which the projection is gone: its other faults explain less."""
    for node in sketch.nodes:
        hidden = attributes_of(node).get("hidden_size")
        if node.op_type == "LSTM" and len(node.input) > 6 and isinstance(hidden, int):
            state = sketch.constants.get(node.input[6])
            if state is not None:
                refuse_projection(label_of(node), state.shape, hidden)


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
