"""Loops and Scans over reversed sequences take the steps from the last to the first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from onnx import GraphProto, NodeProto, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of
from lstm_edge.frontend.graph.patch import Patch

Unflipped = Callable[[str], str | None]
"""The tensor of which one is the reversal along its first axis."""


def turn_loop(scope: Graph, patch: Patch, node: NodeProto, unflipped: Unflipped) -> bool:
    """Read what was before a reversal, backward, and reverse what comes out."""
    given = attributes_of(node)
    body: GraphProto = given["body"]
    made = {name for inner in body.node for name in inner.output} | {i.name for i in body.input}
    reads = [n for n in body.node if n.op_type == "Gather" and n.input[0] not in made]
    names = [n.input[0] for n in reads if not attributes_of(n).get("axis", 0)]
    if not names or len(names) < len(reads):
        return False
    sources = {name: unflipped(name) for name in dict.fromkeys(names)}
    if not all(sources.values()):
        return False
    turned = GraphProto()
    turned.CopyFrom(body)
    for inner in turned.node:
        if inner.op_type == "Gather" and inner.input[0] in sources:
            inner.input[0] = sources[inner.input[0]]
    reverse = 1 - int(given.get("reverse", 0))
    carried = len(node.input) - 2
    return _put(scope, patch, node, carried, {"body": turned, "reverse": reverse})


def turn_scan(scope: Graph, patch: Patch, node: NodeProto, unflipped: Unflipped) -> bool:
    """The same of a Scan, which says so itself."""
    given = attributes_of(node)
    count = int(given["num_scan_inputs"])
    carried = len(node.input) - count
    sources = [unflipped(name) for name in node.input[carried:]]
    if (
        not 0 <= carried < len(node.input)
        or not all(sources)
        or any(given.get("scan_input_axes", []))
    ):
        return False
    ways = list(given.get("scan_input_directions", [0] * count))
    results = len(node.output) - carried
    outs = list(given.get("scan_output_directions", [0] * results))
    more = {
        "scan_input_directions": [1 - way for way in ways],
        "scan_output_directions": [1 - way for way in outs],
    }
    if any(given.get("scan_output_axes", [])):
        return False
    made = NodeProto()
    made.CopyFrom(node)
    made.input[carried:] = [name or "" for name in sources]
    return _put(scope, patch, made, carried, given | more)


def _put(scope: Graph, patch: Patch, node: NodeProto, carried: int, given: dict[str, Any]) -> bool:
    """The node with other attributes, and its results of each step reversed."""
    results = []
    for k, name in enumerate(node.output):
        read = bool(name) and (scope.is_output(name) or bool(scope.users(name)))
        results.append(patch.sketch.fresh("y") if k >= carried and read else name)
    made = helper.make_node(node.op_type, list(node.input), results, name=node.name, **given)
    patch.nodes.append(made)
    for name, result in zip(node.output, results, strict=True):
        if name != result:
            patch.flip(result, 0, name)
    return True
