"""The GRU's step, with its reset gate before or after the product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from onnx import NodeProto

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.rewrite.rolled.gate import LINEAR, Function, Gate, function_of, gate_of
from lstm_edge.frontend.rewrite.rolled.linear import Form, Term, linear_form, scaled
from lstm_edge.frontend.rewrite.rolled.step import Step, both_ways


def gru_steps(scope: Graph, node: NodeProto) -> Iterator[Step]:
    """h' = (h - n) * z + n, or h' = z * h + (1 - z) * n; h and n may have each other's place."""
    for left, right in both_ways(node):
        product = scope.maker(scope.strip(left), "Mul")
        if product is None:
            continue
        for a, b in both_ways(product):
            difference = scope.maker(scope.strip(a), "Sub")
            if difference is not None and _same(scope, difference.input[1], right):
                yield from _blend(scope, node, b, difference.input[0], right)
            other = scope.maker(scope.strip(right), "Mul")
            for rest, candidate in both_ways(other) if other is not None else ():
                if _one_minus(scope, rest, a):
                    yield from _blend(scope, node, a, b, candidate)


def _blend(scope: Graph, node: NodeProto, gate: str, one: str, other: str) -> Iterator[Step]:
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


def gru_steps_from_zeros(scope: Graph, node: NodeProto) -> Iterator[Step]:
    """h' = (1 - z) * n."""
    for rest, candidate in both_ways(node):
        difference = scope.maker(scope.strip(rest), "Sub")
        if difference is not None and scope.scalar(difference.input[0]) == 1.0:
            z = gate_of(scope, difference.input[1])
            if z is not None:
                yield from _gru_step(scope, node, z, candidate, None)


def _one_minus(scope: Graph, name: str, gate: str) -> bool:
    node = scope.maker(scope.strip(name), "Sub")
    if node is None or not _same(scope, node.input[1], gate):
        return False
    ones = scope.constant(node.input[0])
    return ones is not None and bool((ones == 1.0).all())


def _gru_step(
    scope: Graph, node: NodeProto, z: Gate, candidate: str, h: str | None
) -> Iterator[Step]:
    function, argument = function_of(scope, candidate) or (LINEAR, candidate)
    form = linear_form(scope, argument)
    found = [{"z": z.form, "h": form}] if h is None else []
    found += _resets(scope, z, form, h)
    for forms in found:
        leaves = frozenset().union(*(part.leaves for part in forms.values()))
        yield Step(
            "GRU",
            forms,
            (z.function, function),
            node.output[0],
            h=h,
            after="q" in forms,
            leaves=leaves,
        )


def _resets(scope: Graph, z: Gate, form: Form, h: str | None) -> Iterator[dict[str, Form]]:
    """The gates of a GRU where a term of the candidate is what a reset gate lets through."""
    for reset in form.terms:
        product = scope.maker(reset.leaf, "Mul")
        rest = Form(tuple(t for t in form.terms if t is not reset), form.pieces)
        for gate, acted in both_ways(product) if product is not None else ():
            r = gate_of(scope, gate)
            if r is None or r.function != z.function:
                continue
            if reset == Term(reset.leaf):
                yield {"z": z.form, "r": r.form, "h": rest, "q": linear_form(scope, acted)}
            elif reset.weight is not None and h is not None and _same(scope, acted, h):
                whole = Form((*rest.terms, replace(reset, leaf=h)), rest.pieces)
                yield {"z": z.form, "r": r.form, "h": whole}


def _same(scope: Graph, left: str, right: str) -> bool:
    return scope.strip(left) == scope.strip(right)
