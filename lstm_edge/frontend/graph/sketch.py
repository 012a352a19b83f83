"""A graph that can be changed: nodes in order, constants as arrays, makers and readers by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, NodeProto, ValueInfoProto, numpy_helper

from lstm_edge.frontend.graph.fold import fold, is_foldable
from lstm_edge.frontend.graph.node import captured, label_of
from lstm_edge.frontend.graph.nodes import Nodes
from lstm_edge.frontend.graph.order import in_order
from lstm_edge.frontend.graph.tensor import tensor_value
from lstm_edge.frontend.onnx.file import OnnxFile
from lstm_edge.frontend.step.repetition import Repetition
from lstm_edge.ir.needed import needed as needed_of

Array = npt.NDArray[Any]


@dataclass
class Sketch:
    """`nodes` in an order of computation; the rest of a file that its outputs depend on.

    Rewrites change `nodes` and `constants`; nodes that nobody needs any more may stay. `warnings`
    are for the user: what a rewrite left out that the file says. pairs: input -> output that is
    its next value, as the user says. repetitions: the steps of nodes `Repeat`. shapes: of tensors
    for which no inference knows them.
    """

    opened: OnnxFile
    begun: InitVar[Iterable[NodeProto]]
    inputs: list[ValueInfoProto]
    outputs: list[ValueInfoProto]
    constants: dict[str, Array] = field(default_factory=dict)
    count: int = 0
    warnings: list[str] = field(default_factory=list)
    pairs: dict[str, str] = field(default_factory=dict)
    repetitions: list[Repetition] = field(default_factory=list)
    shapes: list[ValueInfoProto] = field(default_factory=list)

    def __post_init__(self, begun: Iterable[NodeProto]) -> None:
        self.nodes = list(begun)

    @classmethod
    def of(cls, file: OnnxFile) -> Sketch:
        """The part of a file that its outputs depend on."""
        graph = file.graph
        nodes, read = needed(in_order(graph.node), [o.name for o in graph.output])
        stored = {t.name for t in graph.initializer}
        inputs = [i for i in graph.input if i.name not in stored]
        constants = {t.name: tensor_value(t) for t in graph.initializer if t.name in read}
        return cls(file, nodes, inputs, list(graph.output), constants)

    @property
    def nodes(self) -> list[NodeProto]:
        """All nodes in order; to be set as a whole, or changed by `replace` and `remove`."""
        return self._nodes.all()

    @nodes.setter
    def nodes(self, nodes: Iterable[NodeProto]) -> None:
        self._nodes = Nodes(nodes)

    def producer(self, name: str) -> NodeProto | None:
        """The node that computes a tensor; None for inputs, constants and absent ones."""
        return self._nodes.makers.get(name)

    def users(self, name: str) -> list[NodeProto]:
        """The nodes that read a tensor, in order; see `is_output` for the graph's own outputs."""
        return self._nodes.readers(name)

    def changed(self) -> None:
        """Say that a node was changed in place."""
        self.nodes = self.nodes

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
            if node is None or not is_foldable(node):
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
            if not is_foldable(node) or not found.isdisjoint(node.input):
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
        self._nodes.replace(old, new)

    def remove(self, old: Iterable[NodeProto]) -> None:
        """Take nodes out of which nobody reads anything any more."""
        self._nodes.remove(old)

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
    return needed_of(
        list(nodes), outputs, lambda node: {*node.input, *captured(node)}, lambda node: node.output
    )
