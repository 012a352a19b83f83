"""Nodes in an order of computation, who makes and who reads each tensor. An edit costs what it
changes, however many nodes there are.
"""

from __future__ import annotations

from collections.abc import Iterable

from onnx import NodeProto

from lstm_edge.frontend.graph.node import captured
from lstm_edge.frontend.graph.order import in_order
from lstm_edge.ir.needed import needed as needed_of


class Nodes:
    """makers: tensor -> the node that makes it. A node has a place, a tuple that is compared; what
    replaces it has places that begin with its own.
    """

    def __init__(self, nodes: Iterable[NodeProto]) -> None:
        self.makers: dict[str, NodeProto] = {}
        self._readers: dict[str, dict[int, NodeProto]] = {}
        self._places: dict[int, tuple[int, ...]] = {}
        self._alive: dict[int, NodeProto] = {}
        self._sorted: list[NodeProto] | None = None
        self._disordered = False
        for k, node in enumerate(nodes):
            self._insert(node, (k,))

    def all(self) -> list[NodeProto]:
        """All nodes in order."""
        if self._sorted is None:
            self._sorted = sorted(self._alive.values(), key=self._place)
            if self._disordered:
                self._sorted = in_order(self._sorted)
                self._places = {id(node): (k,) for k, node in enumerate(self._sorted)}
                self._disordered = False
        return self._sorted

    def readers(self, name: str) -> list[NodeProto]:
        """The nodes that read a tensor, themselves or in their bodies, in order."""
        return sorted(self._readers.get(name, {}).values(), key=self._place)

    def replace(self, old: Iterable[NodeProto], new: Iterable[NodeProto]) -> None:
        """Put `new` where the last of `old` stood, or where the order allows; `old` goes."""
        gone = [node for node in old if id(node) in self._alive]
        last = max(map(self._place, gone))
        self.remove(gone)
        for k, node in enumerate(new):
            self._insert(node, (*last, k))
            self._disordered |= self._is_misplaced(node)

    def _is_misplaced(self, node: NodeProto) -> bool:
        """True where a node stands before one that it reads, or behind one that reads it."""
        at = self._place(node)
        readers = [r for name in node.output for r in self._readers.get(name, {}).values()]
        read = (*node.input, *captured(node))
        makers = [self.makers[name] for name in read if name in self.makers]
        return any(self._place(r) < at for r in readers) or any(self._place(m) > at for m in makers)

    def remove(self, old: Iterable[NodeProto]) -> None:
        """Take nodes out."""
        self._sorted = None
        for node in old:
            if self._alive.pop(id(node), None) is None:
                continue
            for name in node.output:
                if self.makers.get(name) is node:
                    del self.makers[name]
            for name in (*node.input, *captured(node)):
                self._readers[name].pop(id(node), None)

    def _place(self, node: NodeProto) -> tuple[int, ...]:
        return self._places[id(node)]

    def _insert(self, node: NodeProto, place: tuple[int, ...]) -> None:
        self._sorted = None
        self._places[id(node)], self._alive[id(node)] = place, node
        self.makers.update((name, node) for name in node.output if name)
        for name in (*node.input, *captured(node)):
            self._readers.setdefault(name, {})[id(node)] = node


def needed(nodes: Iterable[NodeProto], outputs: Iterable[str]) -> tuple[list[NodeProto], set[str]]:
    """Nodes that `outputs` depend on, in their order, and the names that these read."""
    return needed_of(
        list(nodes), outputs, lambda node: {*node.input, *captured(node)}, lambda node: node.output
    )
