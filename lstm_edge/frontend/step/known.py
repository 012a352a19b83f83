"""Cells that have a name, recognised by what they compute: blind to names, order and spelling.

What is recognised here is for the reader of reports, and for bounds that its author proved; a step
that nothing here knows is a layer as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from inspect import signature
from itertools import permutations, product

from lstm_edge import cells
from lstm_edge.frontend.step.unify import SLOT, Binding, Unifier, filled
from lstm_edge.functions import Function
from lstm_edge.ir.expr import Cell, Expr, walk
from lstm_edge.ir.model import Floats
from lstm_edge.layers.activation import ELEMENTWISE, activation, log_softmax_layer, softmax_layer
from lstm_edge.layers.dense import dense

Make = Callable[..., Cell]

LARGER = 4
"""How many times the expressions of a cell another spelling of it may have."""


@dataclass(frozen=True)
class Recognised:
    """kind: the layer's name. params: under the cell's names. names: what results, states and
    inputs were called -> what the cell calls them.
    """

    kind: str
    cell: Cell
    params: Mapping[str, Floats]
    names: Mapping[str, str]


@dataclass(frozen=True)
class Pattern:
    """A cell, and how it is made of other functions: `make` takes those of the names `slots`."""

    kind: str
    cell: Cell
    make: Make
    slots: tuple[str, ...] = ()


def recognised(cell: Cell, params: Mapping[str, Floats]) -> Recognised | None:
    """The cell with a name that this is, None where there is none."""
    for pattern in _patterns():
        if _fits(pattern.cell, cell):
            for binding in _bindings(pattern, cell):
                return _bound(pattern, cell, params, binding)
    return None


def _fits(pattern: Cell, cell: Cell) -> bool:
    """What is quickly seen: as many results, states and inputs."""
    counts = [(len(c.results), len(c.states), len(c.inputs)) for c in (pattern, cell)]
    sizes = [sum(1 for _ in walk(*c.results.values())) for c in (pattern, cell)]
    return counts[0] == counts[1] and sizes[1] <= LARGER * sizes[0]


def _bindings(named: Pattern, cell: Cell) -> Iterator[Binding]:
    """All ways in which the results of a pattern are those of a cell."""
    unifier, pattern = Unifier(whole=bool(named.slots)), named.cell
    for order in permutations(cell.results):
        binding: Binding | None = Binding()
        for name, other in zip(pattern.results, order, strict=True):
            if (name in pattern.states) != (other in cell.states):
                binding = None
            elif binding is not None:
                kind = "state" if name in pattern.states else "result"
                binding = binding.bound(kind, name, other)
        if binding is not None:
            pairs = zip(pattern.results.values(), map(cell.results.get, order), strict=True)
            yield from _all(unifier, [(a, b) for a, b in pairs if b is not None], binding)


def _all(unifier: Unifier, pairs: list[tuple[Expr, Expr]], binding: Binding) -> Iterator[Binding]:
    if not pairs:
        yield binding
        return
    for found in unifier.unify(*pairs[0], binding):
        yield from _all(unifier, pairs[1:], found)


def _bound(
    pattern: Pattern, cell: Cell, params: Mapping[str, Floats], binding: Binding
) -> Recognised:
    functions = {name: partial(filled, *binding.slots[name]) for name in pattern.slots}
    made = pattern.make(**functions) if functions else pattern.cell
    names = {other: name for (kind, name), other in binding.names.items() if kind != "param"}
    arrays = {name: params[binding.names["param", name]] for name in made.parameters}
    return Recognised(pattern.kind, made, arrays, names)


@cache
def _patterns() -> tuple[Pattern, ...]:
    """Cells of cells.py first as they are, then with other functions; then what has no states."""
    plain = [_named(name, make) for name, make in _recurrent()]
    plain += [Pattern("fc", dense(), dense)]
    plain += [Pattern(n, activation(n), partial(activation, n)) for n in ELEMENTWISE]
    plain += [Pattern(c.name, c, lambda c=c: c) for c in (softmax_layer(), log_softmax_layer())]
    return (*plain, *_with_functions())


def _recurrent() -> Iterator[tuple[str, Make]]:
    for peephole, coupled, projected in product((False, True), repeat=3):
        yield "lstm", partial(cells.lstm, peephole, coupled, projected)
    for projected, squashed in product((False, True), repeat=2):
        yield "sru", partial(cells.sru, projected, squashed)
    for name, make in cells.BY_NAME.items():
        if all(p.default is not p.empty for p in signature(make).parameters.values()):
            yield name, make  # others are as many cells as there are sizes


def _named(name: str, make: Make) -> Pattern:
    cell = make()
    return Pattern(cell.name, cell, make)


def _with_functions() -> Iterator[Pattern]:
    """LSTM, GRU and RNN with functions that are told from the file."""
    for peephole, coupled in product((False, True), repeat=2):
        make = partial(cells.lstm, peephole, coupled, False, 0.0)
        yield _open("lstm", make, ("gate", "candidate", "output"))
    for after in (False, True):
        yield _open("gru", partial(cells.gru, after, 0.0), ("gate", "candidate"))
    yield _open("rnn", partial(cells.rnn, 0.0), ("candidate",))


def _open(kind: str, make: Make, slots: tuple[str, ...]) -> Pattern:
    return Pattern(kind, make(**{name: _slot(name) for name in slots}), make, slots)


def _slot(name: str) -> Function:
    return lambda x: Expr(SLOT, (x,), name)
