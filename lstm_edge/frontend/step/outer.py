"""What unrolled steps read that depends on none of them: initial states, and the same for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field

import numpy as np
from onnx import NodeProto, TensorProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import captured, is_standard
from lstm_edge.frontend.step.call import Value
from lstm_edge.frontend.step.cuts import Cut, cuts_of
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.read import read_node
from lstm_edge.frontend.step.symbols import Symbols, selections, together
from lstm_edge.frontend.step.whole import check_whole

MOST_NUMBERS = 4096
"""Of a tensor that is read as a vector."""
LAYERS = ("LSTM", "GRU", "RNN", "Loop", "Scan", "Repeat")


@dataclass
class Outer:
    """Reads tensors that depend on no step of `cuts` alone: as nodes compute them that a step could
    have, from vectors of the graph's inputs and layers, and of whole sequences.

    own: of each leaf its row and name, completed; rows, opened: of a batch, as in a `Region`.
    values: what was read, by tensor.
    """

    scope: Graph
    leaves: Leaves
    cuts: InitVar[Sequence[Cut]]
    rows: int
    opened: str
    own: dict[int, tuple[int, str]]
    values: dict[str, Value] = field(default_factory=dict)

    def __post_init__(self, cuts: Sequence[Cut]) -> None:
        self._parts: dict[tuple[bytes, bytes], Symbols | None] = {}
        taken = {name for cut in cuts_of(self.scope) for name, _ in cut.reads(self.scope)}
        self._inside = set(taken)
        self._sequences = {cut.tensor for cut in cuts}
        follows = set(self._sequences)
        for node in self.scope.nodes:
            read = {*node.input, *captured(node)}
            if not self._inside.isdisjoint(read):
                self._inside.update(o for o in node.output if o)
            elif not follows.isdisjoint(read):
                follows.update(o for o in node.output if o)
                self._sequences.update(o for o in node.output if self._has_steps(o, cuts[0].steps))

    def _has_steps(self, name: str, steps: int) -> bool:
        """Whether a tensor that a sequence leads to may be one, too."""
        shape = self.scope.shape(name)
        return shape is None or steps in shape

    def is_apart(self, name: str) -> bool:
        """Whether a tensor is a vector that depends on no step alone."""
        return name not in self._inside and name not in self._sequences

    def __call__(self, name: str) -> Value | None:
        """A tensor; None for what is of a step, or no vector."""
        if not self.is_apart(name):
            return None
        if name not in self.values:
            node = self.scope.makers.get(name)
            inner = node is not None and is_standard(node) and node.op_type not in LAYERS
            found = self._computed(node, name) if inner and node else self._vector(name)
            if found is None:
                return None
            self.values[name] = found
        return self.values[name]

    def _computed(self, node: NodeProto, name: str) -> Value | None:
        if not self._sequences.isdisjoint(node.input):
            return self._vector(name)
        args: list[Value | None] = []
        for read in node.input:
            known = self.scope.constant(read) if read else None
            value = self(read) if read and known is None else known
            if read and value is None:
                return None
            args.append(value)
        try:
            found = read_node(self.leaves, node, args)[list(node.output).index(name)]
            if isinstance(found, Symbols):
                check_whole(self.scope, node)
        except ModelError:
            return self._vector(name)
        return self._part(found, name) if isinstance(found, Symbols) else found

    def _part(self, value: Symbols, name: str) -> Symbols | None:
        """A part of an input as a vector of its own, one for all tensors that are this part."""
        found = selections(value)
        moved = all(self.leaves[leaf].kind == "input" for leaf, _ in found)
        if not moved or all(map(self.leaves.is_whole, found)):
            return value
        key = (value.leaf.tobytes(), value.unit.tobytes())
        if key not in self._parts:
            self._parts[key] = self._vector(name)
        known = self._parts[key]
        return None if known is None else known.moved(lambda a: a.reshape(value.shape))

    def _vector(self, name: str) -> Symbols | None:
        """A tensor as it is; of each row a vector of its own."""
        shape = self.scope.shape(name)
        if shape is None or self.scope.kinds.get(name) != TensorProto.FLOAT:
            return None
        rows = {self.opened: self.rows} if self.opened else {}
        sizes = [s if isinstance(s, int) else rows.get(s or "", 1) for s in shape]
        if int(np.prod(sizes)) > MOST_NUMBERS:
            return None
        axis = next((k for k, s in enumerate(sizes[:-1]) if s == self.rows), None)
        if axis is None:
            return self.leaves.named("input", name, sizes)
        one = sizes[:axis] + sizes[axis + 1 :]
        parts = []
        for row in range(self.rows):
            parts.append(self.leaves.named("input", name, one))
            self.own[len(self.leaves) - 1] = (row, name)
        return together(parts, lambda arrays: np.stack(arrays, axis))
