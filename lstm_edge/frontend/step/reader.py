"""A node with a body while its step is read: what names mean, in the body and outside of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from onnx import GraphProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.nodes import needed
from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.frontend.step.body import Body, Read
from lstm_edge.frontend.step.body import Value as StepValue
from lstm_edge.frontend.step.counted import Array, Counted
from lstm_edge.frontend.step.now import NewRing, Numbers
from lstm_edge.frontend.step.place import Out, StateIn
from lstm_edge.frontend.step.roll import Rolling, Tensors
from lstm_edge.frontend.step.symbols import Symbols
from lstm_edge.frontend.step.whole import Kind


class Reader:
    """One node with a body while it is read."""

    def __init__(self, walk: Walk, node: OnnxNode, timed: bool = True) -> None:
        self.walk, self.node, self.timed = walk, node, timed
        self.graph: GraphProto = node.attributes["body"]
        self.rolling = Rolling(walk, node, timed)
        self.turned = bool(node.attributes.get("reverse", 0))
        """Whether all sequences are read from the last to the first; results keep their place."""
        self.orders: set[bool] = set()
        self.numbers = Numbers(walk, node)
        views = ((name, v) for name, v in walk.values.items() if isinstance(v, View))
        self.kinds: dict[str, Kind] = {
            name: view.ids(np.zeros(1, np.int64)).dtype for name, view in views if view.ids
        }
        self.counts: Callable[[int], Mapping[str, StepValue]] = lambda steps: {}
        """What is counted, by name, at each of so many steps."""
        self._before: dict[str, Symbols] = {}
        self._beside: Read | None = None
        self.refused: dict[str, str] = {}
        """Names that no step may read, and why."""
        self.sequences: dict[str, tuple[View, int, bool]] = {}
        """Names in the body that are steps of sequences outside: view, axis of time, backward."""

    def body(self) -> Body:
        """The body with nothing read yet."""
        return Body(
            self.graph, self._outer, self._step, self.rolling.leaves, self._now, {**self.kinds}
        )

    def _outer(self, name: str) -> StepValue | None:
        if name in self.sequences:
            view, axis, backward = self.sequences[name]
            return self._step(Read(view, axis, backward))
        if name in self.refused:
            raise self.node.error(self.refused[name])
        value = self.walk.values.get(name)
        if isinstance(value, View) and not self.timed:
            return self._plain(self.rolling.data(value, None))
        if value is None or isinstance(value, View | np.ndarray):
            return value
        raise self.node.error(
            f"reads input {value.name!r} of type {value.kind}; expected float32: export it so"
        )

    def _step(self, read: Read) -> Symbols | Array:
        if read.axis is not None:
            self.orders.add(read.backward != self.turned)
            self._beside = self._beside or read
        return self._plain(self.rolling.data(read.view, read.axis))

    def _plain(self, numbers: Symbols) -> Symbols | Array:
        """Numbers as such in a trial, so that nodes compute what onnx's own reference does."""
        array = self.rolling.leaves.numbers_of(numbers) if self.rolling.trial is not None else None
        return numbers if array is None else array.astype(np.float32)

    def _now(self, body: Body, name: str, counted: Counted) -> Symbols | Array:
        """A number of this step that the steps before it did not compute; true in a trial where it
        is above 1/2.
        """
        found = self._of_ring(name, counted)
        if found is None:
            found = self._of_table(body, counted)
        if isinstance(found, np.ndarray) and counted.numbers.dtype == bool:
            return np.asarray(found > 0.5)
        return found

    def _of_ring(self, name: str, counted: Counted) -> Symbols | Array | None:
        def more(steps: int) -> Array | None:
            again = self.body()
            again.values |= self.counts(steps)
            found = again.value(name) if name in again.makers or name in again.values else None
            return found.numbers if isinstance(found, Counted) else None

        ring = self.numbers.ring(counted, more, self._before, self.rolling.leaves)
        return None if ring is None else self._plain(ring)

    def _of_table(self, body: Body, counted: Counted) -> Symbols | Array:
        if not self.timed:
            counts = " and ".join(self.counts(1))
            raise self.node.error(
                f"computes with {counts}, which counts the steps without end; "
                "take it modulo whole numbers alone, or make what it computes an input"
            )
        beside = self._read_beside(body)
        if beside is None or beside.axis is None or self._is_endless(beside):
            raise self.numbers.without_length()
        turned = replace(beside, backward=beside.backward != self.turned)
        table = self.numbers.table(counted.numbers, turned)
        found = self._step(replace(table, backward=beside.backward))
        shape = counted.numbers.shape[1:]
        if isinstance(found, Symbols):
            return found.moved(lambda a: a.reshape(shape))
        return found.reshape(shape)

    def _is_endless(self, read: Read) -> bool:
        """Whether sequences may have any length; constants of each step have said theirs before."""
        assert read.axis is not None
        return any(atom.open for atom in self.walk.pieces(read.view.axes[read.axis]))

    def _read_beside(self, body: Body) -> Read | None:
        """A sequence that the step reads."""
        names = [*self.sequences, *(n.output[0] for n in self.graph.node if n.op_type == "Gather")]
        for name in names:
            if self._beside is None:
                try:
                    body.value(name)
                except ModelError:  # told where it is needed
                    continue
        return self._beside

    def run(
        self, known: Mapping[str, StepValue], states: Sequence[StateIn], wanted: Sequence[Out]
    ) -> list[Value]:
        """The results of all steps."""
        while True:
            try:
                return self._run(known, states, wanted)
            except NewRing:
                self.rolling = Rolling(self.walk, self.node, self.timed)
                self.orders = set()

    def _run(
        self, known: Mapping[str, StepValue], states: Sequence[StateIn], wanted: Sequence[Out]
    ) -> list[Value]:
        rings = list(self.numbers.rings.values())

        def read(before: dict[str, Symbols]) -> Tensors:
            body, self._before = self.body(), before
            body.values |= known
            body.data |= {*before, *self.sequences}
            for ring in rings:
                body.values[ring.after] = before[ring.before].moved(lambda a: np.roll(a, -1))
            body.values |= {name: self._plain(numbers) for name, numbers in before.items()}

            def tensor(name: str) -> Symbols:
                value = body.value(name)
                if isinstance(value, Counted):
                    value = self._now(body, name, value)
                if isinstance(value, Symbols | np.ndarray):
                    return self.rolling.leaves.lift(value)
                raise self.node.error(
                    f"gives {name!r}, which no step computes as a vector, as a count or a whole "
                    "sequence; leave it out of what the loop gives, and make it outside"
                )

            for out in wanted:
                tensor(out.name)
            for state in states:
                tensor(state.after)
            return tensor

        alive = _alive(self.graph, states, wanted)
        states = [*(s for s in states if s.shown or s.before in alive), *rings]
        results = self.rolling.results(states, wanted, read, lambda: self.orders == {True})
        if self.orders == {True, False}:
            raise self.node.error(
                "reads one sequence forward and another backward, where a step knows one order; "
                "flip the data of one of them before they enter the network"
            )
        return results


def _alive(graph: GraphProto, states: Sequence[StateIn], wanted: Sequence[Out]) -> set[str]:
    """Names that the wanted results are computed from, at this step or a later one."""
    names = {out.name for out in wanted} | {s.after for s in states if s.shown}
    while True:
        _, read = needed(graph.node, names)
        more = names | {s.after for s in states if s.before in read or s.before in names}
        if more == names:
            return read | names
        names = more
