"""Recurrent steps that nobody has a name for: any operators on any vectors, in a Loop, a Scan, or
written out step after step where there is one state: first steps of several, of which constants
are folded, need not look like the others.

States stay within reach: what renews one is a mean of it and of something bounded, or bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper

from tests.oracle.random_net import Flow, Net

WAYS = ("scan", "loop", "written out")
Ref = int | str
"""A vector of the step by its number, or the name of a weight, which lies outside."""
CURVES: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("Sigmoid", {}), ("Tanh", {}), ("Relu", {}), ("Softplus", {}), ("Softsign", {})),
    *(("Abs", {}), ("Neg", {}), ("Sin", {}), ("Cos", {}), ("Erf", {})),
    *(("HardSigmoid", {}), ("Elu", {"alpha": 0.7}), ("LeakyRelu", {"alpha": 0.1}), ("Selu", {})),
)
PAIRS = ("Add", "Sub", "Mul", "Max", "Min", "Mul", "Add")


@dataclass(frozen=True)
class Op:
    """A node of the step: what it reads, and its attributes; it has one result."""

    kind: str
    inputs: tuple[Ref, ...]
    attributes: dict[str, Any]


@dataclass
class Body:
    """A step while it is drawn. sizes: of vectors by number, x first, then the states; 0 of
    truths."""

    net: Net
    sizes: list[int]
    states: int
    ops: list[Op] = field(default_factory=list)

    def add(self, kind: str, size: int, *inputs: Ref, **attributes: Any) -> int:
        self.ops.append(Op(kind, inputs, attributes))
        self.sizes.append(size)
        return len(self.sizes) - 1

    def any(self) -> int:
        """A vector, those of late more often."""
        numbers = [k for k, size in enumerate(self.sizes) if size]
        return numbers[-1 - int(self.net.choose.triangular(0, len(numbers) - 1, 0))]

    def any_of(self, size: int) -> int:
        """A vector of so many numbers."""
        return self.net.choose.choice([k for k, n in enumerate(self.sizes) if n == size])

    def number(self, value: float) -> str:
        return self.net.weight(np.float32(value))

    def product(self, rows: int, *operands: int) -> int:
        """Of one vector, or of several joined or each with a matrix of its own."""
        choose = self.net.choose
        read = list(operands) or [self.any() for _ in range(choose.choice([1, 1, 2, 3]))]
        if len(read) > 1 and choose.random() < 0.5:
            size = sum(self.sizes[k] for k in read)
            read = [self.add("Concat", size, *read, axis=1)]
        total = None
        for k in read:
            matrix = self.net.floats(self.sizes[k], rows, scale=self.sizes[k] ** -0.5)
            if choose.random() < 0.5:
                bias = self.net.floats(rows, scale=0.3)
                made = self.add("Gemm", rows, k, matrix, bias)
            else:
                made = self.add("MatMul", rows, k, matrix)
            total = made if total is None else self.add("Add", rows, total, made)
        assert total is not None
        return total

    def grow(self) -> int:
        """Another vector, of those that there are."""
        choose, k = self.net.choose, self.any()
        n = self.sizes[k]
        kind = choose.choice(["product", "product", "curve", "curve", "pair", "pair", *_RARE])
        if kind == "product":
            return self.product(choose.randint(1, 8))
        if kind == "curve":
            op, attributes = choose.choice(CURVES)
            return self.add(op, n, k, **attributes)
        if kind == "pair":
            return self.add(choose.choice(PAIRS), n, k, self.any_of(n))
        return _RARE[kind](self, k, n)

    def bounded(self, size: int, state: int) -> int:
        """A vector of so many numbers within -1 and 1; for the first state one of x and of it."""
        if state == 1:
            return self.add("Tanh", size, self.product(size, 0, state, self.any()))
        fitting = [k for k, n in enumerate(self.sizes) if n == size and k > self.states]
        k = self.net.choose.choice(fitting) if fitting else self.product(size)
        return self.add(self.net.choose.choice(["Tanh", "Tanh", "Softsign"]), size, k)

    def renewed(self, state: int) -> int:
        """What a state becomes."""
        size, choose = self.sizes[state], self.net.choose
        new = self.bounded(size, state)
        kind = choose.choice(["gate", "gate", "leak", "new"])
        if kind == "new":
            return new
        if kind == "leak":
            kept = self.add("Mul", size, state, self.number(choose.uniform(0.3, 0.9)))
            return self.add("Add", size, kept, self.add("Mul", size, new, self.number(0.3)))
        gate = self.add("Sigmoid", size, self.product(size))
        rest = self.add("Sub", size, self.number(1.0), gate)
        kept = self.add("Mul", size, gate, state)
        return self.add("Add", size, kept, self.add("Mul", size, rest, new))

    def nodes(self, given: Sequence[str], stem: str) -> tuple[list[NodeProto], list[str]]:
        """The nodes for these names of x and the states, and the names of all vectors."""
        names, made = list(given), []
        for op in self.ops:
            name = self.net.name(stem)
            inputs = [names[k] if isinstance(k, int) else k for k in op.inputs]
            made.append(helper.make_node(op.kind, inputs, [name], **op.attributes))
            names.append(name)
        return made, names


def _divided(body: Body, k: int, n: int) -> int:
    below = body.add("Add", n, body.add("Abs", n, body.any_of(n)), body.number(0.5))
    return body.add("Div", n, k, below)


def _taken(body: Body, k: int, n: int) -> int:
    choose = body.net.choose
    if choose.random() < 0.5:
        begin = choose.randint(0, n - 1)
        end = choose.randint(begin + 1, n)
        bounds = (body.net.ints(begin), body.net.ints(end), body.net.ints(1))
        return body.add("Slice", end - begin, k, *bounds)
    units = [choose.randint(0, n - 1) for _ in range(choose.randint(1, 6))]
    return body.add("Gather", len(units), k, body.net.ints(*units), axis=1)


def _whole(body: Body, k: int, n: int) -> int:
    if body.net.opset >= 17 and n > 2 and body.net.choose.random() < 0.5:
        gain, offset = body.net.floats(n), body.net.floats(n)
        return body.add("LayerNormalization", n, k, gain, offset, axis=-1, epsilon=1e-2)
    return body.add("Softmax", n, k, axis=1)


def _weighted(body: Body, k: int, n: int) -> int:
    """A vector of weights, or a number, with a vector."""
    size = (n,) if body.net.choose.random() < 0.7 else ()
    return body.add(body.net.choose.choice(["Mul", "Add"]), n, k, body.net.floats(*size, scale=0.6))


def _limited(body: Body, k: int, n: int) -> int:
    if body.net.choose.random() < 0.5:
        return body.add("Clip", n, k, body.number(-0.5), body.number(0.8))
    return body.add("Exp", n, body.add("Min", n, k, body.number(0.7)))


def _root(body: Body, k: int, n: int) -> int:
    return body.add("Sqrt", n, body.add("Add", n, body.add("Abs", n, k), body.number(0.1)))


def _selected(body: Body, k: int, n: int) -> int:
    """Of two vectors that meet where they change places, so that nothing jumps."""
    other = body.any_of(n)
    return body.add("Where", n, body.add("Greater", 0, k, other), k, other)


_RARE: dict[str, Callable[[Body, int, int], int]] = {
    "divided": _divided,
    "taken": _taken,
    "whole": _whole,
    "weighted": _weighted,
    "limited": _limited,
    "root": _root,
    "selected": _selected,
}


def custom(net: Net, flow: Flow) -> Flow:
    """A layer of such a step on `flow`; what it shows at each step."""
    choose = net.choose
    flow = net.turned(flow, "TBC")
    sizes = [choose.randint(1, 8) for _ in range(choose.choice([1, 1, 2, 3]))]
    body = Body(net, [flow.features, *sizes], len(sizes))
    body.product(choose.randint(2, 8), 0, 1)
    for _ in range(choose.randint(1, 8)):
        body.grow()
    ends = [body.renewed(k + 1) for k in range(len(sizes))]
    units = choose.randint(1, 8)
    y = body.product(units, ends[0], *choose.sample(ends[1:], choose.randint(0, len(ends) - 1)))
    fixed = not net.open_time and flow.steps > 2 and len(sizes) == 1
    way = choose.choice(WAYS if fixed else WAYS[:2])
    reverse = net.maybe(0.25)
    net.needs_steps |= reverse and net.open_time
    kinds = [op.kind for op in body.ops]
    net.notes.append(f"{way}{', backward' if reverse else ''}: states {sizes}, {kinds}")
    initial = [_initial(net, flow, n) for n in sizes]
    made = {"scan": _scan, "loop": _loop, "written out": _written_out}[way]
    return Flow(made(net, body, flow, initial, ends, y, reverse), "TBC", units, flow.steps)


def _initial(net: Net, flow: Flow, size: int) -> str:
    """Zeros, or other numbers that are the same for the whole batch."""
    first = np.zeros((1, size), np.float32)
    if net.maybe(0.3):
        first = net.numbers.uniform(-0.8, 0.8, (1, size)).astype(np.float32)
    if not net.open_batch:
        return net.weight(np.repeat(first, net.rows, 0), "s")
    shape = net.add("Shape", [flow.name])
    batch = net.add("Gather", [shape, net.ints(1)], axis=0)
    return net.add(
        "Expand", [net.weight(first, "s"), net.add("Concat", [batch, net.ints(size)], axis=0)]
    )


def _value(name: str, size: int | None = None) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, size and [None, size])


def _graph(
    net: Net, body: Body, x: str, before: list[NodeProto], ends: list[int], y: int
) -> tuple[list[NodeProto], list[str], list[str]]:
    """Nodes of a body, the names of its states, and those of its results: states, then y."""
    states = [net.name("state") for _ in range(body.states)]
    nodes, names = body.nodes([x, *states], "v")
    results = []
    for k in (*ends, y):
        results.append(net.name("end"))
        nodes.append(helper.make_node("Identity", [names[k]], [results[-1]]))
    return [*before, *nodes], states, results


def _scan(
    net: Net, body: Body, flow: Flow, initial: list[str], ends: list[int], y: int, reverse: bool
) -> str:
    x = net.name("now")
    nodes, states, results = _graph(net, body, x, [], ends, y)
    inputs = [_value(s, n) for s, n in zip(states, body.sizes[1:], strict=False)]
    inputs.append(_value(x, flow.features))
    sizes = [body.sizes[k] for k in (*ends, y)]
    graph = helper.make_graph(
        nodes, "body", inputs, [_value(r, n) for r, n in zip(results, sizes, strict=True)]
    )
    ways = {"scan_input_directions": [1], "scan_output_directions": [1]} if reverse else {}
    return _outer(
        net, "Scan", [*initial, flow.name], len(results), body=graph, num_scan_inputs=1, **ways
    )


def _loop(
    net: Net, body: Body, flow: Flow, initial: list[str], ends: list[int], y: int, reverse: bool
) -> str:
    """The sequence is turned around for a step that goes back, and its results again."""
    count, on, x = net.name("count"), net.name("on"), net.name("now")
    source = _turned_around(net, flow.name) if reverse else flow.name
    first = [helper.make_node("Gather", [source, count], [x], axis=0)]
    nodes, states, results = _graph(net, body, x, first, ends, y)
    again = net.name("again")
    nodes.append(helper.make_node("Identity", [on], [again]))
    inputs = [
        helper.make_tensor_value_info(count, TensorProto.INT64, []),
        helper.make_tensor_value_info(on, TensorProto.BOOL, []),
        *(_value(s, n) for s, n in zip(states, body.sizes[1:], strict=False)),
    ]
    sizes = [body.sizes[k] for k in (*ends, y)]
    outputs = [_value(r, n) for r, n in zip(results, sizes, strict=True)]
    outputs.insert(0, helper.make_tensor_value_info(again, TensorProto.BOOL, []))
    graph = helper.make_graph(nodes, "body", inputs, outputs)
    most = net.weight(np.array(flow.steps, np.int64), "most")
    if net.open_time:
        most = net.add("Gather", [net.add("Shape", [flow.name]), net.weight(np.int64(0))], axis=0)
    begun = net.weight(np.array(True), "begun")
    found = _outer(net, "Loop", [most, begun, *initial], len(results), body=graph)
    return _turned_around(net, found) if reverse else found


def _turned_around(net: Net, name: str) -> str:
    lowest = int(np.iinfo(np.int64).min)
    arrays = [net.ints(-1), net.ints(lowest), net.ints(0), net.ints(-1)]
    return net.add("Slice", [name, *arrays])


def _outer(net: Net, op: str, inputs: list[str], results: int, **attributes: Any) -> str:
    """The node around a body; its last result is the sequence."""
    names = [net.name("after") for _ in range(results)]
    node = helper.make_node(op, inputs, names, **attributes)
    net.nodes.append(node)
    net.oracle.append(node)
    return names[-1]


def _written_out(
    net: Net, body: Body, flow: Flow, initial: list[str], ends: list[int], y: int, reverse: bool
) -> str:
    states, shown = list(initial), []
    order = range(flow.steps)
    for t in reversed(order) if reverse else order:
        x = net.add("Gather", [flow.name, net.weight(np.int64(t))], axis=0)
        nodes, names = body.nodes([x, *states], "v")
        net.nodes += nodes
        net.oracle += nodes
        states = [names[k] for k in ends]
        shown.append(net.add("Unsqueeze", [names[y], net.ints(0)]))
    return net.add("Concat", shown[::-1] if reverse else shown, axis=0)
