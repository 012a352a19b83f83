"""What of a step depends on which states: the order in which its layers can be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.symbols import Selection

Inside = Callable[[int], bool]


class Dependence:
    """Groups of states that renew each other, in an order of computation.

    latest: of each leaf the last group of which a state after the step is in it, -1 where there is
    none. own: the group that computes a leaf, in which a state *before* the step is, not by way of
    one after it; -1 for any other.
    roots: leaf -> the state that it is after the step.
    """

    def __init__(
        self, leaves: Leaves, before: Sequence[int], after: Sequence[tuple[Selection, ...]]
    ) -> None:
        self.leaves = leaves
        self.roots: dict[int, int] = {}
        for k in reversed(range(len(after))):
            if _computed(leaves, after[k]):
                self.roots[after[k][0][0]] = k
        self._through, direct = self._masks(before)
        reads = self._closure([self._read(parts) for parts in after])
        self.group = _groups(reads)
        self.count = max(self.group, default=-1) + 1
        self.latest = [-1] * len(leaves)
        for number in range(len(leaves)):
            for source, _ in leaves[number].operands:
                state = self.roots.get(source)
                new = -1 if state is None else self.group[state]
                self.latest[number] = max(self.latest[number], self.latest[source], new)
        self.own = [
            max(self._last(mask), self.latest[n]) if mask else -1 for n, mask in enumerate(direct)
        ]
        for root, k in self.roots.items():
            self.own[root] = self.group[k]

    def _masks(self, before: Sequence[int]) -> tuple[list[int], list[int]]:
        """States, as bits, that each leaf is computed from: all, and not through new ones."""
        states = {leaf: k for k, leaf in enumerate(before)}
        through, direct = [0] * len(self.leaves), [0] * len(self.leaves)
        for number in range(len(self.leaves)):
            if number in states:
                through[number] = direct[number] = 1 << states[number]
            for source, _ in self.leaves[number].operands:
                through[number] |= through[source]
                direct[number] |= 0 if source in self.roots else direct[source]
        return through, direct

    def _read(self, parts: Iterable[Selection]) -> int:
        mask = 0
        for leaf, _ in parts:
            mask |= self._through[leaf]
        return mask

    @staticmethod
    def _closure(reads: list[int]) -> list[int]:
        """With what those that each state reads read."""
        for k in range(len(reads)):
            reads = [m | reads[k] if m >> k & 1 else m for m in reads]
        return reads

    def _last(self, mask: int) -> int:
        return max((g for k, g in enumerate(self.group) if mask >> k & 1), default=-1)

    def is_free(self, leaf: int) -> bool:
        """True where a leaf is no part of a layer with states."""
        return self.own[leaf] < 0

    def belongs(self, leaf: int, group: int) -> bool:
        """True for what only this group can compute: with its states, or between new ones."""
        own = self.own[leaf]
        return own == group or (own < 0 and self.latest[leaf] == group)

    def boundary(self, parts: Iterable[Selection], inside: Inside) -> tuple[list[int], set[int]]:
        """The leaves outside that `parts` are computed from, and those inside. A sum outside that
        a product with a matrix would take in is inside.
        """
        outside: dict[int, None] = {}
        seen: set[tuple[int, bool]] = set()
        waiting = [(leaf, False) for leaf, _ in parts]
        while waiting:
            number, multiplied = waiting.pop()
            leaf = self.leaves[number]
            if (number, multiplied) in seen or leaf.kind == "const":
                continue
            seen.add((number, multiplied))
            is_sum = leaf.kind == "linear" and self.is_free(number)
            scaled = len(leaf.terms) == 1 and leaf.terms[0][1].ndim == 1
            if inside(number) or (is_sum and (scaled or not multiplied)):
                matrices = [c.ndim == 2 for _, c in leaf.terms]
                through = matrices or [leaf.kind == "whole"] * len(leaf.args)
                sources = [source for source, _ in leaf.operands]
                waiting += zip(sources, through, strict=True)
            else:
                outside[number] = None
        return sorted(outside), {n for n, _ in seen} - outside.keys()


def _computed(leaves: Leaves, after: tuple[Selection, ...]) -> bool:
    """True for a state that becomes a vector that the step computes."""
    whole = len(after) == 1 and leaves.is_whole(after[0])
    return whole and leaves[after[0][0]].kind in ("linear", "each", "whole")


def _groups(reads: Sequence[int]) -> list[int]:
    """A number for each state: the same for those that read each other, higher for readers."""
    group = [-1] * len(reads)
    order = sorted(range(len(reads)), key=lambda k: (reads[k].bit_count(), k))
    count = 0
    for k in order:
        if group[k] < 0:
            for j in order:
                if j == k or (reads[k] >> j & 1 and reads[j] >> k & 1):
                    group[j] = count
            count += 1
    return group
