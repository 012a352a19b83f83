"""Loop and Scan, and a single step of the file: the nodes that `run_node` gives to this engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lstm_edge.frontend.graph.tensor import tensor_value
from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.frontend.step.body import Read
from lstm_edge.frontend.step.body import Value as StepValue
from lstm_edge.frontend.step.counted import Counted
from lstm_edge.frontend.step.place import Out, StateIn
from lstm_edge.frontend.step.reader import Reader
from lstm_edge.frontend.step.trips import Slot, constants, counted, counters, counting, trips
from lstm_edge.models.names import identifier, unique


def scan(walk: Walk, node: OnnxNode) -> list[Value]:
    """Scan: states, then sequences; after the last step states, then results of each step."""
    reader = Reader(walk, node)
    graph, given = reader.graph, node.attributes
    count = int(given["num_scan_inputs"])
    states = len(node.inputs) - count
    if not 0 <= states <= len(node.inputs) or len(graph.input) != len(node.inputs):
        raise node.error(
            f"attribute num_scan_inputs = {count} with {len(node.inputs)} inputs, of which its "
            f"body reads {len(graph.input)}"
        )
    scans = len(node.outputs) - states
    axes, backward = (_each(node, f"scan_input_{n}", count) for n in ("axes", "directions"))
    out_axes, turned = (
        _each(node, f"scan_output_{n}", len(graph.output) - states) for n in ("axes", "directions")
    )
    tables: dict[str, Counted] = {}
    for k in range(count):
        name, numbers = graph.input[states + k].name, node.inputs[states + k]
        rank = numbers.ndim if isinstance(numbers, np.ndarray) else len(node.view(states + k).axes)
        if rank and not -rank <= axes[k] < rank:
            raise node.error(f"attribute scan_input_axes = {axes} does not fit {rank} axes")
        if isinstance(numbers, np.ndarray) and numbers.ndim:
            table = np.moveaxis(numbers, int(axes[k]), 0)
            tables[name] = Counted(table[::-1] if backward[k] else table)
            continue
        view = node.view(states + k)
        reader.sequences[name] = (view, int(axes[k]) % len(view.axes), bool(backward[k]))
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
    reads = [Read(*read) for read in reader.sequences.values()]
    if tables and not reads:
        raise node.error(
            "reads constants alone; give it a sequence of data, or make these an input"
        )
    if not reads:
        return _run(reader, slots, wanted, {})
    for constant in tables.values():
        reader.numbers.fitting(reads[0], len(constant.numbers))
    steps = reads[0].view.shape[reads[0].axis or 0]
    reader.counts = lambda n: counters(reader.body(), slots, n)
    results = _run(reader, slots, wanted, {**tables, **reader.counts(steps)})
    _counted_last(reader, slots, results, steps)
    return results


def _start(node: OnnxNode, k: int) -> Value:
    value = node.inputs[k]
    if value is None:
        raise node.error(f"has no first value for its state {k}; give it one, as zeros")
    return value


def step(walk: Walk, node: OnnxNode) -> list[Value]:
    """A single step that `single.py` found: its states are inputs of the file."""
    reader = Reader(walk, node, timed=False)
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
    by = {t.name: tensor_value(t) for t in graph.initializer}
    counts = {name: by[name] for name in node.attributes.get("counts", [])}
    reader.counts = lambda n: {k: counting(np.zeros_like(a), a, n) for k, a in counts.items()}
    return reader.run(reader.counts(2), states, wanted)


def _each(node: OnnxNode, name: str, count: int) -> list[int]:
    """An attribute that has a number for each sequence, 0 where it is left out."""
    found = [int(n) for n in node.attributes.get(name, [0] * count)]
    if len(found) != count or ("directions" in name and not {0, 1}.issuperset(found)):
        raise node.error(f"attribute {name} = {found!s:.60}, expected {count} numbers of their own")
    return found


def loop(walk: Walk, node: OnnxNode) -> list[Value]:
    """Loop: what it carries, then results of each step."""
    reader = Reader(walk, node)
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


def _counted_last(reader: Reader, slots: Sequence[Slot], results: list[Value], steps: int) -> None:
    """Counters after the last step, in their places."""
    after = counters(reader.body(), slots, steps + 1)
    for slot in slots:
        count = after.get(slot.before)
        if isinstance(count, Counted) and slot.output < len(results):
            results[slot.output] = count.numbers[-1]


def _run(
    reader: Reader, slots: Sequence[Slot], wanted: Mapping[int, Out], known: Mapping[str, StepValue]
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


def _state(reader: Reader, slot: Slot, name: str) -> StateIn | None:
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
