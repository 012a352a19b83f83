"""Loop and Scan, and a single step of the file: the nodes that `run_node` gives to this engine."""

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
from lstm_edge.frontend.step.trips import Slot, constants, counted, counters, trips
from lstm_edge.models.names import identifier, unique


class _Reader:
    """One node with a body while it is read."""

    def __init__(self, walk: Walk, node: OnnxNode, timed: bool = True) -> None:
        self.walk, self.node, self.timed = walk, node, timed
        self.graph: GraphProto = node.attributes["body"]
        self.rolling = Rolling(walk, node, timed)
        self.turned = bool(node.attributes.get("reverse", 0))
        """Whether all sequences are read from the last to the first; results keep their place."""
        self.orders: set[bool] = set()
        self.numbers = Numbers(walk, node)
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
        return Body(self.graph, self._outer, self._step, self.rolling.leaves, self._now)

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
        """Whether a Loop's sequences may have any length."""
        assert read.axis is not None
        atoms = self.walk.pieces(read.view.axes[read.axis])
        return self.node.op == "Loop" and any(atom.open for atom in atoms)

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


def scan(walk: Walk, node: OnnxNode) -> list[Value]:
    """Scan: states, then sequences; after the last step states, then results of each step."""
    reader = _Reader(walk, node)
    graph, given = reader.graph, node.attributes
    count = int(given["num_scan_inputs"])
    states = len(node.inputs) - count
    if not 0 <= states <= len(node.inputs) or len(graph.input) != len(node.inputs):
        raise node.error(
            f"attribute num_scan_inputs = {count} with {len(node.inputs)} inputs, of which its "
            f"body reads {len(graph.input)}"
        )
    axes = list(given.get("scan_input_axes", [0] * count))
    backward = list(given.get("scan_input_directions", [0] * count))
    tables: dict[str, StepValue] = {}
    for k in range(count):
        name, numbers = graph.input[states + k].name, node.inputs[states + k]
        if isinstance(numbers, np.ndarray) and numbers.ndim:
            steps = np.moveaxis(numbers, int(axes[k]), 0)
            tables[name] = Counted(steps[::-1] if backward[k] else steps)
            continue
        view = node.view(states + k)
        reader.sequences[name] = (view, int(axes[k]) % len(view.axes), bool(backward[k]))
    scans = len(node.outputs) - states
    turned = list(given.get("scan_output_directions", [0] * scans))
    out_axes = list(given.get("scan_output_axes", [0] * scans))
    slots = [
        Slot(graph.input[k].name, graph.output[k].name, _start(node, k), k) for k in range(states)
    ]
    wanted = {
        states + k: Out(graph.output[states + k].name, False, int(out_axes[k]))
        for k in range(scans)
        if node.outputs[states + k]
    }
    directions = {bool(turned[k - states]) for k in wanted} | set(map(bool, backward))
    if len(directions) > 1:
        raise node.error(
            "takes steps in one order and gives results in the other; give scan_input_directions "
            "and scan_output_directions the same numbers, and flip the results by a Slice behind it"
        )
    views = [view.shape[axis] for view, axis, _ in reader.sequences.values()]
    if not views:
        return _run(reader, slots, wanted, tables)
    reader.counts = lambda n: counters(reader.body(), slots, n)
    results = _run(reader, slots, wanted, {**tables, **reader.counts(views[0])})
    _counted_last(reader, slots, results, views[0])
    return results


def _start(node: OnnxNode, k: int) -> Value:
    value = node.inputs[k]
    if value is None:
        raise node.error(f"has no first value for its state {k}; give it one, as zeros")
    return value


def step(walk: Walk, node: OnnxNode) -> list[Value]:
    """A single step that `single.py` found: its states are inputs of the file."""
    reader = _Reader(walk, node, timed=False)
    graph = reader.graph
    after = list(node.attributes["after"])
    states: list[StateIn] = []
    taken = {before.name for before in graph.input}
    for k, (before, name) in enumerate(zip(graph.input, after, strict=True)):
        view = node.view(k)
        reader.rolling.open_batch(view.axes)
        called = identifier(before.name, "s")
        if called[0] in "xy":  # as inputs and results of cells are called
            called = unique(f"s_{called}", taken)
        states.append(StateIn(called, view, before.name, name, shown=True))
    wanted = [Out(o.name, False) for o in graph.output]
    return reader.run({}, states, wanted)


def loop(walk: Walk, node: OnnxNode) -> list[Value]:
    """Loop: what it carries, then results of each step."""
    reader = _Reader(walk, node)
    graph = reader.graph
    carried = len(node.inputs) - 2
    slots = [
        Slot(graph.input[2 + k].name, graph.output[1 + k].name, _start(node, 2 + k), k)
        for k in range(carried)
    ]
    steps = trips(node, reader.body, slots)
    wanted = {
        k: Out(graph.output[1 + k].name, False)
        for k in range(carried, len(node.outputs))
        if node.outputs[k]
    }
    reader.counts = lambda n: {**counted(graph, n), **counters(reader.body(), slots, n)}
    known = dict(reader.counts(steps))
    results = _run(reader, slots, wanted, known)
    _counted_last(reader, slots, results, steps)
    if (reader.orders == {True}) != reader.turned and wanted:
        raise node.error(
            "takes the steps from the last to the first and gives its results in that order; flip "
            "the sequence by a Slice before it, and let it read x[t] from the first on"
        )
    return results


def _counted_last(reader: _Reader, slots: Sequence[Slot], results: list[Value], steps: int) -> None:
    """Counters after the last step, in their places."""
    after = counters(reader.body(), slots, steps + 1)
    for slot in slots:
        count = after.get(slot.before)
        if isinstance(count, Counted) and slot.output < len(results):
            results[slot.output] = count.numbers[-1]


def _run(
    reader: _Reader, slots: Sequence[Slot], wanted: Mapping[int, Out], known: dict[str, StepValue]
) -> list[Value]:
    """The values of all outputs; those that nobody reads, and counters, are nothing."""
    same = constants(reader.body(), slots)
    results: list[Value] = [View("", ()) for _ in reader.node.outputs]
    outs, states = dict(wanted), list[StateIn]()
    for slot in slots:
        read = slot.output < len(results) and reader.node.outputs[slot.output]
        if slot.before in same and read:
            results[slot.output] = slot.start
        if slot.before not in same and slot.before not in known:
            state = _state(reader, slot, f"s{len(states)}")
            states += [] if state is None else [state]
            if read and state is not None:
                outs[slot.output] = Out(slot.after, True)
    order = sorted(outs)
    made = reader.run({**known, **same}, states, [outs[k] for k in order])
    for k, value in zip(order, made, strict=True):
        results[k] = value
    return results


def _state(reader: _Reader, slot: Slot, name: str) -> StateIn | None:
    """What is carried as a state, which starts from real numbers; None for any other."""
    start = slot.start
    if isinstance(start, View):
        reader.rolling.open_batch(start.axes)
    elif not isinstance(start, np.ndarray) or start.dtype.kind != "f":
        kind = start.dtype if isinstance(start, np.ndarray) else start.kind
        reader.refused[slot.before] = (
            f"carries {slot.before!r} of type {kind} from step to step; only float32 and counters "
            "are supported"
        )
        return None
    return StateIn(name, start, slot.before, slot.after)


def stack(walk: Walk, node: OnnxNode) -> list[Value]:
    """What a Loop gave at each step along an axis of its own, or end to end along one."""
    view = node.view(0)
    time, *left = view.axes
    axis = int(node.attributes["axis"]) % (len(left) + int(node.attributes["new_axis"]))
    if node.attributes["new_axis"]:
        left.insert(axis, time)
    else:
        left[axis] = (*time, *left[axis])
    return [replace(view, axes=tuple(left))]
