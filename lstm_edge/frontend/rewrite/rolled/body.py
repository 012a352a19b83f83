"""The body of a Loop: what stays the same, what counts, what is a state, what is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, numpy_helper

from lstm_edge.frontend.graph.graph import Array, Graph
from lstm_edge.frontend.graph.node import captured
from lstm_edge.frontend.graph.shapes import shapes_of
from lstm_edge.frontend.graph.tensor import tensor_value


@dataclass(frozen=True)
class Slot:
    """A state: its names in the body before and after a step, and outside before and after all."""

    before: str
    after: str
    initial: str
    result: str


@dataclass(frozen=True)
class Body:
    """scope: the nodes, with what stays the same called by its name outside. counts: numbers that
    go up by 1, with their first values. scans: (name in the body, output of the Loop). same:
    (name outside, output of the Loop).
    """

    scope: Graph
    counts: Mapping[str, Array]
    states: tuple[Slot, ...]
    scans: tuple[tuple[str, str], ...]
    same: tuple[tuple[str, str], ...]


def body_of(outer: Graph, loop: NodeProto) -> Body | None:
    """The body of a Loop; None where it is not one that can be understood here."""
    graph = next((a.g for a in loop.attribute if a.name == "body"), None)
    if graph is None or any(captured(node) for node in graph.node):
        return None
    if len(graph.input) != len(loop.input) or len(graph.output) != len(loop.output) + 1:
        return None
    slots = _slots(loop, graph)
    plain = Graph(graph.node, [], [], _stored(graph), outer=outer, inferred=({}, {}))
    same = {s.before: s.initial for s in slots if plain.strip(s.after) == s.before}
    nodes = tuple(_renamed(node, same) for node in graph.node)
    names = tuple(i.name for i in graph.input if i.name not in same)
    scope = _scope(outer, graph, nodes, names)
    changing = [s for s in slots if s.before not in same]
    counts = {s.before: _start(outer, scope, s) for s in changing}
    known = {name: start for name, start in counts.items() if start is not None}
    scans = graph.output[1 + len(slots) :]
    return Body(
        scope,
        known | {graph.input[0].name: np.array(0, np.int64)},
        tuple(s for s in changing if s.before not in known),
        tuple(zip((s.name for s in scans), loop.output[len(slots) :], strict=True)),
        tuple((s.initial, s.result) for s in slots if s.before in same),
    )


def _slots(loop: NodeProto, graph: GraphProto) -> list[Slot]:
    count = len(loop.input) - 2
    results = [*loop.output, *[""] * count][:count]
    columns = (graph.input[2:], graph.output[1 : 1 + count], loop.input[2:], results)
    return [Slot(i.name, o.name, start, end) for i, o, start, end in zip(*columns, strict=True)]


def _stored(graph: GraphProto) -> dict[str, Array]:
    return {t.name: tensor_value(t) for t in graph.initializer}


def _renamed(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.input[:] = [names.get(name, name) for name in node.input]
    return copy


def _start(outer: Graph, scope: Graph, slot: Slot) -> Array | None:
    """The first value of a number to which the body adds 1."""
    start = outer.constant(slot.initial)
    node = scope.maker(scope.strip(slot.after), "Add")
    if start is None or node is None or start.size != 1 or start.dtype.kind not in "iu":
        return None
    names = [scope.strip(name) for name in node.input]
    if slot.before not in names:
        return None
    other = names[1 - names.index(slot.before)]
    return start.reshape(()) if scope.scalar(other) == 1.0 else None


def _scope(
    outer: Graph, graph: GraphProto, nodes: tuple[NodeProto, ...], inputs: tuple[str, ...]
) -> Graph:
    """A scope with the shapes that follow from those outside."""
    made = {name for node in nodes for name in node.output}
    read = dict.fromkeys(name for node in nodes for name in node.input if name)
    stored = _stored(graph)
    known = made | set(inputs) | set(stored)
    alone = GraphProto()
    alone.CopyFrom(graph)
    del alone.node[:]
    alone.node.extend(nodes)
    kept = [i for i in graph.input if i.name in inputs]
    del alone.input[:]
    alone.input.extend(kept)
    for name in read:
        if name in known:
            continue
        array, shape = outer.constant(name), outer.shape(name)
        if array is not None:
            alone.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        elif shape is not None:
            kind = outer.kinds.get(name, onnx.TensorProto.FLOAT)
            alone.input.append(onnx.helper.make_tensor_value_info(name, kind, list(shape)))
    final, inferred = graph.output[0].name, shapes_of(alone)
    outputs = list(graph.output)
    return Graph(nodes, kept, outputs, stored, outer=outer, final=final, inferred=inferred)
