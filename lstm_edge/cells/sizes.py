"""How many numbers each vector of a cell has, by the arrays that its equations read.

Sizes that must be equal are one unknown; the arrays vote, so that of several the one that differs
is named. One number (a constant, a total, one unit that is taken, an array of one row) goes with
vectors of any size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from lstm_edge.errors import ModelError
from lstm_edge.ir.expr import Cell, Expr, walk

SCALARS = ("constant", "total", "largest", "argmax")
"""Kinds of expressions that are one number."""


@dataclass(frozen=True)
class Sizes:
    """features: of x. units: result -> its numbers. shapes: parameter -> shape of its array; a
    vector may have it in several axes.
    """

    features: int
    units: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]]


def sizes_of(
    cell: Cell, features: int | None, given: Mapping[str, tuple[int, ...]], label: str
) -> Sizes:
    """All sizes of a cell. features: of x, where they are known; given: shapes of arrays; label: of
    the cell, for messages. Raises ModelError, by the parameter, where sizes contradict.
    """
    unknowns = _Unknowns(cell, given)
    scalar = set(cell.states)
    while True:
        numbers = unknowns.of_expressions(scalar)
        still = {name for name in scalar if numbers[id(cell.results[name])] is None}
        if still == scalar:
            break
        scalar = still
    return unknowns.solved(numbers, features, label)


@dataclass
class _Unknowns:
    """Sizes as unknowns, by number. same: unknown -> one that it equals, or itself. votes: unknown
    -> sizes that arrays have there. certain: unknown -> what the equations say.
    """

    cell: Cell
    given: Mapping[str, tuple[int, ...]]
    same: list[int] = field(default_factory=list)
    votes: dict[int, list[int]] = field(default_factory=dict)
    certain: dict[int, int] = field(default_factory=dict)
    axes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    x: int = 0

    def new(self) -> int:
        self.same.append(len(self.same))
        return self.same[-1]

    def root(self, k: int) -> int:
        while self.same[k] != k:
            k = self.same[k]
        return k

    def equal(self, *unknowns: int | None) -> int | None:
        """All but single numbers are one; None where there are none."""
        found = [self.root(k) for k in unknowns if k is not None]
        for k in found[1:]:
            self.same[self.root(k)] = self.root(found[0])
        return self.root(found[0]) if found else None

    def of_expressions(self, scalar: set[str]) -> dict[int, int | None]:
        """Expression, by identity -> the unknown of its size, None for one number. scalar: states
        that are one number.
        """
        self.same, self.votes, self.certain, self.axes = [], {}, {}, {}
        self.x = self.new()
        states = {name: None if name in scalar else self.new() for name in self.cell.states}
        found: dict[int, int | None] = {}
        for node in walk(*self.cell.results.values()):
            args = [found[id(e)] for e in node.args]
            found[id(node)] = states[node.name] if node.kind == "state" else self._size(node, args)
        for name in states:
            self.equal(states[name], found[id(self.cell.results[name])])
        for name, axes in self.axes.items():
            for k, axis in enumerate(axes):
                if name in self.given:
                    self.votes.setdefault(axis, []).append(self._shape(name)[k])
        return found

    def _shape(self, name: str) -> tuple[int, ...]:
        """As a matrix, or as one vector."""
        shape = self.given[name]
        size = 1
        for n in shape:
            size *= n
        return shape if len(self.axes[name]) == 2 else (size,)

    def _size(self, node: Expr, args: list[int | None]) -> int | None:
        if node.kind == "input":
            return self.x
        if node.kind == "param":
            return self._vector(node.name)
        if node.kind == "affine":
            return self._product(node, args)
        if node.kind == "take" and len(node.units) == 1:
            return None
        if node.kind == "take":
            made = self.new()
            self.certain[made] = len(node.units)
            return made
        if node.kind == "join":
            return self.new()
        return None if node.kind in SCALARS else self.equal(*args)

    def _vector(self, name: str) -> int | None:
        if name not in self.axes:
            self.axes[name] = (self.new(),)
        return None if self.given.get(name) == (1,) else self.axes[name][0]

    def _product(self, node: Expr, args: list[int | None]) -> int | None:
        rows = self.new()
        self.axes[node.name] = (rows,)
        for name, operand in zip(node.matrices, args, strict=True):
            columns = self.new()
            if operand is None:
                self.certain[columns] = 1
            self.axes[name] = (self.new(), columns)
            self.equal(rows, self.axes[name][0])
            self.equal(columns, operand)
        shapes = [self.given[name] for name in node.matrices if name in self.given]
        return None if shapes and all(shape[:1] == (1,) for shape in shapes) else rows

    def solved(self, numbers: Mapping[int, int | None], features: int | None, label: str) -> Sizes:
        """The sizes as numbers, and a check of every array."""
        known = self._known(numbers, label)
        x = known.get(self.root(self.x), features)
        if x is None:
            raise ModelError(
                label,
                "does not tell how many features x has: nothing but single numbers is done with it",
            )
        shapes = {
            name: tuple(known.get(self.root(axis), 1) for axis in axes)
            for name, axes in self.axes.items()
        }
        for name, shape in shapes.items():
            if name in self.given and self._shape(name) not in (shape, (1,)):
                raise ModelError(
                    name, f"is {list(self.given[name])}, expected {list(shape)} of a {label}"
                )
        units = {
            name: 1 if (k := numbers[id(root)]) is None else known.get(self.root(k), 1)
            for name, root in self.cell.results.items()
        }
        return Sizes(x, units, shapes)

    def _known(self, numbers: Mapping[int, int | None], label: str) -> dict[int, int]:
        """Unknown -> its size: what equations say, else what most arrays have, the first of these
        where as many have another.
        """
        votes: dict[int, list[int]] = {}
        for k, sizes in self.votes.items():
            votes.setdefault(self.root(k), []).extend(sizes)
        known = {k: Counter(sizes).most_common(1)[0][0] for k, sizes in votes.items()}
        for k, size in self.certain.items():
            known[self.root(k)] = size
        taken: dict[int, int] = {}
        for node in walk(*self.cell.results.values()):
            source = numbers[id(node.args[0])] if node.kind == "take" else None
            if source is not None and self.root(source) not in known:
                k = self.root(source)
                taken[k] = max(*node.units, taken.get(k, 0))
        known |= {k: last + 1 for k, last in taken.items()}
        for node in walk(*self.cell.results.values()):
            self._moved(node, numbers, known, label)
        return known

    def _moved(
        self, node: Expr, numbers: Mapping[int, int | None], known: dict[int, int], label: str
    ) -> None:
        """What is taken is there; what is joined is as long as its parts."""
        if node.kind not in ("take", "join"):
            return
        last = max(node.units, default=0)
        parts = [numbers[id(e)] for e in node.args]
        lengths = [1 if k is None else known.get(self.root(k), 1) for k in parts]
        if node.kind == "take" and last >= lengths[0]:
            raise ModelError(label, f"takes number {last} of a vector of {lengths[0]} numbers")
        made = numbers[id(node)]
        if made is None:
            return
        size = sum(lengths) if node.kind == "join" else len(node.units)
        if known.setdefault(self.root(made), size) != size:
            raise ModelError(
                label,
                f"{node.kind} gives {size} numbers where its equations have "
                f"{known[self.root(made)]}",
            )
