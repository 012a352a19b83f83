"""Loop and Scan, and a single step of the file: the nodes that `run_node` gives to this engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from onnx import GraphProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.node import is_standard
from lstm_edge.frontend.graph.sketch import needed
from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.frontend.step.body import Body, Counted, Read
from lstm_edge.frontend.step.body import Value as StepValue
from lstm_edge.frontend.step.roll import Out, Rolling, StateIn
from lstm_edge.frontend.step.symbols import Symbols

FIRST_TRY, LONGEST = 2**12, 2**20
"""Steps for which a condition is computed where nothing says how many there are."""

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Slot:
    """What a Loop carries: its names in the body before and after a step, its start, its place
    among the outputs.
    """

    before: str
    after: str
    start: Value
    output: int


class _Reader:
    """One node with a body while it is read."""

    def __init__(self, walk: Walk, node: OnnxNode, timed: bool = True) -> None:
        self.walk, self.node, self.timed = walk, node, timed
        self.graph: GraphProto = node.attributes["body"]
        self.rolling = Rolling(walk, node, timed)
        self.orders: set[bool] = set()
        self.sequences: dict[str, tuple[View, int, bool]] = {}
        """Names in the body that are steps of sequences outside: view, axis of time, backward."""

    def body(self) -> Body:
        """The body with nothing read yet."""
        return Body(self.graph, self._outer, self._step, self.rolling.leaves)

    def _outer(self, name: str) -> StepValue | None:
        if name in self.sequences:
            view, axis, backward = self.sequences[name]
            return self._step(Read(view, axis, backward))
        value = self.walk.values.get(name)
        if isinstance(value, View) and not self.timed:
            return self.rolling.data(value, None)
        if value is None or isinstance(value, View | np.ndarray):
            return value
        raise ModelError(
            self.node.label, f"reads input {value.name!r} of type {value.kind}; not supported"
        )

    def _step(self, read: Read) -> Symbols:
        self.orders.add(read.backward)
        return self.rolling.data(read.view, read.axis)

    def run(
        self, known: Mapping[str, StepValue], states: Sequence[StateIn], wanted: Sequence[Out]
    ) -> list[Value]:
        """The results of all steps."""

        def read(before: dict[str, Symbols]):  # type: ignore[no-untyped-def]
            body = self.body()
            body.values |= known
            body.values |= before

            def tensor(name: str) -> Symbols:
                value = body.value(name)
                if isinstance(value, Symbols | np.ndarray):
                    return self.rolling.leaves.lift(value)
                raise ModelError(
                    self.node.label, f"gives {name!r}, which is no vector of a step; not supported"
                )

            for out in wanted:
                tensor(out.name)
            for state in states:
                tensor(state.after)
            return tensor

        alive = _alive(self.graph, states, wanted)
        states = [s for s in states if s.shown or s.before in alive]
        results = self.rolling.results(states, wanted, read, lambda: self.orders == {True})
        if self.orders == {True, False}:
            raise ModelError(self.node.label, "reads one sequence forward and another backward")
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
    axes = list(given.get("scan_input_axes", [0] * count))
    backward = list(given.get("scan_input_directions", [0] * count))
    for k in range(count):
        view = node.view(states + k)
        name = graph.input[states + k].name
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
        raise ModelError(
            node.label, "takes steps in one order and gives results in the other; not supported yet"
        )
    return _run(reader, slots, wanted, {})


def _start(node: OnnxNode, k: int) -> Value:
    value = node.inputs[k]
    if value is None:
        raise ModelError(node.label, f"has no first value for its state {k}")
    return value


def step(walk: Walk, node: OnnxNode) -> list[Value]:
    """A single step that `single.py` found: its states are inputs of the file."""
    reader = _Reader(walk, node, timed=False)
    graph = reader.graph
    after = list(node.attributes["after"])
    states = []
    for k, (before, name) in enumerate(zip(graph.input, after, strict=True)):
        view = node.view(k)
        reader.rolling.one_row(view.axes)
        states.append(StateIn(node.input_names[k], view, before.name, name, shown=True))
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
    steps = _trips(reader, slots)
    wanted = {
        k: Out(graph.output[1 + k].name, False)
        for k in range(carried, len(node.outputs))
        if node.outputs[k]
    }
    known: dict[str, StepValue] = {graph.input[0].name: Counted(np.arange(steps))}
    known[graph.input[1].name] = np.array(True)
    results = _run(reader, slots, wanted, known | _counts(reader, slots, steps))
    if reader.orders == {True} and wanted:
        raise ModelError(
            node.label, "takes the steps from the last to the first; not supported yet"
        )
    return results


def _run(
    reader: _Reader, slots: Sequence[Slot], wanted: Mapping[int, Out], known: dict[str, StepValue]
) -> list[Value]:
    """The values of all outputs; those that nobody reads are nothing."""
    node = reader.node
    states: list[StateIn] = []
    results: list[Value] = [View("", ()) for _ in node.outputs]
    outs = dict(wanted)
    for slot in slots:
        if slot.before in known:
            count = known[slot.before]
            if isinstance(count, Counted):
                numbers = count.numbers
                results[slot.output] = numbers[-1] + (
                    numbers[-1] - numbers[-2] if len(numbers) > 1 else 1
                )
            continue
        if reader.body().source(slot.after) == slot.before:
            start = slot.start
            if isinstance(start, View | np.ndarray):
                known[slot.before] = start
                results[slot.output] = start
            continue
        if isinstance(slot.start, np.ndarray) and slot.start.dtype.kind != "f":
            raise ModelError(
                node.label,
                f"carries {slot.before!r} of type {slot.start.dtype} from step to step; only "
                "float32 and counters are supported",
            )
        if isinstance(slot.start, View):
            reader.rolling.one_row(slot.start.axes)
        name = f"s{len(states)}"
        if isinstance(slot.start, View | np.ndarray):
            states.append(StateIn(name, slot.start, slot.before, slot.after))
        if slot.output < len(node.outputs) and node.outputs[slot.output]:
            outs[slot.output] = Out(slot.after, True)
    order = sorted(outs)
    made = reader.run(known, states, [outs[k] for k in order])
    for k, value in zip(order, made, strict=True):
        results[k] = value
    return results


def _counts(reader: _Reader, slots: Sequence[Slot], steps: int) -> dict[str, StepValue]:
    """What goes up or down by the same number each step, at all steps."""
    found: dict[str, StepValue] = {}
    body = reader.body()
    for slot in slots:
        start = slot.start
        if not isinstance(start, np.ndarray) or start.size != 1 or start.dtype.kind not in "iu":
            continue
        node = body.maker(slot.after)
        if node is None or not is_standard(node) or node.op_type not in ("Add", "Sub"):
            continue
        names = [body.source(name) for name in node.input]
        other = names[1] if names[0] == slot.before else names[0]
        if slot.before not in names or (node.op_type == "Sub" and names[0] != slot.before):
            continue
        by = body.value(other) if other != slot.before else None
        if isinstance(by, np.ndarray) and by.size == 1:
            change = int(by.reshape(-1)[0]) * (1 if node.op_type == "Add" else -1)
            numbers = start.reshape(-1)[0] + change * np.arange(steps, dtype=start.dtype)
            found[slot.before] = Counted(numbers.reshape(steps, *start.shape))
    return found


def _trips(reader: _Reader, slots: Sequence[Slot]) -> int:
    """How often a Loop runs, by its own numbers."""
    node, graph = reader.node, reader.graph
    most = node.constant(0, "number of steps")
    begun = node.constant(1, "condition")
    limit = LONGEST if most is None else int(most.reshape(-1)[0])
    if limit < 1 or (begun is not None and not begun.all()):
        raise ModelError(node.label, "runs no step at all")
    name = graph.output[0].name
    steps = min(limit, FIRST_TRY)
    while True:
        body = reader.body()
        known: dict[str, StepValue] = {graph.input[0].name: Counted(np.arange(steps))}
        known[graph.input[1].name] = np.array(True)
        for slot in slots:
            if body.source(slot.after) == slot.before and isinstance(slot.start, np.ndarray | View):
                known[slot.before] = slot.start
        body.values |= known | _counts(reader, slots, steps)
        goes_on = body.value(name)
        if isinstance(goes_on, np.ndarray):
            if not goes_on.all():
                return 1
            if most is None or limit > LONGEST:
                raise ModelError(node.label, "never ends by its own numbers")
            return limit
        if not isinstance(goes_on, Counted):
            raise ModelError(node.label, "ends by what the data are; only counters are supported")
        stops = np.flatnonzero(~goes_on.numbers.reshape(steps, -1).all(axis=1))
        if stops.size:
            return int(stops[0]) + 1
        if steps >= min(limit, LONGEST):
            return steps
        steps = min(limit, 2 * steps)


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
