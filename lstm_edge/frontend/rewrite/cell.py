"""One step of a cell, found in the nodes that compute it: LSTM, GRU and the simple RNN.

Gates are told apart by what is done with them, never by their order, so every exporter's order and
every way to write the sums is the same here. All unrolled loops and all bodies of loops use this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from onnx import NodeProto

from lstm_edge.frontend.rewrite.gate import (
    LINEAR,
    PARAMETERS,
    Function,
    Gate,
    function_of,
    gate_of,
    linear_gate,
)
from lstm_edge.frontend.rewrite.linear import Form, Term, linear_form, scaled
from lstm_edge.frontend.rewrite.scope import Scope


@dataclass(frozen=True)
class Step:
    """One step. forms: pre-activations by gate, in ONNX's order; those of a GRU have "q", too,
    where the reset gate acts after the product: what it acts on. A first step from zeros may lack
    gates that have no effect then.

    op: LSTM, GRU or RNN. functions: as ONNX lists them. h, c: states before the step where the
    nodes tell; h_next, c_next: after it. after: linear_before_reset.
    """

    op: str
    forms: dict[str, Form]
    functions: tuple[Function, ...]
    h_next: str
    h: str | None = None
    c: str | None = None
    c_next: str | None = None
    after: bool = False
    leaves: frozenset[str] = frozenset()

    @property
    def from_zeros(self) -> bool:
        """True for what can be a first step only: the state before it does not occur."""
        return {"LSTM": self.c is None, "GRU": self.h is None, "RNN": False}[self.op]


def steps_of(scope: Scope) -> list[Step]:
    """All nodes that may be the end of a step, in order; of a GRU's every gate is an RNN, too."""
    found: list[Step] = []
    for node in scope.nodes:
        if node.domain in ("", "ai.onnx") and node.op_type in _MATCHERS:
            found.extend(_MATCHERS[node.op_type](scope, node))
        elif node.op_type in PARAMETERS:
            found.extend(_simple(scope, node))
    return found


def _simple(scope: Scope, node: NodeProto) -> Iterator[Step]:
    """h' = f(W x + R h + b)."""
    gate = gate_of(scope, node.output[0])
    if gate is not None and gate.form.leaves:
        yield Step(
            "RNN", {"h": gate.form}, (gate.function,), node.output[0], leaves=gate.form.leaves
        )


def _add(scope: Scope, node: NodeProto) -> Iterator[Step]:
    yield from _gru(scope, node)


def _mul(scope: Scope, node: NodeProto) -> Iterator[Step]:
    yield from _simple_composite(scope, node)
    yield from _lstm(scope, node)
    yield from _gru_from_zeros(scope, node)


def _clip(scope: Scope, node: NodeProto) -> Iterator[Step]:
    yield from _simple_composite(scope, node)


def _simple_composite(scope: Scope, node: NodeProto) -> Iterator[Step]:
    if function_of(scope, node.output[0]) is not None:
        yield from _simple(scope, node)


def _lstm(scope: Scope, node: NodeProto) -> Iterator[Step]:
    """h' = o * h(c'), c' = f * c + i * g."""
    for outer, inner in _both(node):
        curve, o = function_of(scope, inner) or (LINEAR, inner), gate_of(scope, outer)
        if o is None:
            continue
        c_next = scope.strip(curve[1])
        for f, c, i, g in _cell_state(scope, c_next):
            step = _lstm_step(node.output[0], c_next, (f, c, i, g, o), curve[0])
            if step is not None:
                yield step


Parts = tuple[Gate | None, str | None, Gate, Gate]


def _cell_state(scope: Scope, name: str) -> Iterator[Parts]:
    """f, c, i, g of the cell state; neither f nor c where it starts from zeros."""
    node = scope.maker(name, "Add", "Mul")
    if node is None:
        return
    if node.op_type == "Mul":
        yield from ((None, None, i, g) for i, g in _products(scope, node))
        return
    for left, right in _both(node):
        kept = scope.maker(scope.strip(left), "Mul")
        new = scope.maker(scope.strip(right), "Mul")
        if kept is None or new is None:
            continue
        for forget, state in _both(kept):
            f = gate_of(scope, forget)
            if f is not None:
                yield from ((f, scope.strip(state), i, g) for i, g in _products(scope, new))


def _products(scope: Scope, node: NodeProto) -> Iterator[tuple[Gate, Gate]]:
    for left, right in _both(node):
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


def _gru(scope: Scope, node: NodeProto) -> Iterator[Step]:
    """h' = (h - n) * z + n, or h' = z * h + (1 - z) * n; h and n may have each other's place."""
    for left, right in _both(node):
        product = scope.maker(scope.strip(left), "Mul")
        if product is None:
            continue
        for a, b in _both(product):
            difference = scope.maker(scope.strip(a), "Sub")
            if difference is not None and _same(scope, difference.input[1], right):
                yield from _blend(scope, node, b, difference.input[0], right)
            other = scope.maker(scope.strip(right), "Mul")
            for rest, candidate in _both(other) if other is not None else ():
                if _one_minus(scope, rest, a):
                    yield from _blend(scope, node, a, b, candidate)


def _blend(
    scope: Scope, node: NodeProto, gate: str, one: str, other: str
) -> Iterator[Step]:
    """gate * one + (1 - gate) * other: a GRU with z = gate and n = other, or with
    1 - z = gate and n = one, of which z is the sigmoid of the negative sum.
    """
    z = gate_of(scope, gate)
    if z is None:
        return
    yield from _gru_step(scope, node, z, other, scope.strip(one))
    if z.function == Function("Sigmoid"):
        negative = Gate(z.function, scaled(z.form, -1.0))
        yield from _gru_step(scope, node, negative, one, scope.strip(other))


def _gru_from_zeros(scope: Scope, node: NodeProto) -> Iterator[Step]:
    """h' = (1 - z) * n."""
    for rest, candidate in _both(node):
        difference = scope.maker(scope.strip(rest), "Sub")
        if difference is not None and scope.scalar(difference.input[0]) == 1.0:
            z = gate_of(scope, difference.input[1])
            if z is not None:
                yield from _gru_step(scope, node, z, candidate, None)


def _one_minus(scope: Scope, name: str, gate: str) -> bool:
    node = scope.maker(scope.strip(name), "Sub")
    if node is None or not _same(scope, node.input[1], gate):
        return False
    ones = scope.constant(node.input[0])
    return ones is not None and bool((ones == 1.0).all())


def _gru_step(
    scope: Scope, node: NodeProto, z: Gate, candidate: str, h: str | None
) -> Iterator[Step]:
    function, argument = function_of(scope, candidate) or (LINEAR, candidate)
    form = linear_form(scope, argument)
    resets = [t for t in form.terms if scope.maker(t.leaf, "Mul") is not None]
    if not resets and h is None:
        forms = {"z": z.form, "h": form}
        leaves = z.form.leaves | form.leaves
        yield Step("GRU", forms, (z.function, function), node.output[0], leaves=leaves)
    if len(resets) != 1:
        return
    reset = resets[0]
    rest = Form(tuple(t for t in form.terms if t is not reset), form.pieces)
    product = scope.maker(reset.leaf, "Mul")
    assert product is not None
    for gate, acted in _both(product):
        r = gate_of(scope, gate)
        if r is None or r.function != z.function:
            continue
        forms, after = {"z": z.form, "r": r.form}, reset.weight is None
        if after and reset == Term(reset.leaf):
            forms |= {"h": rest, "q": linear_form(scope, acted)}
        elif not after and h is not None and _same(scope, acted, h):
            again = Term(h, *_place(reset))
            forms |= {"h": Form((*rest.terms, again), rest.pieces)}
        else:
            continue
        leaves = frozenset().union(*(part.leaves for part in forms.values()))
        functions = (z.function, function)
        yield Step("GRU", forms, functions, node.output[0], h=h, after=after, leaves=leaves)


def _place(term: Term) -> tuple[object, ...]:
    return term.weight, term.transposed, term.scale, term.rows, term.columns


def _same(scope: Scope, left: str, right: str) -> bool:
    return scope.strip(left) == scope.strip(right)


def _both(node: NodeProto) -> tuple[tuple[str, str], tuple[str, str]]:
    left, right = node.input
    return (left, right), (right, left)


_MATCHERS = {"Add": _add, "Mul": _mul, "Clip": _clip}
