"""What is done step by step as one operation on the whole sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from onnx import NodeProto

from lstm_edge.frontend.graph.bounds import axis_of
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of
from lstm_edge.frontend.graph.patch import Patch
from lstm_edge.frontend.rewrite.rolled.gate import PARAMETERS
from lstm_edge.frontend.rewrite.rolled.steps import Reader, Sequence

POINTWISE = frozenset(
    (*PARAMETERS, "Add", "Sub", "Mul", "Div", "Clip", "Neg", "Exp", "Sqrt", "Abs")
)
"""Operators that do the same to each number, and broadcast from the last axis on."""


ALONG_FEATURES = ("Softmax", "LogSoftmax", "LayerNormalization", "Concat")


@dataclass
class Hoist:
    """Finds, or computes with one operation, the sequence of which tensors are the steps."""

    scope: Graph
    patch: Patch
    read: Reader

    def __call__(self, names: list[str]) -> Sequence | None:
        """The sequence whose steps are `names`; None where no operation gives it."""
        names = [self.scope.strip(name) for name in names]
        found = self.read(names)
        if found is not None:
            return found
        makers = [self.scope.makers.get(name) for name in names]
        first = makers[0]
        if first is None or first.domain not in ("", "ai.onnx"):
            return None
        alike = [m for m in makers if m is not None and m.op_type == first.op_type]
        if len(alike) < len(names) or any(_differ(first, m) for m in alike):
            return None
        if first.op_type in ("MatMul", "Gemm"):
            return self._product(alike)
        if first.op_type in POINTWISE:
            return self._pointwise(alike)
        if first.op_type in ALONG_FEATURES:
            return self._along_features(alike)
        return None

    def _shared(self, names: list[str]) -> str | None:
        """A constant that all steps read."""
        constant = all(self.scope.is_constant(name) for name in names)
        if not constant or len({self.scope.digest(name) for name in names}) > 1:
            return None
        return names[0]

    def _operands(self, nodes: list[NodeProto]) -> tuple[list[str], list[Sequence]] | None:
        """The inputs of nodes, each a constant that they share or a sequence."""
        inputs: list[str] = []
        sequences = []
        for column in zip(*(node.input for node in nodes), strict=True):
            same = not any(column) or self._shared(list(column)) is not None
            sequence = None if same else self(list(column))
            if not same and sequence is None:
                return None
            inputs.append(sequence.name if sequence is not None else self._named(column[0]))
            sequences += [sequence] if sequence is not None else []
        if not sequences or any(s.backward != sequences[0].backward for s in sequences):
            return None
        return inputs, sequences

    def _named(self, name: str) -> str:
        """A constant as the graph outside of all bodies knows it."""
        array = self.scope.constant(name) if name else None
        return "" if array is None else self.patch.constant(array)

    def _made(self, nodes: list[NodeProto], inputs: list[str], like: Sequence) -> Sequence:
        name = self._add(nodes[0], nodes[0].op_type, inputs, **attributes_of(nodes[0]))
        return Sequence(name, like.batch, like.backward)

    def _add(self, node: NodeProto, op: str, inputs: list[str], **attributes: Any) -> str:
        """Add what stands for a node and its likes, under a name made of its name."""
        result = self.patch.add(op, inputs, **attributes)
        own = node.name or node.output[0]
        self.patch.nodes[-1].name = f"{own}/steps.{self.patch.sketch.count}"
        return result

    def _pointwise(self, nodes: list[NodeProto]) -> Sequence | None:
        found = self._operands(nodes)
        constants = [self.scope.shape(i) for i in nodes[0].input if self.scope.is_constant(i)]
        if found is None or any(c is None or len(c) > 2 for c in constants):
            return None
        return self._made(nodes, found[0], found[1][0])

    def _product(self, nodes: list[NodeProto]) -> Sequence | None:
        """x @ W + b of each step; a Gemm takes matrices only, so it becomes a MatMul and an Add."""
        given = attributes_of(nodes[0])
        columns = [list(column) for column in zip(*(n.input for n in nodes), strict=True)]
        weights, bias = self._shared(columns[1]), None
        array = self.scope.constant(weights) if weights is not None else None
        if array is None or array.ndim != 2 or given.get("transA", 0):
            return None
        if len(columns) > 2 and columns[2][0]:
            name = self._shared(columns[2])
            bias = self.scope.constant(name) if name is not None else None
            if bias is None:
                return None
        x = self(columns[0])
        if x is None:
            return None
        array = (array.T if given.get("transB", 0) else array) * given.get("alpha", 1.0)
        made = self._add(nodes[0], "MatMul", [x.name, self.patch.constant(array.astype("f4"))])
        if bias is not None:
            scaled = (bias * given.get("beta", 1.0)).astype("f4")
            made = self._add(nodes[0], "Add", [made, self.patch.constant(scaled)])
        return Sequence(made, x.batch, x.backward)

    def _along_features(self, nodes: list[NodeProto]) -> Sequence | None:
        """What works along the last axis."""
        given, op = attributes_of(nodes[0]), nodes[0].op_type
        shape = self.scope.shape(nodes[0].output[0])
        if shape is None or axis_of(nodes[0], shape, -1) != len(shape) - 1:
            return None
        if len(shape) > 2 and (len(shape) > 3 or shape[0] != 1):
            return None
        found = self._operands(nodes)
        if found is None or (op == "Concat" and len(found[1]) != len(nodes[0].input)):
            return None
        made = self._add(nodes[0], op, found[0], **(given | {"axis": 2}))
        return Sequence(made, found[1][0].batch, found[1][0].backward)


def _differ(first: NodeProto, other: NodeProto) -> bool:
    alike = len(first.input) == len(other.input)
    return not alike or attributes_of(first) != attributes_of(other)
