"""The part of a graph that works on single steps of sequences, read as symbols.

It begins where tensors are cut into their steps. What moves numbers is read wherever it leads; what
computes is read where its operands are known at about the same step, so that it ends where steps
have been joined to a sequence again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from onnx import NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import captured, label_of
from lstm_edge.frontend.step.call import Value
from lstm_edge.frontend.step.clock import Clock, Order
from lstm_edge.frontend.step.cuts import Cut
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.moves import MOVES
from lstm_edge.frontend.step.outer import Outer
from lstm_edge.frontend.step.read import read_node
from lstm_edge.frontend.step.repeat import NoRepetition
from lstm_edge.frontend.step.rows import NONE, NotRows, Rows, RowsDiffer
from lstm_edge.frontend.step.symbols import Symbols, together
from lstm_edge.frontend.step.whole import check_whole

MOST_APART = 16
"""Steps that a computation may look back: what looks further works on a whole sequence."""
MOVING = frozenset((*MOVES, "Cast", "Shape", "Size"))


@dataclass
class Region:
    """values: tensors by name, as symbols. makers: leaf -> the node that first computed it.
    outside: names of what depends on the steps and is not of the region; refused: why the first
    node that could not be read was not. differs: which step is another one. rows: of a batch, 0
    where there is none; then values are those of the first row, and `batch` says which axis of a
    tensor counts rows. opened: what the size of a batch is called where it is open; `rows` are
    looked at then. unlike: the node at which rows differ. outer: what the steps read that depends
    on none of them. Raises NotRows where there is no batch.
    """

    scope: Graph
    cuts: Sequence[Cut]
    rows: int = 0
    opened: str = ""
    unlike: str = ""
    leaves: Leaves = field(default_factory=Leaves)
    values: dict[str, Value] = field(default_factory=dict)
    makers: dict[int, NodeProto] = field(default_factory=dict)
    outside: set[str] = field(default_factory=set)
    refused: ModelError | None = None
    differs: ModelError | None = None
    nodes: list[NodeProto] = field(default_factory=list)
    batch: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.steps = self.cuts[0].steps
        self._own: dict[int, tuple[int, str]] = {}
        self.clock = Clock(self.leaves, self.steps, _order(self.scope, self.cuts))
        sources = [cut.source(self.scope) for cut in self.cuts]
        self.inputs = [source for source, _ in sources]
        for number, (source, nodes) in enumerate(sources):
            self.values[self.cuts[number].tensor] = self._sequence(number, source, nodes)
        self.clock.wind()
        cut = [*self.cuts, *self.inputs]
        self.outer = Outer(self.scope, self.leaves, cut, self.rows, self.opened, self._own)
        whole = {cut.tensor for cut in self.cuts}
        for node in self.scope.nodes:
            if not whole.isdisjoint(node.output):
                continue
            known = [i for i in node.input if i in self.values]
            tainted = not self.outside.isdisjoint((*node.input, *captured(node)))
            if known and not tainted and self._read(node):
                self.nodes.append(node)
            elif known or tainted:
                self.outside.update(o for o in node.output if o and not self.outer.is_apart(o))
        if self.rows:
            self._first_row()

    def _sequence(self, number: int, cut: Cut, nodes: Sequence[NodeProto]) -> Symbols:
        """A sequence of which each step, of each row, is a vector of its own, or what `nodes` make
        of that.
        """
        known = {self.opened: self.rows} if self.opened else {}
        left = left_of(self.scope, cut)
        one = [s if isinstance(s, int) else known.get(s or "", 1) for s in left]
        if self.rows and one[:1] != [self.rows]:
            raise NotRows("another size")
        parts = []
        for step in range(cut.steps):
            rows = [self._vector(number, step, row, one) for row in range(self.rows or 1)]
            value: Value = together(rows, np.stack) if self.rows else rows[0]
            for node in nodes:
                args = [
                    self.scope.constant(i) if self.scope.is_constant(i) else value
                    for i in node.input
                ]
                (value,) = read_node(self.leaves, node, args)
            assert isinstance(value, Symbols)
            parts.append(value)
        return together(parts, lambda arrays: np.stack(arrays, cut.axis))

    def _vector(self, number: int, step: int, row: int, shape: Sequence[int]) -> Symbols:
        made = self.leaves.named("input", str(number), shape[1:] if self.rows else shape)
        self.clock.place[len(self.leaves) - 1] = step
        self._own[len(self.leaves) - 1] = (row, f"{number} {step}")
        return made

    def _first_row(self) -> None:
        """The first row of each tensor, for all; others are not looked at any more."""
        rows = Rows(self.leaves, self._own)
        self.clock.hidden.update(np.flatnonzero((rows.row != NONE) & (rows.row != 0)).tolist())
        moving = {o for node in self.nodes if node.op_type in MOVING for o in node.output}
        for values, name in [(v, n) for v in (self.values, self.outer.values) for n in list(v)]:
            value = values[name]
            if not isinstance(value, Symbols):
                continue
            if (rows.row[value.leaf] == NONE).all():
                continue
            axes = [k for k, size in enumerate(value.shape) if size == self.rows]
            axis = next((k for k in axes if rows.apart(value, k)), None)
            if axis is not None and rows.alike(value, axis):
                self.batch[name] = axis
                values[name] = value.moved(partial(np.take, indices=[0], axis=axis))
            elif name in moving or values is self.outer.values:
                del values[name]
            elif axis is None:
                raise NotRows("rows are mixed")
            else:
                raise RowsDiffer(label_of(self.scope.makers[name]))

    def _read(self, node: NodeProto) -> bool:
        """Read a node, if it is one of a step."""
        args = self._arguments(node)
        if args is None:
            return False
        data = [a for a in args if isinstance(a, Symbols)]
        if node.op_type not in MOVING:
            furthest = max(1, min(MOST_APART, self.steps // 2))
            if self.clock.spread(*data) > furthest or self.clock.mixed(*data):
                return False
        count = len(self.leaves)
        try:
            results = read_node(self.leaves, node, args)
            if any(isinstance(result, Symbols) for result in results):
                check_whole(self.scope, node)
        except ModelError as error:
            self.refused = self.refused or error
            return False
        self.clock.wind()
        self.makers.update(dict.fromkeys(range(count, len(self.leaves)), node))
        self.values.update((o, r) for o, r in zip(node.output, results, strict=False) if o)
        return True

    def _arguments(self, node: NodeProto) -> list[Value | None] | None:
        """What a node reads; None where something is neither of the steps nor constant."""
        args: list[Value | None] = []
        for name in node.input:
            value = self.values.get(name) if name in self.values else self.scope.constant(name)
            value = self.outer(name) if name and value is None else value
            if name and value is None:
                return None
            args.append(value if name else None)
        return args

    def called(self, numbers: Symbols, results: set[str]) -> str:
        """The tensor of which one row is these numbers, in this order, and which is not computed
        from results of the steps. Raises NoRepetition where there is none.
        """
        for name, value in (*self.outer.values.items(), *self.values.items()):
            same = isinstance(value, Symbols) and value.flat().same_as(numbers)
            if same and not self._follows(name, results):
                return name
        raise NoRepetition("starts from a part of a tensor")

    def _follows(self, name: str, results: set[str]) -> bool:
        """Whether a tensor is one of the results, or computed from them."""
        waiting, seen = [name], set[str]()
        while waiting:
            name = waiting.pop()
            if name in results:
                return True
            if name not in seen and name in self.scope.makers:
                seen.add(name)
                node = self.scope.makers[name]
                waiting += [*node.input, *captured(node)]
        return False

    def labels(self) -> list[str]:
        """Whatever messages may call what depends on the steps: nodes, inputs, the graph."""
        made = self.outside | self.values.keys()
        nodes = [label_of(node) for node in self.scope.nodes if not made.isdisjoint(node.output)]
        return ["graph", *(f"input {cut.tensor!r}" for cut in self.cuts), *nodes]

    def ends(self) -> list[str]:
        """Tensors that are read outside, or are outputs of the graph, in the file's order."""
        inner = {id(node) for node in self.nodes}
        names = (o for node in self.nodes for o in node.output if o)
        return [name for name in names if self._leaves(name, inner)]

    def _leaves(self, name: str, inner: set[int]) -> bool:
        readers = self.scope.users(name)
        return self.scope.is_output(name) or any(id(r) not in inner for r in readers)


def left_of(scope: Graph, cut: Cut) -> list[int | str | None]:
    """The sizes of one step of a tensor."""
    return [s for axis, s in enumerate(scope.shape(cut.tensor) or ()) if axis != cut.axis]


def _order(scope: Graph, cuts: Iterable[Cut]) -> Order:
    """Whether there are chains that begin at the first step, at the last one, or both."""
    spans: dict[str, tuple[int, int]] = {}
    steps = 0
    found: set[str] = set()
    for cut in cuts:
        steps = cut.steps
        spans.update((name, (place, place)) for name, place in cut.reads(scope))
    for node in scope.nodes:
        known = [spans[i] for i in node.input if i in spans]
        if not known or any(o in spans for o in node.output):
            continue
        first, last = min(a for a, _ in known), max(b for _, b in known)
        spans.update(dict.fromkeys((o for o in node.output if o), (first, last)))
        if last - first >= min(3, steps - 2):
            found.update(["forward"] if first == 0 and last < steps - 1 else [])
            found.update(["backward"] if first > 0 and last == steps - 1 else [])
    return "both" if len(found) > 1 else "backward" if "backward" in found else "forward"
