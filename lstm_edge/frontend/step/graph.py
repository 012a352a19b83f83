"""What of a step depends on which states: the order in which its layers can be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.symbols import Selection

Inside = Callable[[int], bool]


class Dependence:
    """Groups of states that renew each other, in an order of computation.

    latest: of each leaf the last group of which a state after the step is in it, -1 where there is
    none. own: the group that computes a leaf, in which a state *before* the step is, not by way of
    one after it; -1 for any other. What no state is computed from is no longer the group's once a
    product or a function of a whole vector takes it in. roots: leaf -> the state that it is after
    the step. joined: states that no input renews are of the first group that one does.
    """

    def __init__(
        self,
        leaves: Leaves,
        before: Sequence[int],
        after: Sequence[tuple[Selection, ...]],
        joined: bool = False,
    ) -> None:
        self.leaves = leaves
        self.roots: dict[int, int] = {}
        for k in reversed(range(len(after))):
            if _computed(leaves, after[k]):
                self.roots[after[k][0][0]] = k
        states = {leaf: k for k, leaf in enumerate(before)}
        self._through = self._all_states(states)
        reads = self._closure([1 << k | self._read(parts) for k, parts in enumerate(after)])
        if joined:
            reads = self._closure(_joined(reads, [self._fed(parts) for parts in after]))
        self.group = _groups(reads)
        self.count = max(self.group, default=-1) + 1
        self.own, self.latest = [-1] * len(leaves), [-1] * len(leaves)
        renewing = self._above(after)
        for number in range(len(leaves)):
            self._place(number, states, number in renewing)

    def _all_states(self, states: Mapping[int, int]) -> list[int]:
        """States, as bits, that each leaf is computed from, before the step or after it."""
        through = [0] * len(self.leaves)
        for number in range(len(self.leaves)):
            if number in states:
                through[number] = 1 << states[number]
            if number in self.roots:
                through[number] = 1 << self.roots[number]
            for source, _ in self.leaves[number].operands:
                through[number] |= through[source]
        return through

    def _fed(self, parts: tuple[Selection, ...]) -> bool:
        """True where an input is in these numbers."""
        return any(self.leaves[leaf].kind == "input" for leaf in self._above([parts]))

    def _above(self, after: Iterable[tuple[Selection, ...]]) -> set[int]:
        """Leaves that states are computed from."""
        return self.leaves.below(leaf for parts in after for leaf, _ in parts)

    def _place(self, number: int, states: Mapping[int, int], renewing: bool) -> None:
        """Find who computes a leaf, whose operands are known."""
        leaf = self.leaves[number]
        own = self.group[states[number]] if number in states else -1
        latest = -1
        for source, _ in leaf.operands:
            if source in self.roots:
                latest = max(latest, self.group[self.roots[source]])
            else:
                own = max(own, self.own[source])
            latest = max(latest, self.latest[source])
        weighs = leaf.kind == "whole" or any(c.ndim == 2 for _, c in leaf.terms)
        reads_old = any(source in states for source, _ in leaf.operands)
        if own >= 0 and weighs and not renewing and not reads_old:
            own, latest = -1, max(own, latest)
        self.own[number] = max(own, latest) if own >= 0 else -1
        self.latest[number] = latest
        if number in self.roots:
            self.own[number] = self.group[self.roots[number]]

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


def _joined(reads: Sequence[int], fed: Sequence[bool]) -> list[int]:
    """With states that no input renews, as counters and clocks, and the first that one does, all
    reading each other. Chosen so, no other group comes between them.
    """
    inputs = sum(1 << k for k, has in enumerate(fed) if has)
    driven = [k for k, mask in enumerate(reads) if (mask | 1 << k) & inputs]
    if not driven:
        return list(reads)
    first = min(driven, key=lambda k: reads[k].bit_count())
    alone = [k for k in range(len(reads)) if k not in driven]
    result = [mask | 1 << first if k in alone else mask for k, mask in enumerate(reads)]
    result[first] |= sum(1 << k for k in alone)
    return result


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
