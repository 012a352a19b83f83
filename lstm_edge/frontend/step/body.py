"""The body of a Loop or Scan, or the nodes of a single step: what comes in, stays and goes out.

Everything is known here but the data: shapes, constants, and how often a Loop runs, which is proved
from its counters. So a body is read node by node, once, for all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import GraphProto, NodeProto, helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.amounts import SHAPE_ONLY
from lstm_edge.frontend.graph.fold import FOLDABLE, fold
from lstm_edge.frontend.graph.node import attributes_of, is_standard, label_of
from lstm_edge.frontend.graph.tensor import tensor_value
from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.step.counted import Array, Counted, by_of, lasting, period_of
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.read import read_node
from lstm_edge.frontend.step.symbols import Symbols
from lstm_edge.frontend.step.whole import Kind, kind_after

_ARITHMETIC = "Add Sub Mul Div Mod Min Max Neg And Or Not Less LessOrEqual Greater GreaterOrEqual"
_OF_ONE = "Abs Cast Ceil Cos Floor Identity Round Sin"
ELEMENTWISE = frozenset((*_ARITHMETIC.split(), *_OF_ONE.split(), "Equal", "Where"))
"""Operators that compute the numbers of all steps at once."""


@dataclass(frozen=True, eq=False)
class Read:
    """A step of the sequence behind a view: at its `axis`, backward from last to first. axis
    None: a vector that each step reads.
    """

    view: View
    axis: int | None
    backward: bool = False


Value = Symbols | Array | tuple[Symbols, ...] | Counted | View
StepOf = Callable[[Read], Symbols | Array]
"""The symbols of one step of a sequence, without its time axis."""
Now = Callable[["Body", str, Counted], Symbols | Array]
"""A number that is known at each step, by its name in a body, where data are computed with it."""


class Body:
    """Nodes that are read in the order in which results are asked for.

    values: what is known, by name, which grows; outer: what a name outside means. data: names of
    what is not known, also while numbers stand for it. kinds: the types of those that are integers
    in the file, of what is outside, too.
    """

    def __init__(
        self,
        graph: GraphProto,
        outer: Callable[[str], Value | None],
        step_of: StepOf,
        leaves: Leaves,
        now: Now,
        kinds: dict[str, Kind],
    ) -> None:
        self.leaves, self.outer, self.step_of, self.now = leaves, outer, step_of, now
        self.kinds = kinds
        self.makers = {name: node for node in graph.node for name in node.output if name}
        self.values: dict[str, Value] = {t.name: tensor_value(t) for t in graph.initializer}
        self.data: set[str] = set()

    def is_data(self, name: str) -> bool:
        """True for what differs from sequence to sequence."""
        return name in self.data or isinstance(self.values.get(name), Symbols | View | tuple)

    def kind(self, name: str) -> Kind:
        """The type of what is known by its numbers, or integers in the file."""
        value = self.values.get(name)
        numbers = value.numbers if isinstance(value, Counted) else value
        known = numbers.dtype if isinstance(numbers, np.ndarray) else None
        return self.kinds.get(name, known)

    def maker(self, name: str) -> NodeProto | None:
        """The node that makes a tensor, behind those that change nothing."""
        node = self.makers.get(name)
        while node is not None and node.op_type in ("Identity", "Cast") and is_standard(node):
            name = node.input[0]
            node = self.makers.get(name)
        return node

    def source(self, name: str) -> str:
        """The name behind nodes that change nothing."""
        node = self.makers.get(name)
        while node is not None and node.op_type == "Identity" and is_standard(node):
            name = node.input[0]
            node = self.makers.get(name)
        return name

    def constant(self, name: str) -> Array | None:
        """A constant; None for what is computed."""
        node = self.makers.get(name)
        if node is not None and node.op_type not in ("Constant", "Identity", "Cast"):
            return None
        value = self.value(name)
        return value if isinstance(value, np.ndarray) else None

    def value(self, name: str) -> Value:
        """What a tensor is. Raises ModelError for what no step can do."""
        waiting = [name]
        while waiting:
            top = waiting[-1]
            if top in self.values:
                waiting.pop()
                continue
            node = self.makers.get(top)
            if node is None:
                found = self.outer(top)
                if found is None:
                    raise ModelError("step", f"reads {top!r}, which nothing computes")
                self.values[top] = found
                continue
            missing = [i for i in node.input if i and i not in self.values]
            waiting += missing
            if not missing:
                args = [self.values[i] if i else None for i in node.input]
                if node.op_type not in SHAPE_ONLY and any(map(self.is_data, node.input)):
                    self.data.update(node.output)
                    operand = node.input[1 if node.op_type == "Where" else 0]
                    kind = kind_after(node, self.kind(operand))
                    self.kinds.update(dict.fromkeys(node.output, kind))
                results = self._results(node, args)
                self.values.update((o, r) for o, r in zip(node.output, results, strict=False) if o)
        return self.values[name]

    def _results(self, node: NodeProto, args: Sequence[Value | None]) -> Sequence[Value]:
        label = label_of(node)
        if node.op_type == "If" and is_standard(node):
            return self._branches(node, label, args[0])
        if any(isinstance(a, View) for a in args):
            found = self._of_sequence(node, label, args)
            if found is not None:
                return [found]
            args = [self.step_of(Read(a, None)) if isinstance(a, View) else a for a in args]
        if any(isinstance(a, Counted) for a in args):
            if not any(map(self.is_data, node.input)):
                return [self._counted(node, label, args)]
            named = zip(node.input, args, strict=True)
            args = [self.now(self, n, a) if isinstance(a, Counted) else a for n, a in named]
        plain = [a for a in args if not isinstance(a, View | Counted)]
        return read_node(self.leaves, node, plain)

    def _branches(self, node: NodeProto, label: str, condition: Value | None) -> list[Value]:
        """The results of the branch that all steps take; where steps or sequences differ, of both,
        of which each takes one.
        """
        ways, given = ["then_branch", "else_branch"], attributes_of(node)
        if isinstance(condition, np.ndarray) and not self.is_data(node.input[0]):
            ways = ways[:1] if condition.all() else ways[1:]
        found: list[list[Value]] = []
        for way in ways:
            kinds = {**self.kinds}
            branch = Body(given[way], self.value, self.step_of, self.leaves, self.now, kinds)
            branch.data = self.data
            found.append([branch.value(output.name) for output in given[way].output])
            of = [*zip(node.output, given[way].output, strict=True)]
            self.kinds.update((name, branch.kind(output.name)) for name, output in of)
            self.data |= {f"{name}.{way}" for name, output in of if branch.is_data(output.name)}
        if len(ways) == 1:
            return found[0]
        results: list[Value] = []
        for name, one, other in zip(node.output, *found, strict=True):
            names = [f"{name}.{way}" for way in ways]
            self.values |= dict(zip(names, (one, other), strict=True))
            select = helper.make_node("Where", [node.input[0], *names], [name], name=node.name)
            shapes = {_shape(one), _shape(other)}
            made = None if None in shapes else self._results(select, [condition, one, other])[0]
            if made is None or shapes != {_shape(made)}:
                raise ModelError(
                    label,
                    "has branches whose results have different shapes, or lists of them, and steps "
                    "that take either; let both give the same shape",
                )
            results.append(made)
        return results

    def _of_sequence(
        self, node: NodeProto, label: str, args: Sequence[Value | None]
    ) -> Value | None:
        """A shape, or one step of a sequence from outside; None for anything else."""
        view, given = args[0], attributes_of(node)
        if isinstance(view, View) and is_standard(node):
            if node.op_type == "Shape":
                shape = np.array(view.shape, np.int64)
                return shape[slice(given.get("start"), given.get("end"))]
            if node.op_type == "Identity" or (node.op_type == "Slice" and _is_all(view, args)):
                return view
            index = args[1] if len(args) > 1 else None
            if node.op_type == "Gather" and isinstance(index, Counted):
                axis = int(given.get("axis", 0)) % len(view.axes)
                return self._step(view, axis, index, label)
        return None

    def _step(self, view: View, axis: int, index: Counted, label: str) -> Value:
        order, size = index.numbers.reshape(len(index.numbers), -1), view.shape[axis]
        steps = np.arange(len(order))[:, None]
        if order.shape[1] != 1 or len(order) != size:
            raise ModelError(
                label,
                f"does not take one step after the other of a sequence of {size} steps; let the "
                "loop run from the first or from the last of them on, and cut off before it what "
                "it does not read",
            )
        order = np.where(order < 0, order + size, order)
        if not ((order == steps).all() or (order == steps[::-1]).all()):
            raise ModelError(
                label,
                "does not take the steps of a sequence in their order; bring the data into the "
                "order of the loop before they enter the network, and let it read x[t]",
            )
        found = self.step_of(Read(view, axis, bool((order != steps).any())))
        rank = index.numbers.ndim - 1
        places = tuple(range(axis, axis + rank))
        if isinstance(found, np.ndarray):
            return np.expand_dims(found, places)
        return found.moved(lambda a: np.expand_dims(a, places))

    def _counted(self, node: NodeProto, label: str, args: Sequence[Value | None]) -> Value:
        """The same of the numbers of each step."""
        known = [a for a in args if a is None or isinstance(a, Counted | np.ndarray)]
        steps = next(len(a.numbers) for a in known if isinstance(a, Counted))
        if len(known) < len(args) or not is_standard(node) or node.op_type not in FOLDABLE:
            raise ModelError(
                label,
                f"computes with the number of the step, for which {node.op_type} is not supported; "
                "make what it computes an input of the network, with a vector for each step",
            )
        by, period = by_of(node, known), period_of(node, known)
        if node.op_type in ELEMENTWISE:
            given = [a for a in known if a is not None]
            rank = max(a.numbers.ndim if isinstance(a, Counted) else a.ndim + 1 for a in given)
            all_steps = [_spread(a, rank) if isinstance(a, Counted) else a for a in known]
            numbers = fold(label, node, all_steps)[0]
            return Counted(numbers, lasting(numbers, by), period)
        results = []
        for k in range(min(steps, period or steps)):
            now = [a.numbers[k] if isinstance(a, Counted) else a for a in known]
            results.append(fold(label, node, now)[0])
        every = np.stack(results)
        numbers = np.resize(every, (steps, *every.shape[1:]))
        return Counted(numbers, lasting(numbers, by), period)


def _shape(value: Value) -> tuple[int, ...] | None:
    """Of one step; None of what is no array."""
    if isinstance(value, Counted):
        return value.numbers.shape[1:]
    return value.shape if isinstance(value, Symbols | np.ndarray) else None


def _spread(counted: Counted, rank: int) -> Array:
    """The numbers of all steps with so many axes, that of the steps first."""
    steps, *shape = counted.numbers.shape
    return counted.numbers.reshape(steps, *[1] * (rank - 1 - len(shape)), *shape)


def _is_all(view: View, args: Sequence[Value | None]) -> bool:
    """Whether a Slice leaves nothing out, as what is written `x[:, t]` begins with."""
    given = [a for a in args[1:] if a is not None]
    if not all(isinstance(a, np.ndarray) for a in given) or len(given) < 2:
        return False
    starts, ends, *rest = (np.reshape(a, -1) for a in given if isinstance(a, np.ndarray))
    axes = rest[0] if rest else np.arange(len(starts))
    steps = rest[1] if len(rest) > 1 else np.ones(len(starts))
    sizes = np.array([view.shape[int(axis)] for axis in axes])
    return bool((starts == 0).all() and (ends >= sizes).all() and (steps == 1).all())
