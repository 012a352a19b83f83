"""Graphs in half or double precision: the same network in float32, which keeps what it is given.

Every float16 and bfloat16 number is a float32 number as well. A double is rounded once; graphs
whose data are float32 keep doubles where they compute shapes with them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.amounts import SHAPE_ONLY
from lstm_edge.frontend.graph.graph import Array, Graph
from lstm_edge.frontend.graph.node import attributes_of
from lstm_edge.frontend.graph.tensor import tensor_value

HALVES = frozenset((TensorProto.FLOAT16, TensorProto.BFLOAT16))
FLOATS = HALVES | {TensorProto.FLOAT, TensorProto.DOUBLE}

_KIND_ATTRIBUTES = frozenset(("to", "dtype", "output_dtype"))
"""Attributes that name a type of numbers."""

_KINDS = {
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "float64": TensorProto.DOUBLE,
}
"""Types of numbers by numpy's names."""

Kinds = frozenset[int]


def read_halves(sketch: Graph) -> None:
    """Make float32 of every other kind of float that data have.

    Raises ModelError for numbers that float32 cannot hold.
    """
    kinds = HALVES | ({TensorProto.DOUBLE} if _computes_in_double(sketch) else frozenset())
    if not _has(sketch, kinds):
        return
    _fold_constants(sketch)
    for name, array in sketch.constants.items():
        sketch.constants[name] = _single(name, array, kinds)
    sketch.nodes = [_node(node, kinds) for node in sketch.nodes]
    sketch.inputs = [_value(value, kinds) for value in sketch.inputs]
    sketch.outputs = [_value(value, kinds) for value in sketch.outputs]


def _computes_in_double(sketch: Graph) -> bool:
    """True where some tensor that depends on the numbers of an input is double."""
    data = set()
    for value in sketch.inputs:
        kind = value.type.tensor_type.elem_type
        if kind == TensorProto.DOUBLE:
            return True
        if kind in FLOATS:
            data.add(value.name)
    for node in sketch.nodes:
        if node.op_type in SHAPE_ONLY or data.isdisjoint(node.input):
            continue
        if node.op_type == "Cast" and attributes_of(node).get("to") == TensorProto.DOUBLE:
            return True
        data.update(name for name in node.output if name)
    return False


def _has(sketch: Graph, kinds: Kinds) -> bool:
    declared = {v.type.tensor_type.elem_type for v in (*sketch.inputs, *sketch.outputs)}
    if not kinds.isdisjoint(declared) or _in_nodes(sketch.nodes, kinds):
        return True
    return any(_kind(array) in kinds for array in sketch.constants.values())


def _in_nodes(nodes: Iterable[NodeProto], kinds: Kinds) -> bool:
    return any(_in_attribute(a, kinds) for node in nodes for a in node.attribute)


def _in_attribute(a: AttributeProto, kinds: Kinds) -> bool:
    if a.type == AttributeProto.GRAPH:
        stored = any(t.data_type in kinds for t in a.g.initializer)
        return stored or _in_nodes(a.g.node, kinds)
    if a.type == AttributeProto.TENSOR:
        return a.t.data_type in kinds
    return a.type == AttributeProto.INT and a.name in _KIND_ATTRIBUTES and a.i in kinds


def _kind(array: Array) -> int:
    return _KINDS.get(array.dtype.name, TensorProto.UNDEFINED)


def _fold_constants(sketch: Graph) -> None:
    """Compute in the given precision what depends on constants only: a Cast to half rounds."""
    varying = sketch.varying()
    kept = []
    for node in sketch.nodes:
        if varying.isdisjoint(node.output):
            made = sketch.constant(next(name for name in node.output if name))
            kept += [node] if made is None else []
        else:
            kept.append(node)
    sketch.nodes = kept


def _single(name: str, array: Array, kinds: Kinds) -> Array:
    if _kind(array) not in kinds:
        return array
    with np.errstate(over="ignore"):
        result = array.astype(np.float32)
    if array.dtype == np.float64 and np.isfinite(array).all() and not np.isfinite(result).all():
        raise ModelError(
            f"initializer {name!r}", "holds numbers that float32 cannot hold; export in float32"
        )
    return result


def _node(node: NodeProto, kinds: Kinds) -> NodeProto:
    if not _in_nodes([node], kinds):
        return node
    copy = NodeProto()
    copy.CopyFrom(node)
    for a in copy.attribute:
        if a.type == AttributeProto.GRAPH:
            _body(a.g, kinds)
        elif a.type == AttributeProto.TENSOR:
            a.t.CopyFrom(_tensor(a.t, kinds))
        elif _in_attribute(a, kinds):
            a.i = TensorProto.FLOAT
    return copy


def _tensor(tensor: TensorProto, kinds: Kinds) -> TensorProto:
    if tensor.data_type not in kinds:
        return tensor
    array = _single(tensor.name, tensor_value(tensor), kinds)
    return numpy_helper.from_array(array, tensor.name)


def _body(graph: GraphProto, kinds: Kinds) -> None:
    """The body of a Loop, Scan or If, changed in place: it belongs to a copy."""
    stored = [_tensor(t, kinds) for t in graph.initializer]
    nodes = [_node(n, kinds) for n in graph.node]
    ports = [[_value(v, kinds) for v in values] for values in (graph.input, graph.output)]
    for field in ("initializer", "node", "input", "output", "value_info"):
        graph.ClearField(field)
    graph.initializer.extend(stored)
    graph.node.extend(nodes)
    graph.input.extend(ports[0])
    graph.output.extend(ports[1])


def _value(value: ValueInfoProto, kinds: Kinds) -> ValueInfoProto:
    if value.type.tensor_type.elem_type not in kinds:
        return value
    copy = ValueInfoProto()
    copy.CopyFrom(value)
    copy.type.tensor_type.elem_type = TensorProto.FLOAT
    return copy
