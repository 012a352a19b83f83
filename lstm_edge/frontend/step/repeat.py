"""The body that unrolled steps repeat: what each step computes of the one before.

Leaves of two steps are of one class where they are the same function of the input and of older
leaves of corresponding classes: a hash with holes, refined until it is stable. What a step reads of
older steps are its states. They are the body of the last step; `trace.py` shows that all others are
the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lstm_edge.frontend.step.alike import Copier
from lstm_edge.frontend.step.function import Doubles
from lstm_edge.frontend.step.leaves import Leaf, Leaves

MOST_ROUNDS = 8
MOST_DELAY = 64


class NoRepetition(Exception):
    """Steps that have no body in common: why, for people."""


@dataclass(frozen=True)
class Hole:
    """A leaf that is what class `leaf`, a leaf of the body's step, was `delay` steps before."""

    leaf: int
    delay: int


@dataclass(frozen=True)
class Body:
    """step: the one whose leaves it has. holes: older leaf -> what it is. delays: of each class
    that later steps read, how many steps it is kept.
    """

    step: int
    holes: Mapping[int, Hole]
    delays: Mapping[int, int]


class Classes:
    """Leaves by what they compute.

    time: by leaf, the step that it is known at; -1 for constants, -2 for what is not to be looked
    at. loose: whether all numbers are taken for the same, and equal leaves of a step told apart by
    their order: to find what differs. own: the hash of each leaf. at: (time, hash) -> leaves.
    """

    def __init__(
        self, leaves: Leaves, time: Sequence[int], steps: int, loose: bool = False
    ) -> None:
        self.leaves, self.time, self.steps, self.loose = leaves, list(time), steps, loose
        self._arrays: dict[int, bytes] = {}
        self.own = self._counted() if loose else self._stable()
        self.at: dict[tuple[int, bytes], list[int]] = {}
        self._times: dict[bytes, set[int]] = {}
        for leaf, own in self.own.items():
            self.at.setdefault((time[leaf], own), []).append(leaf)
            self._times.setdefault(own, set()).add(time[leaf])

    def _stable(self) -> dict[int, bytes]:
        holes: dict[int, bytes] = {}
        count = 0
        for _ in range(min(MOST_ROUNDS, max(1, self.steps // 2 - 1))):
            holes = self._hashes(holes)
            late = {own for leaf, own in holes.items() if self.time[leaf] >= self.steps // 2}
            if len(late) == count:
                break
            count = len(late)
        return holes

    def _counted(self) -> dict[int, bytes]:
        """Hashes without numbers, with the place among leaves of one step that have the same."""
        found: dict[int, bytes] = {}
        counts: dict[tuple[int, bytes], int] = {}
        for leaf, own in self._hashes({}).items():
            place = (self.time[leaf], own)
            counts[place] = counts.get(place, 0) + 1
            found[leaf] = _digest(own, counts[place])
        return found

    def _hashes(self, holes: Mapping[int, bytes]) -> dict[int, bytes]:
        own: dict[int, bytes] = {}
        for number, leaf in enumerate(self.leaves.all):
            if self.time[number] < -1:
                continue
            if leaf.kind in ("input", "state"):
                own[number] = _digest(leaf.kind, leaf.name)
            else:
                own[number] = self._hash(number, leaf, own, holes)
        return own

    def _hash(
        self, number: int, leaf: Leaf, own: Mapping[int, bytes], holes: Mapping[int, bytes]
    ) -> bytes:
        said: list[bytes] = []
        factors: list[Doubles | None] = [factor for _, factor in leaf.terms]
        arrays = factors or [None] * len(leaf.args)
        for (operand, units), factor in zip(leaf.operands, arrays, strict=True):
            age = self.time[number] - self.time[operand]
            known = own[operand]
            if self.time[operand] >= 0 and age > 0:
                known = _digest("hole", age, holes.get(operand, b""))
            said.append(_digest(known, units.tobytes(), self._array(factor)))
        numbers = leaf.numbers.shape if self.loose else leaf.numbers.tobytes()
        return _digest(leaf.kind, leaf.function, leaf.size, numbers, *said)

    def _array(self, array: Doubles | None) -> bytes:
        """The same for the same numbers; the engine keeps equal arrays once."""
        if array is None:
            return b""
        if self.loose:
            return _digest(array.shape)
        if id(array) not in self._arrays:
            self._arrays[id(array)] = _digest(array.shape, array.tobytes())
        return self._arrays[id(array)]

    def recurs(self, leaf: int) -> bool:
        """True for constants, and what another step computes, too."""
        return self.time[leaf] == -1 or (leaf in self.own and len(self._times[self.own[leaf]]) > 1)

    def same(self, leaf: int, step: int) -> int | None:
        """The only leaf of a step that is what `leaf` is at its own."""
        found = self.at.get((step, self.own[leaf]), [])
        return found[0] if len(found) == 1 else None

    def shifted(self, leaf: int, by: int) -> int:
        """What a leaf is some steps later; made where no node computes it, since nothing needs it
        there. Raises NoRepetition where it is not known what that is.
        """
        time = self.time[leaf]
        if time < 0 or by == 0:
            return leaf
        found = self.at.get((time + by, self.own[leaf]), [])
        if len(found) == 1:
            return found[0]
        operands = [i for i, _ in self.leaves[leaf].operands]
        if found or not operands:
            raise NoRepetition("a step computes what is several things in another step")
        given = {i: self.leaves.vector(self.shifted(i, by)) for i in operands}
        made = Copier(self.leaves, self.leaves, given).leaf(leaf)
        new = int(made.leaf[0])
        self.time += [time + by] * (len(self.leaves) - len(self.time))
        self.own[new] = self.own[leaf]
        self.at[time + by, self.own[leaf]] = [new]
        return new


def _digest(*parts: object) -> bytes:
    content = hashlib.blake2b(digest_size=16)
    for part in parts:
        content.update(part if isinstance(part, bytes) else repr(part).encode())
        content.update(b"|")
    return content.digest()


def body_of(classes: Classes, step: int, results: Iterable[int]) -> Body:
    """The body that computes `results`, leaves of `step`. Raises NoRepetition."""
    return _Search(classes, step).body(results)


class _Search:
    def __init__(self, classes: Classes, step: int) -> None:
        self.classes, self.leaves, self.time = classes, classes.leaves, classes.time
        self.step = step
        self.holes: dict[int, Hole] = {}
        self.seen: set[int] = set()
        self.derived: dict[int, bool] = {}
        self.older: dict[int, set[int]] = {}

    def body(self, results: Iterable[int]) -> Body:
        """See `body_of`."""
        waiting = list(results)
        while waiting:
            leaf = waiting.pop()
            if leaf in self.seen or self.time[leaf] == -1:
                continue
            self.seen.add(leaf)
            waiting += self._next(leaf)
        self._reduce()
        delays: dict[int, int] = {}
        for hole in self.holes.values():
            delays[hole.leaf] = max(delays.get(hole.leaf, 0), hole.delay)
        return Body(self.step, self.holes, delays)

    def _next(self, leaf: int) -> list[int]:
        """Leaves that are to be looked at because of one."""
        time = self.time[leaf]
        if time < -1:
            raise NoRepetition("a step reads what only later steps know")
        operands = [i for i, _ in self.leaves[leaf].operands]
        if time == self.step:
            return operands
        if self.step - time > MOST_DELAY:
            raise NoRepetition(f"a step reads what is {self.step - time} steps old")
        if self._is_product(leaf) or (not self._stays(leaf) and self._is_derived(leaf)):
            return operands
        if not self.classes.recurs(leaf):
            raise NoRepetition("a step reads what only one step computes")
        after = self.classes.shifted(leaf, self.step - time)
        self.holes[leaf] = Hole(after, self.step - time)
        return [after]

    def _stays(self, leaf: int) -> bool:
        """True for what the last step computes, too."""
        return self.classes.same(leaf, self.step) is not None

    def _is_derived(self, leaf: int, above: frozenset[bytes] = frozenset()) -> bool:
        """True for what is computed of nothing but what the last step computes, too, at its own
        step or before, and not of itself: the next step's own work, of states.
        """
        own = self.classes.own[leaf]
        operands = {i for i, _ in self.leaves[leaf].operands if self.time[i] != -1}
        if not operands or own in above:
            return False
        if leaf not in self.derived:
            self.derived[leaf] = all(
                self.leaves[i].kind != "input"
                and (self._stays(i) or self._is_derived(i, above | {own}))
                for i in operands
            )
        return self.derived[leaf]

    def _is_product(self, leaf: int) -> bool:
        """True for a matrix times what one step knows, no wider than the result: a step that reads
        it has a part of the next step's work as its own.
        """
        if self.leaves[leaf].kind != "linear":
            return False
        time = self.time[leaf]
        if time not in self.older:  # a sum of older sums has no end but the first step
            self.older[time] = {i for i, when in enumerate(self.time) if when < time}
        terms, _ = self.leaves.expanded(self.leaves.units(leaf), self.older[time])
        operands = {i for (i, _), _ in terms}
        if not all(c.ndim == 2 for _, c in terms):
            return False
        if any(self.leaves[i].kind == "input" or self.time[i] < self.time[leaf] for i in operands):
            return False
        return sum(self.leaves[i].size for i in operands) <= self.leaves[leaf].size

    def _reduce(self) -> None:
        """Leave out states that are elementwise functions of others of the same age."""
        for leaf, hole in sorted(self.holes.items(), reverse=True):
            operands = {i for i, _ in self.leaves[leaf].operands if self.time[i] >= 0}
            known = operands and all(
                i in self.holes and self.holes[i].delay == hole.delay for i in operands
            )
            if known:
                del self.holes[leaf]
