"""A graph that can be changed: nodes in order, constants as arrays, makers and readers by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, NodeProto, ValueInfoProto, numpy_helper

from lstm_edge.frontend.graph.fold import FOLDABLE, fold
from lstm_edge.frontend.graph.node import captured, label_of
from lstm_edge.frontend.graph.order import in_order
from lstm_edge.frontend.onnx.file import OnnxFile, tensor_value
from lstm_edge.frontend.step.repetition import Repetition

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class _Index:
    """Who makes and who reads each tensor. of: the list that this is the index of."""

    of: tuple[int, int]
    makers: dict[str, NodeProto]
    readers: dict[str, list[NodeProto]]

    @classmethod
    def of_nodes(cls, nodes: list[NodeProto]) -> _Index:
        """The index of a list of nodes."""
        makers: dict[str, NodeProto] = {}
        readers: dict[str, list[NodeProto]] = {}
        for node in nodes:
            for name in node.output:
                makers.setdefault(name, node)
            for name in dict.fromkeys(node.input):
                readers.setdefault(name, []).append(node)
        return cls((id(nodes), len(nodes)), makers, readers)


@dataclass
class Sketch:
    """`nodes` in an order of computation; the rest of a file that its outputs depend on.

    Rewrites change `nodes` and `constants`; nodes that nobody needs any more may stay. `warnings`
    are for the user: what a rewrite left out that the file says. pairs: input -> output that is
    its next value, as the user says. repetitions: the steps of nodes `Repeat`. shapes: of tensors
    for which no inference knows them.
    """

    opened: OnnxFile
    nodes: list[NodeProto]
    inputs: list[ValueInfoProto]
    outputs: list[ValueInfoProto]
    constants: dict[str, Array] = field(default_factory=dict)
    count: int = 0
    warnings: list[str] = field(default_factory=list)
    pairs: dict[str, str] = field(default_factory=dict)
    repetitions: list[Repetition] = field(default_factory=list)
    shapes: list[ValueInfoProto] = field(default_factory=list)
    index: _Index | None = None

    @classmethod
    def of(cls, file: OnnxFile) -> Sketch:
        """The part of a file that its outputs depend on."""
        graph = file.graph
        nodes, read = needed(in_order(graph.node), [o.name for o in graph.output])
        stored = {t.name for t in graph.initializer}
        inputs = [i for i in graph.input if i.name not in stored]
        constants = {t.name: tensor_value(t) for t in graph.initializer if t.name in read}
        return cls(file, nodes, inputs, list(graph.output), constants)

    def producer(self, name: str) -> NodeProto | None:
        """The node that computes a tensor; None for inputs, constants and absent ones."""
        return self._indexed().makers.get(name) if name else None

    def users(self, name: str) -> list[NodeProto]:
        """The nodes that read a tensor, in order; see `is_output` for the graph's own outputs."""
        return list(self._indexed().readers.get(name, ()))

    def _indexed(self) -> _Index:
        """Makers and readers of the nodes as they are: another list, or one of another length, is
        seen by itself; after a change inside of a node, or of one place of the list, `changed`.
        """
        if self.index is None or self.index.of != (id(self.nodes), len(self.nodes)):
            self.index = _Index.of_nodes(self.nodes)
        return self.index

    def changed(self) -> None:
        """Say that a node was changed in place."""
        self.index = None

    def is_output(self, name: str) -> bool:
        """True where the tensor is an output of the graph."""
        return any(o.name == name for o in self.outputs)

    def constant(self, name: str) -> Array | None:
        """The numbers of a tensor that depends on constants only; None for any other."""
        waiting = [name]
        while waiting and name not in self.constants:
            last = waiting[-1]
            node = self.producer(last)
            if last in self.constants:
                waiting.pop()
                continue
            if node is None or node.domain not in ("", "ai.onnx") or node.op_type not in FOLDABLE:
                return None
            missing = [i for i in node.input if i and i not in self.constants]
            waiting += missing
            if not missing:
                inputs = [self.constants[i] if i else None for i in node.input]
                results = fold(label_of(node), node, inputs)
                self.constants.update(zip([o for o in node.output if o], results, strict=True))
        return self.constants[name]

    def varying(self) -> set[str]:
        """Names of tensors that constants alone do not decide."""
        found = {i.name for i in self.inputs}
        for node in self.nodes:
            known = node.domain in ("", "ai.onnx") and node.op_type in FOLDABLE
            if not known or not found.isdisjoint(node.input):
                found.update(o for o in node.output if o and o not in self.constants)
        return found

    def add_constant(self, array: Array) -> str:
        """A new constant; returns its name."""
        name = self.fresh("constant")
        self.constants[name] = array
        return name

    def fresh(self, base: str) -> str:
        """A tensor name that nothing has yet."""
        while True:
            self.count += 1
            name = f"{base}.rewritten.{self.count}"
            if name not in self.constants and self.producer(name) is None:
                return name

    def replace(self, old: Iterable[NodeProto], new: Iterable[NodeProto]) -> None:
        """Put `new` where the last of `old` stood, or where the order allows; `old` goes."""
        gone = {id(n) for n in old}
        at = max(k for k, n in enumerate(self.nodes) if id(n) in gone)
        before = [n for n in self.nodes[: at + 1] if id(n) not in gone]
        new = list(new)
        self.nodes = [*before, *new, *self.nodes[at + 1 :]]
        if _reads(before, new) or _reads(new, self.nodes[len(before) + len(new) :]):
            self.nodes = in_order(self.nodes)
        self.changed()

    def remove(self, old: Iterable[NodeProto]) -> None:
        """Take nodes out of which nobody reads anything any more."""
        gone = {id(n) for n in old}
        self.nodes = [n for n in self.nodes if id(n) not in gone]
        self.changed()

    def file(self) -> OnnxFile:
        """The graph as it is now."""
        nodes, read = needed(self.nodes, [o.name for o in self.outputs])
        graph = GraphProto()
        graph.name = self.opened.graph.name
        graph.node.extend(nodes)
        graph.input.extend(self.inputs)
        graph.output.extend(self.outputs)
        made = {name for n in nodes for name in n.output}
        graph.initializer.extend(
            numpy_helper.from_array(np.array(array, order="C"), name)
            for name, array in self.constants.items()
            if name in read and name not in made
        )
        graph.value_info.extend(self.shapes)
        return replace(
            self.opened,
            graph=graph,
            warnings=tuple(self.warnings),
            repetitions=tuple(self.repetitions),
        )


def needed(nodes: Iterable[NodeProto], outputs: Iterable[str]) -> tuple[list[NodeProto], set[str]]:
    """Nodes that `outputs` depend on, in their order, and the names that these read."""
    read = set(outputs)
    kept = []
    for node in reversed(list(nodes)):
        if read.intersection(node.output):
            kept.append(node)
            read.update(node.input)
            read.update(captured(node))
    return kept[::-1], read


def _reads(readers: Iterable[NodeProto], makers: Iterable[NodeProto]) -> bool:
    """True where one of the first reads what one of the others makes."""
    made = {name for node in makers for name in node.output if name}
    return any(not made.isdisjoint((*node.input, *captured(node))) for node in readers)
