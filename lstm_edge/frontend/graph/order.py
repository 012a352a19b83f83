"""An order of computation: ONNX allows any, and rewrites must not care which one a file has."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from onnx import NodeProto

from lstm_edge.frontend.graph.node import captured


def in_order(nodes: Sequence[NodeProto]) -> list[NodeProto]:
    """The nodes with makers before readers, else in the order given.

    Nodes that read each other in a circle stay at the end, as they were.
    """
    maker = {name: k for k, node in enumerate(nodes) for name in node.output if name}
    waits: list[set[int]] = []
    readers: list[list[int]] = [[] for _ in nodes]
    for k, node in enumerate(nodes):
        names = (*node.input, *captured(node))
        waits.append({maker[name] for name in names if name in maker})
        for made in waits[k]:
            readers[made].append(k)
    missing = [len(w) for w in waits]
    ready = [k for k, count in enumerate(missing) if not count]
    heapify(ready)
    found: list[int] = []
    while ready:
        k = heappop(ready)
        found.append(k)
        for reader in readers[k]:
            missing[reader] -= 1
            if not missing[reader]:
                heappush(ready, reader)
    left = set(range(len(nodes))).difference(found)
    return [nodes[k] for k in (*found, *sorted(left))]
