"""One step as layers: what must be computed together, and what can run before or after.

States that renew each other are one layer, by the strongly connected components of what reads what.
What a layer reads of others are values of these; what no state is computed from is a head, so that
it runs once where only the last step counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lstm_edge.errors import ModelError
from lstm_edge.frontend.step.equations import Equations
from lstm_edge.frontend.step.graph import Dependence
from lstm_edge.frontend.step.known import Recognised, recognised
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.symbols import Selection, Symbols, leaves_of, selections
from lstm_edge.ir import expr as ex
from lstm_edge.ir.expr import Cell, Expr, walk
from lstm_edge.ir.model import Floats

MOST_PARTS = 16
"""Vectors of which an output is put together without work."""


@dataclass(frozen=True)
class Kept:
    """A state of a step: the leaf that it is before, the numbers that it is after, its start.
    shown: whether it is kept where nothing needs it.
    """

    name: str
    before: int
    after: Symbols
    initial: Floats
    shown: bool = False


@dataclass(frozen=True)
class Wanted:
    """Numbers that a step gives; last: after the last step only."""

    numbers: Symbols
    last: bool = False


@dataclass(frozen=True)
class StepLayer:
    """A layer of the step.

    inputs: the cell's input name -> value. outputs: result -> value. units: result -> its size.
    """

    kind: str
    cell: Cell
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    params: Mapping[str, Floats]
    initial: Mapping[str, Floats]
    units: Mapping[str, int]


@dataclass(frozen=True)
class Steps:
    """layers: in an order of computation. outputs: of each wanted, values end to end. states: state
    -> the value that it is after the step, and its name in the layer.
    """

    layers: tuple[StepLayer, ...]
    outputs: tuple[tuple[str, ...], ...]
    states: Mapping[str, tuple[str, str]]


class _NoInput(ModelError):
    """A layer would have no input, which gives it its time."""


def cut(
    label: str,
    leaves: Leaves,
    inputs: Mapping[int, str],
    states: Sequence[Kept],
    wanted: Sequence[Wanted],
) -> Steps:
    """The layers of a step; inputs: leaf -> value.

    Raises ModelError, naming `label`, for what no input is in.
    """
    needed = _needed(leaves, states, wanted)
    try:
        return _Cut(label, leaves, inputs, needed).steps(wanted)
    except _NoInput:
        return _Cut(label, leaves, inputs, needed, joined=True).steps(wanted)


def _needed(leaves: Leaves, states: Sequence[Kept], wanted: Sequence[Wanted]) -> list[Kept]:
    """States that what is wanted is computed from, at this step or a later one."""
    kept = [s for s in states if s.shown]
    while True:
        roots = [w.numbers for w in wanted] + [s.after for s in kept]
        read = leaves.below(leaf for numbers in roots for leaf in leaves_of(numbers))
        more = [s for s in states if s.shown or s.before in read]
        if len(more) == len(kept):
            return kept
        kept = more


@dataclass(frozen=True)
class _Head:
    """A result that no state needs: its parts by the names of values."""

    targets: Mapping[str, tuple[Selection, ...]]
    last: bool
    inside: set[int]


class _Cut:
    def __init__(
        self,
        label: str,
        leaves: Leaves,
        inputs: Mapping[int, str],
        states: Sequence[Kept],
        joined: bool = False,
    ) -> None:
        self.label, self.leaves, self.inputs, self.states = label, leaves, inputs, states
        self.after = [tuple(selections(s.after)) for s in states]
        self.before = {s.before: k for k, s in enumerate(states)}
        self.order = Dependence(leaves, [s.before for s in states], self.after, joined)
        self.asked: list[dict[int, None]] = [{} for _ in range(self.order.count)]

    def steps(self, wanted: Sequence[Wanted]) -> Steps:
        """Layers from the last to the first, which ask for what they read, then in order."""
        outputs, heads = self._outputs(wanted)
        made = [self._head(head) for head in _joined(heads)][::-1]
        early: dict[int, int] = {}
        recurrent: list[StepLayer] = []
        for group in reversed(range(self.order.count)):
            layer, before = self._recurrent(group)
            recurrent.append(layer)
            early.update(dict.fromkeys(before, group))
        for group, layer in enumerate(recurrent):
            at = self.order.count - 1 - group
            made.append(layer)
            targets = [leaf for leaf, first in early.items() if first == at]
            if targets:
                made.append(self._before(targets))
        names = {s.name: (self._state_value(k), s.name) for k, s in enumerate(self.states)}
        for layer in recurrent:  # known cells call their states as they do
            for result, value in layer.outputs.items():
                names |= {n: (v, result) for n, (v, _) in names.items() if v == value}
        return Steps(_computed(made[::-1], self.label), tuple(outputs), names)

    # names of values

    def _value(self, leaf: int) -> str:
        return self.inputs.get(leaf, f"value {leaf}")

    def _state_value(self, k: int) -> str:
        """What a state is after the step."""
        after = self.after[k]
        rooted = len(after) == 1 and self.order.roots.get(after[0][0]) == k
        rooted = rooted and after[0][0] not in self.inputs
        return self._value(after[0][0]) if rooted else f"state {k}"

    # what runs after

    def _outputs(self, wanted: Sequence[Wanted]) -> tuple[list[tuple[str, ...]], list[_Head]]:
        outputs: list[tuple[str, ...]] = []
        heads: list[_Head] = []
        for k, want in enumerate(wanted):
            states = self._shown(want.numbers.flat())
            if states:
                outputs.append(tuple(map(self._state_value, states)))
                continue
            parts = tuple(selections(want.numbers))
            plain = len(parts) <= MOST_PARTS and all(map(self.leaves.is_whole, parts))
            plain = plain and not any(map(self.leaves.is_constant, parts))
            targets: dict[str, tuple[Selection, ...]] = {}
            if not plain:
                targets[f"output {k}"] = parts
                outputs.append((f"output {k}",))
            else:
                values = []
                for leaf, units in parts:
                    if leaf in self.inputs or not self.order.is_free(leaf):
                        values.append(self._value(leaf))
                        self._ask([leaf])
                    else:
                        values.append(f"output {k} {leaf}")
                        targets[values[-1]] = ((leaf, units),)
                outputs.append(tuple(values))
            if targets:
                every = [p for parts in targets.values() for p in parts]
                _, inside = self.order.boundary(every, self._free)
                heads.append(_Head(targets, want.last, inside))
        return outputs, heads

    def _shown(self, numbers: Symbols) -> list[int]:
        """The states that numbers are after the step, end to end; none where they are others."""
        found, at = [], 0
        flats = [s.after.flat() for s in self.states]
        while at < numbers.size:
            for k, flat in enumerate(flats):
                own = Symbols(numbers.leaf[at : at + flat.size], numbers.unit[at : at + flat.size])
                if own.same_as(flat):
                    found.append(k)
                    at += flat.size
                    break
            else:
                return []
        return found

    def _free(self, leaf: int) -> bool:
        return self.order.is_free(leaf) and leaf not in self.inputs

    def _ask(self, leaves: Iterable[int]) -> None:
        """Ask the layers that have them for leaves."""
        for leaf in leaves:
            if leaf in self.before:
                self.asked[self.order.group[self.before[leaf]]][leaf] = None
            elif not self._free(leaf) and leaf not in self.inputs:
                self.asked[self.order.own[leaf]][leaf] = None

    def _head(self, head: _Head) -> StepLayer:
        parts = [p for parts in head.targets.values() for p in parts]
        outside, _ = self.order.boundary(parts, self._free)
        self._ask(outside)
        return self._layer("head", outside, _numbered(head.targets), ())

    def _before(self, targets: Sequence[int]) -> StepLayer:
        """What states need and no state is in."""
        parts = [self.leaves.units(leaf) for leaf in targets]
        outside, _ = self.order.boundary(parts, self._free)
        self._ask(outside)
        named = {self._value(part[0]): (part,) for part in parts}
        return self._layer("before", outside, _numbered(named), ())

    # layers with states

    def _recurrent(self, group: int) -> tuple[StepLayer, list[int]]:
        """The layer of a group of states, and what is to be computed before it."""
        own = [k for k, g in enumerate(self.order.group) if g == group]
        more = [leaf for leaf in self.asked[group] if self.order.roots.get(leaf) not in own]
        named = {self.states[k].name: (self._state_value(k), self.after[k]) for k in own}
        named |= _numbered({self._value(leaf): (self.leaves.units(leaf),) for leaf in more})
        parts = [p for _, selected in named.values() for p in selected]
        mine = {self.states[k].before for k in own}

        def least(leaf: int) -> bool:
            return leaf in mine or self.order.belongs(leaf, group)

        def most(leaf: int) -> bool:
            return least(leaf) or self._free(leaf)

        for inside in (least, most):
            outside, _ = self.order.boundary(parts, inside)
            layer = self._layer("cell", outside, named, own)
            computed = [leaf for leaf in outside if self._free(leaf)]
            if not computed or layer.kind != "cell":
                break
        self._ask(outside)
        if computed:
            outer, _ = self.order.boundary(
                [self.leaves.units(leaf) for leaf in computed], self._free
            )
            self._ask(outer)
        return layer, computed

    def _layer(
        self,
        kind: str,
        outside: Sequence[int],
        named: Mapping[str, tuple[str, tuple[Selection, ...]]],
        states: Sequence[int],
    ) -> StepLayer:
        """A layer of results, result -> (value, numbers), that reads the leaves `outside`."""
        if not outside:
            raise _NoInput(self.label, "computes numbers in which no input of its steps is")
        names = ["x", *(f"x{k}" for k in range(2, len(outside) + 1))]
        given = {leaf: ex.input_vector(name) for name, leaf in zip(names, outside, strict=True)}
        given |= {self.states[k].before: ex.state(self.states[k].name) for k in states}
        roots = {parts[0][0] for _, parts in named.values() if len(parts) == 1}
        equations = Equations(self.leaves, roots - given.keys(), given)
        results = _ordered({r: equations.joined(parts) for r, (_, parts) in named.items()})
        cell = Cell(kind, results, limited=True)
        found = recognised(cell, equations.params)
        if found is None:
            found = Recognised(kind, cell, equations.params, {n: n for n in (*results, *names)})
        calls = found.names
        read = zip(names, outside, strict=True)
        return StepLayer(
            found.kind,
            found.cell,
            {calls[n]: self._value(leaf) for n, leaf in read if calls[n] in found.cell.inputs},
            {calls[r]: value for r, (value, _) in named.items()},
            found.params,
            {calls[self.states[k].name]: self.states[k].initial for k in states},
            {calls[r]: sum(len(u) for _, u in parts) for r, (_, parts) in named.items()},
        )


def _computed(layers: Sequence[StepLayer], label: str) -> tuple[StepLayer, ...]:
    """The layers, each behind those that it reads: one that keeps what another renews may have come
    before it.
    """
    waiting, done = list(layers), list[StepLayer]()
    missing = {value for layer in layers for value in layer.outputs.values()}
    while waiting:
        ready = [layer for layer in waiting if missing.isdisjoint(layer.inputs.values())]
        if not ready:
            raise ModelError(
                label,
                "has recurrent layers that read each other within a step, which lstm-edge puts "
                "into no order; please report this with the file",
            )
        done.append(ready[0])
        waiting = [layer for layer in waiting if layer is not ready[0]]
        missing -= set(ready[0].outputs.values())
    return tuple(done)


def _numbered(
    targets: Mapping[str, tuple[Selection, ...]],
) -> dict[str, tuple[str, tuple[Selection, ...]]]:
    """Results y, y2 ... of values."""
    names = (f"y{k if k > 1 else ''}" for k in range(1, len(targets) + 1))
    return dict(zip(names, targets.items(), strict=True))


def _joined(heads: Sequence[_Head]) -> list[_Head]:
    """Heads that have something in common are one."""
    result: list[_Head] = []
    for head in heads:
        same = [h for h in result if h.last == head.last and h.inside & head.inside]
        for other in same:
            head = _Head({**other.targets, **head.targets}, head.last, other.inside | head.inside)
            result.remove(other)
        result.append(head)
    return result


def _ordered(results: Mapping[str, Expr]) -> dict[str, Expr]:
    """Results, the simplest first; one that is another one, or that is read, is a copy."""
    size = {name: sum(1 for _ in walk(e)) for name, e in results.items()}
    made: dict[str, Expr] = {}
    taken: set[int] = set()
    for name in sorted(results, key=lambda n: size[n]):
        e = results[name]
        if id(e) in taken or e.kind in ("state", "input", "param", "constant"):
            e = e * 1.0
        taken.add(id(e))
        made[name] = e
    return made
