"""Forms of a graph, said as they are written: what a rewrite looks for, and what it puts there.

    X, MEAN = var("x"), op("ReduceMean", var("x"), axis("axis"), keepdims=1)
    VARIANCE = mean(square(op("Sub", X, MEAN))) | op("Sub", mean(square(X)), square(MEAN))

A pattern is tried on a tensor and says in which ways it fits: what its variables stand for. One
that occurs twice is the same tensor, or the same number, at both places. Operands of sums and
products may stand in either order; an Identity may stand anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import Any

from onnx import NodeProto, defs, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import OPSET, attributes_of, is_standard

Found = Mapping[str, Any]
"""Variable -> the name of a tensor, or a number."""

Ways = Iterator[Found]
COMMUTATIVE = frozenset(("Add", "Mul", "Max", "Min"))
NEAR = 1e-6
"""How far apart, relatively, numbers are that are meant to be the same."""


@dataclass(frozen=True)
class Pattern:
    """fits: (graph, tensor, what is found so far) -> each way in which the tensor fits. ops: of
    the node that makes it; none where any may.
    """

    fits: Callable[[Graph, str, Found], Ways]
    ops: frozenset[str] = frozenset()

    def __or__(self, other: Pattern) -> Pattern:
        def fits(graph: Graph, name: str, found: Found) -> Ways:
            yield from self.fits(graph, name, found)
            yield from other.fits(graph, name, found)

        return Pattern(fits, self.ops | other.ops)

    def called(self, name: str) -> Pattern:
        """The same, of which the tensor is what variable `name` stands for."""

        def fits(graph: Graph, tensor: str, found: Found) -> Ways:
            for way in self.fits(graph, tensor, found):
                yield from _bound(way, name, tensor)

        return Pattern(fits, self.ops)


def _bound(found: Found, name: str, value: Any) -> Ways:
    if name not in found:
        yield {**found, name: value}
    elif found[name] == value:
        yield found


def _behind(graph: Graph, name: str) -> str:
    """The tensor that Identities hand on."""
    node = graph.producer(name)
    while node is not None and node.op_type == "Identity" and not node.attribute:
        name = node.input[0]
        node = graph.producer(name)
    return name


def var(name: str) -> Pattern:
    """Any tensor."""
    return Pattern(lambda graph, tensor, found: _bound(found, name, _behind(graph, tensor)))


def constant(name: str) -> Pattern:
    """A tensor that depends on constants only."""

    def fits(graph: Graph, tensor: str, found: Found) -> Ways:
        if graph.constant(tensor) is not None:
            yield from _bound(found, name, tensor)

    return Pattern(fits)


def number(wanted: str | float) -> Pattern:
    """A constant of one element that adds no axis: any, which the variable `wanted` stands for,
    or this one.
    """

    def fits(graph: Graph, tensor: str, found: Found) -> Ways:
        array = graph.constant(tensor)
        if array is None or array.size != 1 or array.ndim > 1 or array.dtype.kind not in "fiu":
            return
        value = float(array.reshape(-1)[0])
        if isinstance(wanted, str):
            yield from _bound(found, wanted, value)
        elif abs(value - wanted) <= NEAR * abs(wanted):
            yield found

    return Pattern(fits)


def axis(name: str) -> Pattern:
    """A constant list of one axis."""

    def fits(graph: Graph, tensor: str, found: Found) -> Ways:
        array = graph.constant(tensor)
        if array is not None and array.shape == (1,):
            yield from _bound(found, name, int(array[0]))

    return Pattern(fits)


def op(kind: str, *operands: Pattern, **attributes: Any) -> Pattern:
    """The first result of a node with these operands, and no others.

    attributes: each as given here, or by default; a variable for what it is; None: any.
    """

    def fits(graph: Graph, tensor: str, found: Found) -> Ways:
        tensor = _behind(graph, tensor)
        node = graph.producer(tensor)
        if node is None or node.op_type != kind or not is_standard(node):
            return
        inputs = list(node.input)
        while inputs and not inputs[-1]:  # absent
            inputs.pop()
        if len(inputs) != len(operands) or node.output[0] != tensor:
            return
        for start in _attributes_fit(node, attributes, found):
            for order in permutations(inputs) if kind in COMMUTATIVE else (inputs,):
                yield from _operands_fit(graph, operands, list(order), start)

    return Pattern(fits, frozenset((kind,)))


@cache
def _defaults(kind: str) -> Mapping[str, Any]:
    """The attributes that an operator has where a node does not say."""
    schema = defs.get_schema(kind, OPSET)
    given = {name: a.default_value for name, a in schema.attributes.items()}
    return {name: helper.get_attribute_value(a) for name, a in given.items() if a.name}


def _attributes_fit(node: NodeProto, wanted: Mapping[str, Any], found: Found) -> Ways:
    defaults = _defaults(node.op_type)
    given = {**defaults, **attributes_of(node)}
    for name, value in given.items():
        other = wanted.get(name, defaults.get(name))
        if isinstance(other, str) and name in wanted:
            if found.get(other, value) != value:
                return
            found = {**found, other: value}
        elif name in wanted and other is None:
            continue
        elif isinstance(value, float) and isinstance(other, float):
            if abs(value - other) > NEAR * abs(other):
                return
        elif value != other:
            return
    if wanted.keys() <= given.keys():
        yield found


def _operands_fit(
    graph: Graph, operands: tuple[Pattern, ...], names: list[str], found: Found
) -> Ways:
    if not operands:
        yield found
        return
    for way in operands[0].fits(graph, names[0], found):
        yield from _operands_fit(graph, operands[1:], names[1:], way)


def square(x: Pattern) -> Pattern:
    """x * x, as a product or a power."""
    return op("Mul", x, x) | op("Pow", x, number(2.0))


def product(*factors: Pattern) -> Pattern:
    """Factors multiplied in any order and grouping."""
    if len(factors) == 1:
        return factors[0]
    pairs = [op("Mul", f, product(*factors[:k], *factors[k + 1 :])) for k, f in enumerate(factors)]
    found = pairs[0]
    for pair in pairs[1 : 1 if len(factors) == 2 else None]:
        found |= pair
    return found


def scaled(x: Pattern, factor: float) -> Pattern:
    """x times a number, or divided by its reciprocal."""
    return op("Mul", x, number(factor)) | op("Div", x, number(1.0 / factor))


@dataclass(frozen=True)
class Rule:
    """What fits `pattern` becomes what `nodes` says: (operator, operands, attributes) one after
    the other, each of which reads the one before it and, by name, what was found.
    """

    pattern: Pattern
    nodes: Callable[[Found], list[tuple[str, list[str], dict[str, Any]]]]

    @classmethod
    def one(cls, pattern: Pattern, kind: str, *attributes: str, **fixed: Any) -> Rule:
        """One node of x; `attributes` that were found, and others."""
        return cls(
            pattern,
            lambda found: [(kind, [found["x"]], {k: found[k] for k in attributes} | fixed)],
        )


def rewritten(graph: Graph, *rules: Rule) -> None:
    """Replace every tensor that a rule fits, by the first that does."""
    for node in list(graph.nodes):
        for rule in rules:
            if node.op_type in rule.pattern.ops and is_standard(node):
                found = next(rule.pattern.fits(graph, node.output[0], {}), None)
                if found is not None:
                    graph.replace([node], _made(graph, node, rule.nodes(found)))
                    break


def _made(
    graph: Graph, node: NodeProto, steps: list[tuple[str, list[str], dict[str, Any]]]
) -> list[NodeProto]:
    """One node after the other, the last of which gives what `node` gave."""
    label = node.name or node.output[0]
    names = [*(graph.fresh(node.output[0]) for _ in steps[1:]), node.output[0]]
    made = []
    for k, (kind, operands, attributes) in enumerate(steps):
        read = operands if k == 0 else [names[k - 1], *operands]
        made.append(helper.make_node(kind, read, [names[k]], name=label, **attributes))
    return made
