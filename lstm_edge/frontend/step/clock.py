"""When leaves are computed: the steps that each depends on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.symbols import Symbols, leaves_of

Order = Literal["forward", "backward", "both"]
FORWARD, BACKWARD, NEITHER, MIXED = 1, -1, 0, 2


@dataclass
class Clock:
    """The first and the last step that each leaf depends on, kept up as leaves are added.

    steps: how many there are. order: in which orders the file takes them. place: input leaf -> its
    step. first, last: by leaf; of what depends on none, `steps` and -1. way: FORWARD for what takes
    the steps from the first on, BACKWARD for what takes them from the last on, NEITHER for what
    knows its own step only, MIXED for what joins both ways. hidden: leaves not to be looked at.
    """

    leaves: Leaves
    steps: int
    order: Order
    place: dict[int, int] = field(default_factory=dict)
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    way: list[int] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)

    def wind(self) -> None:
        """Count leaves that are new."""
        for leaf in range(len(self.first), len(self.leaves)):
            known = [i for i, _ in self.leaves[leaf].operands]
            if leaf in self.place:
                first = last = self.place[leaf]
            else:
                first = min((self.first[i] for i in known), default=self.steps)
                last = max((self.last[i] for i in known), default=-1)
            self.first.append(first)
            self.last.append(last)
            self.way.append(self._way(known, first, last))

    def _way(self, known: list[int], first: int, last: int) -> int:
        if self.order != "both":
            return FORWARD if self.order == "forward" else BACKWARD
        ways = {self.way[i] for i in known} - {NEITHER}
        if ways:
            return ways.pop() if len(ways) == 1 else MIXED
        if first >= last or (first > 0 and last < self.steps - 1):
            return NEITHER
        if first == 0 and last == self.steps - 1:
            return MIXED
        return FORWARD if first == 0 else BACKWARD

    def times(self, way: int) -> list[int]:
        """When each leaf is known, counted in the order of one way; -1 for what is always known,
        -2 for what is not to be looked at, or belongs to the other way.
        """
        self.wind()
        return [self._time(leaf, way) for leaf in range(len(self.first))]

    def _time(self, leaf: int, way: int) -> int:
        if leaf in self.hidden:
            return -2
        if self.last[leaf] < 0:
            return -1
        if self.way[leaf] not in (way, NEITHER):
            return -2
        return self.last[leaf] if way == FORWARD else self.steps - 1 - self.first[leaf]

    def spread(self, *values: Symbols) -> int:
        """How many steps apart the numbers of tensors are known, in the order of their way."""
        self.wind()
        leaves = {i for v in values for i in leaves_of(v)}
        timed = [i for i in leaves if self.last[i] >= 0]
        ways = {self.way[i] for i in timed}
        orders = [
            a for a, other in ((self.last, BACKWARD), (self.first, FORWARD)) if other not in ways
        ]
        return min(
            (max(a[i] for i in timed) - min(a[i] for i in timed) for a in orders if timed),
            default=0,
        )

    def mixed(self, *values: Symbols) -> bool:
        """True where tensors together join both ways."""
        self.wind()
        if self.order != "both":
            return False
        ways = {self.way[i] for v in values for i in leaves_of(v)} - {NEITHER}
        return len(ways) > 1 or MIXED in ways
