"""The LSTM's step: its gates are told apart by what is done with them."""

from __future__ import annotations

from collections.abc import Iterator

from onnx import NodeProto

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.rewrite.rolled.gate import (
    LINEAR,
    Function,
    Gate,
    function_of,
    gate_of,
    linear_gate,
)
from lstm_edge.frontend.rewrite.rolled.step import Step, both_ways


def lstm_steps(scope: Graph, node: NodeProto) -> Iterator[Step]:
    """h' = o * h(c'), c' = f * c + i * g."""
    for outer, inner in both_ways(node):
        curve, o = function_of(scope, inner) or (LINEAR, inner), gate_of(scope, outer)
        if o is None:
            continue
        c_next = scope.strip(curve[1])
        for f, c, i, g in _cell_state(scope, c_next):
            step = _lstm_step(node.output[0], c_next, (f, c, i, g, o), curve[0])
            if step is not None:
                yield step


Parts = tuple[Gate | None, str | None, Gate, Gate]


def _cell_state(scope: Graph, name: str) -> Iterator[Parts]:
    """f, c, i, g of the cell state; neither f nor c where it starts from zeros."""
    node = scope.maker(name, "Add", "Mul")
    if node is None:
        return
    if node.op_type == "Mul":
        yield from ((None, None, i, g) for i, g in _products(scope, node))
        return
    for left, right in both_ways(node):
        kept = scope.maker(scope.strip(left), "Mul")
        new = scope.maker(scope.strip(right), "Mul")
        if kept is None or new is None:
            continue
        for forget, state in both_ways(kept):
            f = gate_of(scope, forget)
            if f is not None:
                yield from ((f, scope.strip(state), i, g) for i, g in _products(scope, new))


def _products(scope: Graph, node: NodeProto) -> Iterator[tuple[Gate, Gate]]:
    for left, right in both_ways(node):
        i, g = gate_of(scope, left), linear_gate(scope, right)
        if i is not None and g is not None:
            yield i, g


def _lstm_step(
    h_next: str,
    c_next: str,
    parts: tuple[Gate | None, str | None, Gate, Gate, Gate],
    curve: Function,
) -> Step | None:
    f, c, i, g, o = parts
    gates = {"i": i, "o": o} | ({"f": f} if f is not None else {})
    leaves = g.form.leaves
    same = all(gate.form.leaves == leaves for gate in gates.values())
    if not leaves or not same or len({gate.function for gate in gates.values()}) > 1:
        return None
    forms = {name: gates[name].form for name in ("i", "o", "f") if name in gates}
    return Step(
        "LSTM",
        forms | {"c": g.form},
        (i.function, g.function, curve),
        h_next,
        c=c,
        c_next=c_next,
        leaves=leaves,
    )
