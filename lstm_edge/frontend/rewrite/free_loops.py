"""Loops that read no sequence, as decoders that are fed their own output, written out step by step.

Loop(count, true, states) whose body does not ask which step it is
Scan(states, constants)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, NodeProto, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.inline import inlined
from lstm_edge.frontend.graph.node import attributes_of, captured
from lstm_edge.frontend.graph.tensor import tensor_value

MOST_STEPS = 64
"""Steps of such a loop, each of which is code of its own."""
Fed = list[list[str]]
"""Of each step what its body is given behind the states."""


def free_loops(sketch: Graph) -> None:
    """Put the steps of each such loop in its place."""
    known: list[NodeProto] = []
    while waiting := [n for n in sketch.nodes if n.op_type in ("Loop", "Scan") and n not in known]:
        known += waiting
        _written_out(sketch, [n for n in waiting if not n.domain])


def _written_out(sketch: Graph, waiting: Sequence[NodeProto]) -> None:
    """Put the steps of those of these loops that read no sequence in their place."""
    scope = sketch.snapshot() if waiting else sketch
    for node in waiting:
        body: GraphProto = attributes_of(node)["body"]
        if node.op_type == "Loop":
            steps, states, inputs = _trips(scope, node, body), list(node.input[2:]), body.input[2:]
            outputs = body.output[1:]
            fed: Fed = [[] for _ in range(min(steps, MOST_STEPS))]
        else:
            fed = _constants(sketch, scope, node)
            steps, states = (
                len(fed),
                list(node.input[: len(node.input) - len(fed[0])] if fed else []),
            )
            inputs, outputs = body.input, body.output
        if 0 < steps <= MOST_STEPS and states:
            names = [value.name for value in inputs]
            _write_out(sketch, node, (body, names, [o.name for o in outputs]), states, fed)


def _trips(scope: Graph, node: NodeProto, body: GraphProto) -> int:
    """How often a Loop runs whose body reads neither its number nor its condition; else 0."""
    count = scope.constant(node.input[0]) if node.input[0] else None
    going = scope.constant(node.input[1]) if node.input[1] else np.array(True)
    number, condition = (value.name for value in body.input[:2])
    read = {name for each in body.node for name in (*each.input, *captured(each))}
    last = next((n for n in body.node if body.output[0].name in n.output), None)
    known = {t.name: tensor_value(t) for t in body.initializer}
    same = body.output[0].name == condition or (
        last is not None and last.op_type == "Identity" and last.input[0] == condition
    )
    if last is not None and last.op_type == "Constant":
        same = bool(tensor_value(attributes_of(last)["value"]).all())
    if body.output[0].name in known:
        same = bool(known[body.output[0].name].all())
    readers = [n for n in body.node if condition in n.input and n is not last]
    fits = same and not readers and number not in read
    fits = fits and going is not None and going.size == 1 and bool(going.all())
    whole = count is not None and count.dtype.kind == "i" and count.size == 1
    return int(np.reshape(count, -1)[0]) if fits and whole and count is not None else 0


def _constants(sketch: Graph, scope: Graph, node: NodeProto) -> Fed:
    """What a Scan over constants gives its body at each step; nothing for any other."""
    given = attributes_of(node)
    count = int(given["num_scan_inputs"])
    orders = (*given.get("scan_input_directions", []), *given.get("scan_output_directions", []))
    arrays: list[npt.NDArray[Any]] = []
    for name in node.input[len(node.input) - count :]:
        array = scope.constant(name)
        arrays += [array] if array is not None and array.ndim else []
    whole = 0 < count == len(arrays) and len({len(array) for array in arrays}) == 1
    if not whole or any(orders) or any(given.get("scan_input_axes", [])):
        return []
    return [[sketch.add_constant(array[k]) for array in arrays] for k in range(len(arrays[0]))]


def _write_out(
    sketch: Graph,
    node: NodeProto,
    ports: tuple[GraphProto, Sequence[str], Sequence[str]],
    states: list[str],
    fed: Fed,
) -> None:
    body, inputs, outputs = ports
    nodes: list[NodeProto] = []
    scanned: list[list[str]] = []
    for given in fed:
        more, names = inlined(body, dict(zip(inputs, (*states, *given), strict=True)), sketch.fresh)
        sketch.constants.update((names[t.name], tensor_value(t)) for t in body.initializer)
        nodes += more
        made = [names.get(name, name) for name in outputs]
        states, results = made[: len(states)], made[len(states) :]
        scanned.append(results)
    axes = attributes_of(node).get("scan_output_axes", [0] * len(scanned[0]))
    for name, output in zip(states, node.output, strict=False):
        nodes += [helper.make_node("Identity", [name], [output])] if output else []
    for k, output in enumerate(node.output[len(states) :]):
        axis = sketch.add_constant(np.array([axes[k]], np.int64))
        parts = [sketch.fresh(output or "step") for _ in fed]
        for part, results in zip(parts if output else (), scanned, strict=False):
            nodes.append(helper.make_node("Unsqueeze", [results[k], axis], [part]))
        nodes += [helper.make_node("Concat", parts, [output], axis=int(axes[k]))] if output else []
    sketch.replace([node], nodes)
