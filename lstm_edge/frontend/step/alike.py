"""Leaves of one step against those of another: the same function, or what differs."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field

import numpy as np

from lstm_edge.frontend.step.expressions import multiplied
from lstm_edge.frontend.step.function import TIMES, Doubles
from lstm_edge.frontend.step.leaves import Leaf, Leaves, Term
from lstm_edge.frontend.step.symbols import (
    Integers,
    Selection,
    Symbols,
    end_to_end,
    runs,
    selections,
    together,
)

ROUNDING = 1e-6
"""Relative to the largest number: what folding in float32 may change."""
MOST_FLAT = 2048
"""Numbers of a sum that is compared by all that it adds in the end."""


@dataclass(frozen=True)
class Difference:
    """`leaf` of the graph is not what the body says; what: how, for people."""

    leaf: int
    what: str


@dataclass
class Comparer:
    """Compares units of `leaves`, the first step's with another's. holes: leaves of the first that
    may be any of the other's; `bind` is told which units stand for which, and gives what is wrong
    with them. near: how far numbers may differ, relative to the largest.
    """

    leaves: Leaves
    holes: frozenset[int] = frozenset()
    bind: Callable[[Selection, Selection], str] = lambda _, __: ""
    near: float = ROUNDING
    memo: dict[tuple[int, int, bytes, bytes], Difference | None] = field(default_factory=dict)
    flat: dict[int, tuple[dict[int, Doubles], Doubles]] = field(default_factory=dict)

    def __call__(self, mine: Selection, theirs: Selection) -> Difference | None:
        """How units of a leaf differ from those of the first step; None where they do not."""
        mine, theirs = self._source(mine), self._source(theirs)
        if mine[0] in self.holes:
            said = self.bind(mine, theirs)
            return Difference(theirs[0], said) if said else None
        (a, units), (b, its) = mine, theirs
        if a == b and not self.holes and np.array_equal(units, its):
            return None
        key = (a, b, units.tobytes(), its.tobytes())
        if key not in self.memo:
            self.memo[key] = self._compare(a, units, b, its)
        return self.memo[key]

    def _source(self, chosen: Selection) -> Selection:
        """What a selection of a sum of one operand, as it is, selects."""
        leaf, units = chosen
        found = self.leaves[leaf]
        while leaf not in self.holes and found.kind == "linear" and len(found.terms) == 1:
            (source, its), factor = found.terms[0]
            if factor.ndim > 1 or (factor[units] != 1.0).any() or found.numbers[units].any():
                break
            leaf, units = source, its[units]
            found = self.leaves[leaf]
        return leaf, units

    def _compare(self, mine: int, units: Integers, at: int, its: Integers) -> Difference | None:
        one, other = self.leaves[mine], self.leaves[at]
        if not self.holes and "linear" in (one.kind, other.kind):
            alike = one.kind == other.kind and self._sums(one, units, other, its, at) is None
            return None if alike else self._flattened((mine, units), (at, its))
        if one.kind != other.kind or one.function != other.function:
            return Difference(at, f"computes {_said(other)} where the others compute {_said(one)}")
        if one.kind == "const":
            return self._close(one.numbers[units], other.numbers[its], at, "reads other constants")
        if one.kind in ("input", "state"):
            same = one is other and np.array_equal(units, its)
            return None if same else Difference(at, "reads another step")
        if one.kind == "linear":
            return self._sums(one, units, other, its, at)
        pairs = _operands(one, units, other, its)
        if pairs is None:
            return Difference(at, "reads other features")
        return self._all(pairs)

    def _all(self, pairs: Iterable[tuple[Selection, Selection]]) -> Difference | None:
        """The first difference; later pairs are looked at all the same, for what they bind."""
        first = None
        for mine, theirs in pairs:
            if len(mine[1]) != len(theirs[1]):
                return first or Difference(theirs[0], "reads other features")
            found = self(mine, theirs)
            first = first or found
        return first

    def _sums(
        self, one: Leaf, units: Integers, other: Leaf, its: Integers, at: int
    ) -> Difference | None:
        if len(one.terms) != len(other.terms):
            return Difference(at, f"adds {len(other.terms)} terms and not {len(one.terms)}")
        found = self._close(one.numbers[units], other.numbers[its], at, "adds other numbers")
        if found is not None:
            return found
        same = np.array_equal(units, its)
        for ((i, u), p), ((j, v), q) in zip(one.terms, other.terms, strict=True):
            if p.ndim != q.ndim:
                return Difference(at, "multiplies by something else")
            if p is not q or not same:
                what = f"multiplies by {'another matrix' if p.ndim == 2 else 'other numbers'}"
                found = self._close(p[units], q[its], at, what)
            if found is None:
                pair = ((i, u), (j, v)) if p.ndim == 2 else ((i, u[units]), (j, v[its]))
                found = self._all([pair])
            if found is not None:
                return found
        return None

    def _flattened(self, mine: Selection, theirs: Selection) -> Difference | None:
        """Sums by what they add in the end: where constants were folded, the sums inside of them
        are others, and vectors that were two are one.
        """
        at = theirs[0]
        if max(self.leaves[mine[0]].size, self.leaves[at].size) > MOST_FLAT:
            return Difference(at, "adds other terms")
        (one, bias), (other, added) = (
            ({atom: m[units] for atom, m in terms.items()}, numbers[units])
            for leaf, units in (mine, theirs)
            for terms, numbers in [self.leaves.flattened(leaf, self.flat)]
        )
        all_numbers = (*one.values(), *other.values(), bias)
        if not all(np.isfinite(m).all() for m in (*all_numbers, added)):
            return Difference(at, "adds a number that is not finite")
        least = self.near * max(float(np.abs(m).max(initial=0.0)) for m in all_numbers)
        left = {b: _columns(q, least) for b, q in other.items()}
        for a, p in one.items():
            units = _columns(p, least)
            same = sorted((b for b in left if len(left[b]) == len(units)), key=lambda b: b != a)
            pairs = [(units, b, left[b]) for b in same]
            if any(self._taken(a, p, *pair, other, left, least) for pair in pairs):
                continue
            for unit in units[:, None]:
                pairs = [(unit, b, its) for b in left for its in left[b][:, None]]
                if not any(self._taken(a, p, *pair, other, left, least) for pair in pairs):
                    return Difference(at, "adds other terms")
        if any(its.size for its in left.values()):
            return Difference(at, f"adds {len(other)} terms and not {len(one)}")
        return self._close(bias, added, at, "adds other numbers", least)

    def _taken(
        self,
        a: int,
        p: Doubles,
        units: Integers,
        b: int,
        its: Integers,
        other: Mapping[int, Doubles],
        left: dict[int, Integers],
        least: float,
    ) -> bool:
        """Whether units of `b` are what those of `a` are, times the same: not left any more."""
        far = self._close(p[:, units], other[b][:, its], b, "", least)
        if far is not None or self((a, units), (b, its)) is not None:
            return False
        left[b] = np.setdiff1d(left[b], its)
        return True

    def _close(
        self, p: Doubles, q: Doubles, at: int, what: str, limit: float = 0.0
    ) -> Difference | None:
        if p.shape != q.shape:
            return Difference(at, what)
        if not np.isfinite(p).all() or not np.isfinite(q).all():  # all others were near infinity
            return None if np.array_equal(p, q) else Difference(at, what)
        far = float(np.abs(p - q).max(initial=0.0))
        largest = max(float(np.abs(p).max(initial=0.0)), float(np.abs(q).max(initial=0.0)))
        limit = max(limit, self.near * largest)
        return None if far <= limit else Difference(at, f"{what} (by up to {far:.3g})")


def _columns(matrix: Doubles, least: float) -> Integers:
    """Those that have numbers."""
    return np.flatnonzero(np.abs(matrix).max(axis=0, initial=0.0) > least)


def _operands(
    one: Leaf, units: Integers, other: Leaf, its: Integers
) -> list[tuple[Selection, Selection]] | None:
    """What some units of two leaves of one function read; None where these are others."""
    if one.kind == "each":
        pairs = zip(one.args, other.args, strict=True)
        return [((i, u[units]), (j, v[its])) for (i, u), (j, v) in pairs]
    mine, theirs = (end_to_end(leaf.args) for leaf in (one, other))
    if not np.array_equal(units, its) or mine.size != theirs.size:
        return None
    return [(pair[0], pair[1]) for _, _, pair in runs(mine, theirs)]


def operands_alike(
    leaves: Leaves, mine: Selection, theirs: Selection, holes: Container[int]
) -> Iterator[tuple[Selection, Selection]]:
    """What two leaves are the same function of, and so on: if they are the same, these may be.
    holes: leaves of the first that may be any of the other's.
    """
    waiting = [(mine, theirs)]
    while waiting:
        (a, units), (b, its) = waiting.pop()
        one, other = leaves[a], leaves[b]
        if a in holes or one.kind != other.kind or one.kind not in ("each", "whole"):
            continue
        if one.function != other.function:
            continue
        pairs = _operands(one, units, other, its) or []
        yield from pairs
        waiting += pairs


def _said(leaf: Leaf) -> str:
    if leaf.function is not None:
        return leaf.function.name or leaf.function.kind
    return {"linear": "a sum", "const": "a constant", "input": "a step of an input"}.get(
        leaf.kind, leaf.kind
    )


@dataclass
class Copier:
    """Leaves of `source` made again in `target`, with others in the place of some.

    given: leaf -> what stands for it, of as many units. Where the target is the source, the result
    is the same leaf if it is the same function.
    """

    source: Leaves
    target: Leaves
    given: Mapping[int, Symbols]
    made: MutableMapping[int, Symbols] = field(default_factory=dict)

    def selection(self, chosen: Selection) -> Symbols:
        """Units of a leaf."""
        leaf, units = chosen
        return self.leaf(leaf).moved(lambda a: a[units])

    def symbols(self, value: Symbols) -> Symbols:
        """A tensor."""
        parts = [self.selection(s) for s in selections(value)]
        return together(parts, np.concatenate).moved(lambda a: a.reshape(value.shape))

    def leaf(self, number: int) -> Symbols:
        """All units of a leaf as a vector."""
        if number in self.given:
            return self.given[number]
        if number not in self.made:
            self.made[number] = self._leaf(number)
        return self.made[number]

    def _leaf(self, number: int) -> Symbols:
        leaf, target = self.source[number], self.target
        if leaf.kind == "const":
            return target.lift(leaf.numbers)
        if leaf.kind == "linear":
            return self._linear(number)
        if leaf.function is None:
            raise KeyError(f"leaf {number} ({leaf.kind} {leaf.name}) is not given")
        values = [self.selection(s) for s in leaf.args]
        if leaf.kind == "whole":
            return target.whole(leaf.function, together(values, np.concatenate), leaf.size)
        if leaf.function == TIMES:
            return multiplied(target, *values)
        return target.each(leaf.function, *values)

    def _linear(self, number: int) -> Symbols:
        """The sum as one leaf of all terms, as the engine makes it."""
        leaf, target = self.source[number], self.target
        terms: list[Term] = []
        bias = leaf.numbers.copy()
        parts: list[Symbols] = []
        folded = False
        for chosen, factor in leaf.terms:
            value = self.selection(chosen)
            if factor.ndim == 2:
                more, added, some = target.weighed(value, factor)
                terms += more
                bias += added
                folded = folded or some
                continue
            known = target.numbers_of(value)
            if known is not None:
                bias += factor * known
            elif len(selections(value)) == 1:
                terms.append((selections(value)[0], factor))
            else:
                parts.append(target.scale(value, factor))
        if any(c.ndim > 1 for _, c in terms):
            total = target.summed(terms, bias, folded)
        else:
            total = Symbols(*map(np.array, np.broadcast_arrays(*target.total(terms, bias))))
        for part in parts:
            total = target.combine(total, part, 1.0, 1.0)
        return total
