"""Leaves: what the numbers of a step are, each vector kept once however often it is computed.

Sums with constant weights are one linear leaf, functions and products elementwise ones, in which a
selection is pushed down to the operands: the rows of a gate are those of its own matrix, however
the file packs them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.step.function import TIMES, Doubles, Function
from lstm_edge.frontend.step.symbols import (
    Integers,
    Selection,
    Symbols,
    broadcast,
    groups,
    selections,
    vector,
)

Kind = Literal["input", "state", "const", "linear", "each", "whole"]
Term = tuple[Selection, Doubles]
"""Coefficients of a selection of m units: [n] of each its own (n = m), or a matrix [n, m]."""


@dataclass(frozen=True, eq=False)
class Leaf:
    """A vector of `size` numbers.

    kind    what it is
    input   the vector `name` that enters the step
    state   the vector `name` that the step before left
    const   `numbers`
    linear  `numbers`, a bias, + the sum of `terms`
    each    `function` of `args` (selections of `size` units), unit by unit
    whole   `function` of all numbers of `args` end to end
    """

    kind: Kind
    size: int
    name: str = ""
    function: Function | None = None
    args: tuple[Selection, ...] = ()
    terms: tuple[Term, ...] = ()
    numbers: Doubles = field(default_factory=lambda: np.zeros(0))

    @property
    def operands(self) -> tuple[Selection, ...]:
        """What it reads."""
        return tuple(selection for selection, _ in self.terms) or self.args


class Leaves:
    """All leaves of a graph, operands before their users."""

    def __init__(self) -> None:
        self.all: list[Leaf] = []
        self._known: dict[object, int] = {}
        self._digests: dict[int, tuple[Doubles, bytes]] = {}
        self._arrays: dict[bytes, Doubles] = {}

    def __getitem__(self, leaf: int) -> Leaf:
        return self.all[leaf]

    def __len__(self) -> int:
        return len(self.all)

    def add(self, leaf: Leaf, key: object = None) -> int:
        """The number of a leaf; the same for the same key."""
        if key is not None and key in self._known:
            return self._known[key]
        self.all.append(leaf)
        if key is not None:
            self._known[key] = len(self.all) - 1
        return len(self.all) - 1

    def named(self, kind: Literal["input", "state"], name: str, shape: Sequence[int]) -> Symbols:
        """A new input or state as a tensor."""
        size = int(np.prod(shape, dtype=np.int64))
        return vector(self.add(Leaf(kind, size, name)), shape)

    def lift(self, value: Symbols | npt.ArrayLike) -> Symbols:
        """Numbers as symbols."""
        if isinstance(value, Symbols):
            return value
        array = np.asarray(value, np.float64)
        return vector(self._constant(array.reshape(-1)), array.shape)

    def is_constant(self, selection: Selection) -> bool:
        """True for numbers that are known."""
        return self.all[selection[0]].kind == "const"

    def constant(self, selection: Selection) -> Doubles:
        """The numbers of a constant's selection."""
        return self.all[selection[0]].numbers[selection[1]]

    def numbers_of(self, value: Symbols) -> Doubles | None:
        """A tensor of which every number is known, as an array; None for any other."""
        parts = selections(value)
        if not all(map(self.is_constant, parts)):
            return None
        joined = [self.constant(s) for s in parts] or [np.zeros(0)]
        return np.concatenate(joined).reshape(value.shape)

    def _constant(self, numbers: Doubles) -> int:
        return self.add(
            Leaf("const", numbers.size, numbers=numbers), ("const", numbers.size, numbers.tobytes())
        )

    def _digest(self, array: Doubles) -> bytes:
        """The same for the same numbers and shape; computed once for each array that is kept."""
        known = self._digests.get(id(array))
        if known is not None and known[0] is array:
            return known[1]
        content = hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16)
        content.update(repr(array.shape).encode())
        return content.digest()

    def _kept(self, array: Doubles) -> tuple[bytes, Doubles]:
        """The one array of these numbers, and their digest."""
        digest = self._digest(array)
        kept = self._arrays.setdefault(digest, array)
        self._digests[id(kept)] = (kept, digest)
        return digest, kept

    # elementwise

    def each(self, function: Function, *values: Symbols | npt.ArrayLike) -> Symbols:
        """A function of each unit."""

        def one(found: tuple[Selection, ...], size: int) -> Selection:
            if all(map(self.is_constant, found)):
                return self.units(self._constant(function.numbers(*map(self.constant, found))))
            key = (function, tuple((i, u.tobytes()) for i, u in found))
            return self.units(self.add(Leaf("each", size, function=function, args=found), key))

        return self._by_runs(one, *values)

    def multiply(self, a: Symbols, b: Symbols) -> Symbols:
        """a * b; a sum where one of them is known."""

        def one(found: tuple[Selection, ...], size: int) -> Selection:
            for known, other in (found, found[::-1]):
                if self.is_constant(known):
                    terms, bias = self.as_terms(other)
                    factor = self.constant(known)
                    return self.total([(s, c * factor) for s, c in terms], bias * factor)
            first, second = ((i, u.tobytes()) for i, u in found)
            turned = self._known.get((TIMES, (second, first)))
            if turned is not None:
                return self.units(turned)
            made = Leaf("each", size, function=TIMES, args=found)
            return self.units(self.add(made, (TIMES, (first, second))))

        return self._by_runs(one, a, b)

    def combine(
        self, a: Symbols | npt.ArrayLike, b: Symbols | npt.ArrayLike, p: float, q: float
    ) -> Symbols:
        """p * a + q * b."""

        def one(found: tuple[Selection, ...], size: int) -> Selection:
            (first, begin), (second, end) = map(self.as_terms, found)
            terms = [(s, c * p) for s, c in first] + [(s, c * q) for s, c in second]
            return self.total(terms, begin * p + end * q)

        return self._by_runs(one, a, b)

    def scale(self, value: Symbols, factor: npt.ArrayLike) -> Symbols:
        """value * factor, a constant; the shape that broadcasting gives."""
        factors = np.asarray(factor, np.float64)
        shape = np.broadcast_shapes(value.shape, factors.shape)
        flat = np.broadcast_to(factors, shape).reshape(-1)
        leaf, unit = np.empty(flat.size, np.int64), np.empty(flat.size, np.int64)
        for places, (found,) in groups(value.moved(lambda a: np.broadcast_to(a, shape))):
            terms, bias = self.as_terms(found)
            own = flat[places]
            leaf[places], unit[places] = self.total([(s, c * own) for s, c in terms], bias * own)
        return Symbols(leaf.reshape(shape), unit.reshape(shape))

    def _by_runs(
        self,
        one: Callable[[tuple[Selection, ...], int], Selection],
        *values: Symbols | npt.ArrayLike,
    ) -> Symbols:
        tensors = broadcast(*map(self.lift, values))
        shape = tensors[0].shape
        leaf, unit = np.empty(shape, np.int64).reshape(-1), np.empty(shape, np.int64).reshape(-1)
        for places, found in groups(*tensors):
            leaf[places], unit[places] = one(found, len(places))
        return Symbols(leaf.reshape(shape), unit.reshape(shape))

    # sums

    def as_terms(self, selection: Selection) -> tuple[tuple[Term, ...], Doubles]:
        """A selection as a sum: terms and a bias."""
        size = len(selection[1])
        if self.is_constant(selection):
            return (), self.constant(selection)
        return ((selection, np.ones(size)),), np.zeros(size)

    def linear(self, terms: Iterable[Term], bias: Doubles) -> int:
        """The leaf of a sum; a leaf itself where the sum is one."""
        kept = _merged(terms)
        if not kept:
            return self._constant(bias)
        alone = _alone(kept, bias)
        if alone is not None and self.is_whole(alone):
            return alone[0]
        digests = [(s, *self._kept(c)) for s, c in kept]
        name = ("linear", tuple((s[0], s[1].tobytes(), d) for s, d, _ in digests), bias.tobytes())
        arrays = tuple((s, array) for s, _, array in digests)
        return self.add(Leaf("linear", len(bias), terms=arrays, numbers=bias), name)

    def total(self, terms: Sequence[Term], bias: Doubles) -> Selection:
        """A sum of selections of as many units; one of them as it is, where nothing is added."""
        alone = _alone([(s, c) for s, c in terms if np.any(c)], bias)
        return self.units(self.linear(terms, bias)) if alone is None else alone

    def units(self, leaf: int) -> Selection:
        """All units of a leaf."""
        return leaf, np.arange(self.all[leaf].size)

    def vector(self, leaf: int) -> Symbols:
        """All units of a leaf as a tensor."""
        return vector(leaf, (self.all[leaf].size,))

    def below(self, roots: Iterable[int]) -> set[int]:
        """Leaves, and all that they are computed from."""
        waiting, found = list(roots), set[int]()
        while waiting:
            leaf = waiting.pop()
            if leaf not in found:
                found.add(leaf)
                waiting += [source for source, _ in self.all[leaf].operands]
        return found

    def is_whole(self, selection: Selection) -> bool:
        """True for all units of a leaf in order."""
        leaf, units = selection
        size = self.all[leaf].size
        return len(units) == size and bool((units == np.arange(size)).all())

    def product(self, value: Symbols, matrix: Doubles, shape: Sequence[int]) -> Symbols:
        """matrix [n, m] @ the m numbers of a tensor, as a tensor of n numbers."""
        return self.summed(*self.weighed(value, matrix)).moved(lambda a: a.reshape(shape))

    def weighed(self, value: Symbols, matrix: Doubles) -> tuple[list[Term], Doubles, bool]:
        """The terms of such a product, what it adds, and whether some of the numbers are known."""
        terms: list[Term] = []
        bias, known = np.zeros(len(matrix)), False
        for places, (found,) in groups(value):
            own = matrix if len(places) == matrix.shape[1] else matrix[:, places]
            if self.is_constant(found):
                bias, known = bias + own @ self.constant(found), True
            else:
                terms.append((found, own))
        return self._over_leaves(terms), bias, known

    def summed(self, terms: Sequence[Term], bias: Doubles, known: bool) -> Symbols:
        """A sum with matrices as a vector; where some of the numbers were known, so are the units
        that none of the others are in.
        """
        moving = np.full(len(bias), not known)
        for _, factor in terms:
            moving |= factor.reshape(len(bias), -1).any(axis=1)
        if moving.all() or not moving.any():
            return vector(self.linear(terms, bias), bias.shape)
        rows = np.flatnonzero(moving)
        own = [
            (s if c.ndim == 2 else (s[0], s[1][rows]), np.ascontiguousarray(c[rows]))
            for s, c in terms
        ]
        made = self.lift(np.where(moving, 0.0, bias))
        made.leaf[rows], made.unit[rows] = self.linear(own, bias[rows]), np.arange(len(rows))
        return made

    def _over_leaves(self, terms: list[Term]) -> list[Term]:
        """Several selections of one leaf as one matrix over all of it."""
        by: dict[int, list[tuple[Integers, Doubles]]] = {}
        for (leaf, units), matrix in terms:
            by.setdefault(leaf, []).append((units, matrix))
        result: list[Term] = []
        for leaf, parts in by.items():
            size = self.all[leaf].size
            if len(parts) == 1 and self.is_whole((leaf, parts[0][0])):
                whole = parts[0][1]
            else:
                whole = np.zeros((len(parts[0][1]), size))
                for units, matrix in parts:
                    np.add.at(whole.T, units, matrix.T)
            result.append(((leaf, np.arange(size)), whole))
        return result

    def expanded(
        self, selection: Selection, kept: Container[int] = ()
    ) -> tuple[tuple[Term, ...], Doubles]:
        """A selection of a linear leaf as terms and a bias, with the sums inside of it that belong
        to the same product, or to none. kept: leaves that stay one value.
        """
        number, units = selection
        leaf = self.all[number]
        bias = leaf.numbers[units].copy()
        found: list[Term] = []
        for (source, its), factor in leaf.terms:
            own = ((source, its), factor[units]) if factor.ndim == 2 else None
            inner, c = own if own is not None else ((source, its[units]), factor[units])
            if self.all[source].kind != "linear" or source in kept:
                found.append((inner, c))
                continue
            more, constant = self.expanded(inner, kept)
            matrices = any(k.ndim == 2 for _, k in more)
            if (len(more) == 1 and not matrices) or not more or (c.ndim == 1 and matrices):
                bias += c @ constant if c.ndim == 2 else c * constant
                found += [(s, _scaled(c, k)) for s, k in more]
            else:
                found.append((inner, c))
        return tuple(_merged(found)), bias

    def flattened(
        self, leaf: int, made: dict[int, tuple[dict[int, Doubles], Doubles]]
    ) -> tuple[dict[int, Doubles], Doubles]:
        """A leaf as a matrix for each leaf that is no sum, and a bias. made: those found so far."""
        if leaf not in made:
            size = self.all[leaf].size
            if self.all[leaf].kind == "const":
                made[leaf] = {}, self.all[leaf].numbers
            elif self.all[leaf].kind != "linear":
                made[leaf] = {leaf: np.eye(size)}, np.zeros(size)
            else:
                bias, found = self.all[leaf].numbers.copy(), dict[int, Doubles]()
                for (source, units), factor in self.all[leaf].terms:
                    own = factor if factor.ndim == 2 else np.diag(factor)
                    inner, constant = self.flattened(source, made)
                    bias += own @ constant[units]
                    for atom, matrix in inner.items():
                        found[atom] = found.get(atom, 0.0) + own @ matrix[units]
                made[leaf] = found, bias
        return made[leaf]

    # whole vectors

    def whole(self, function: Function, value: Symbols, results: int | None = None) -> Symbols:
        """A function of all numbers of the last axis; of as many results, or `results` of them."""
        count = value.shape[-1] if results is None else results
        rows = value.moved(lambda a: a.reshape(-1, value.shape[-1]))
        made = [
            self._whole(function, Symbols(leaf, unit), count)
            for leaf, unit in zip(rows.leaf, rows.unit, strict=True)
        ]
        shape = (*value.shape[:-1], count)
        leaf = np.repeat(np.array(made, np.int64), count).reshape(shape)
        return Symbols(leaf, np.broadcast_to(np.arange(count), shape).copy())

    def _whole(self, function: Function, row: Symbols, count: int) -> int:
        known = self.numbers_of(row)
        if known is not None:
            return self._constant(function.numbers(known))
        found = tuple(selections(row))
        key = (function, count, tuple((i, u.tobytes()) for i, u in found))
        return self.add(Leaf("whole", count, function=function, args=found), key)


def _alone(terms: Sequence[Term], bias: Doubles) -> Selection | None:
    """The selection that a sum is, where it is one as it is."""
    single = len(terms) == 1 and terms[0][1].ndim == 1 and not bias.any()
    return terms[0][0] if single and bool((terms[0][1] == 1).all()) else None


def _merged(terms: Iterable[Term]) -> list[Term]:
    """One term for each selection, without those that add nothing."""
    total: dict[object, Term] = {}
    for (leaf, units), factor in terms:
        key = (leaf, units.tobytes(), factor.ndim)
        known = total.get(key)
        total[key] = ((leaf, units), factor if known is None else known[1] + factor)
    return [(s, c) for s, c in total.values() if np.any(c)]


def _scaled(outer: Doubles, inner: Doubles) -> Doubles:
    """Coefficients of coefficients; at most one of them is a matrix."""
    scaled: Doubles = (outer[:, None] if outer.ndim < inner.ndim else outer) * inner
    return scaled
