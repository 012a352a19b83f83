"""How many nodes a file has once the functions that it defines are written out, before they are."""

from __future__ import annotations

from collections.abc import Iterable

from onnx import ModelProto, NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.node import all_nodes
from lstm_edge.limits import MOST_NODES

_Key = tuple[str, str, str]


def check_nodes(file: str, model: ModelProto) -> None:
    """ModelError where there are more than MOST_NODES, or a function calls itself: each of forty
    functions that calls the one before twice makes 10**12 nodes of a file of a kilobyte.
    """
    counts: dict[_Key, int] = {}
    bodies = {(f.domain, f.name, f.overload): f for f in model.functions}
    waiting = list(bodies)
    begun: set[_Key] = set()
    while waiting:
        key = waiting[-1]
        calls = [c for node in all_nodes(bodies[key].node) if (c := _called(node)) in bodies]
        missing = [call for call in dict.fromkeys(calls) if call not in counts]
        if key in counts or not missing:
            counts.setdefault(key, _count(bodies[key].node, counts))
            waiting.pop()
        elif key in begun:
            raise ModelError(f"function {key[1]!r}", "calls itself; export the model again")
        else:
            begun.add(key)
            waiting += missing
    found = _count(model.graph.node, counts)
    if found > MOST_NODES:
        raise ModelError(
            file,
            f"has {found} nodes, more than the {MOST_NODES} that are accepted; export loops as "
            "Loop, Scan or LSTM, not written out step by step",
        )


def _called(node: NodeProto) -> _Key:
    return node.domain, node.op_type, node.overload


def _count(nodes: Iterable[NodeProto], counts: dict[_Key, int]) -> int:
    if not counts:
        return sum(1 for _ in all_nodes(nodes))
    return sum(counts.get(_called(node), 1) for node in all_nodes(nodes))
