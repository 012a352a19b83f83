"""Proof that all steps are the body: each is compared with it, from the last to the first.

What stands in a hole of the body at one step is what the step before computed, so each class is
followed from step to step; what stands there at the first step are the initial states. Exporters
fold these into other constants: then the first steps are computed by the body from states that are
tried, and compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lstm_edge.frontend.step.alike import Comparer, Copier, Difference
from lstm_edge.frontend.step.function import Doubles
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.repeat import Body, Classes
from lstm_edge.frontend.step.symbols import Integers, Selection, Symbols, runs

Initial = Doubles | Symbols
"""What a state starts from: constants, or what the graph computes."""

FOLDED = 2e-5
"""Relative difference that folding in float32, several operations deep, may leave."""


class Differs(Exception):
    """A step that is not the body. step: which. leaf: the first leaf that differs."""

    def __init__(self, step: int, difference: Difference) -> None:
        super().__init__(difference.what)
        self.step, self.leaf, self.what = step, difference.leaf, difference.what


@dataclass
class Trace:
    """known: (class, time) -> the numbers that it is, leaf -1 where no step reads a unit; times
    below 0 are before the first step. failed: why a step could not be compared, the latest one.
    guessed: what stood before the first step where that step could not be compared as a whole.
    """

    classes: Classes
    body: Body
    known: dict[tuple[int, int], Symbols] = field(default_factory=dict)
    failed: Differs | None = None
    guessed: dict[tuple[int, int], Symbols] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.leaves: Leaves = self.classes.leaves
        time = self.classes.time
        inputs = [i for i, leaf in enumerate(self.leaves.all) if leaf.kind == "input"]
        self._inputs = {i for i in inputs if time[i] >= 0}
        self._outer = {i: i for i in inputs if time[i] == -1}
        self._places = {(self.leaves[i].name, time[i]): i for i in self._inputs}
        self._holes = frozenset(self.body.holes) | frozenset(self._inputs)
        for leaf, hole in self.body.holes.items():
            self.known[hole.leaf, self.body.step - hole.delay] = self.leaves.vector(leaf)
            self.known[hole.leaf, self.body.step] = self.leaves.vector(hole.leaf)
        self.compare_classes()

    def shown(self) -> int:
        """How many numbers of states are known."""
        return sum(int((value.leaf >= 0).sum()) for value in self.known.values())

    def compare_classes(self) -> None:
        """All that is known of states against the body, from the last step to the first one where
        they differ.
        """
        self.failed = None
        for step in reversed(range(self.body.step + 1)):
            for leaf in self.body.delays:
                try:
                    self._compare_class(leaf, step)
                except Differs as error:
                    self.failed = self.failed or error
            if self.failed is not None:
                return

    def _compare_class(self, leaf: int, step: int) -> None:
        """What later steps read of a class; what none has read need not be there."""
        known = self.known.get((leaf, step))
        if known is None:
            found = self.classes.same(leaf, step)
            if found is None:
                return
            self.known[leaf, step] = known = self.leaves.vector(found)
        read = np.flatnonzero(known.leaf >= 0)
        mine = Symbols(np.full(len(read), leaf), read)
        self.compare(mine, known.at(read), step)

    @property
    def all_inputs(self) -> frozenset[int]:
        """Input leaves of all steps, and those that depend on none."""
        return frozenset((*self._inputs, *self._outer))

    @property
    def early(self) -> int:
        """The last step that initial states may have been folded into."""
        return min(max(self.body.delays.values(), default=0) + 2, self.body.step - 1)

    def inputs_at(self, step: int) -> dict[int, int]:
        """Input leaf of the body -> that of another step."""
        shift = step - self.body.step
        names = {i: (self.leaves[i].name, self.classes.time[i] + shift) for i in self._inputs}
        found = {i: self._places[place] for i, place in names.items() if place in self._places}
        return found | self._outer

    def compare(self, mine: Symbols, theirs: Symbols, step: int) -> None:
        """Numbers of the body against those of a step. Raises Differs."""
        bound: dict[tuple[int, int], Symbols] = {}

        def bind(hole: Selection, found: Selection) -> str:
            if hole[0] not in self.body.holes:
                return self._read(hole, found, step)
            its = self.body.holes[hole[0]]
            place = (its.leaf, step - its.delay)
            if place not in bound:
                known = self.known.get(place)
                size = self.leaves[its.leaf].size
                nothing = Symbols(np.full(size, -1), np.zeros(size, np.int64))
                bound[place] = nothing if known is None else known.moved(np.copy)
            return self._put(bound[place], hole[1], found)

        comparer = Comparer(self.leaves, self._holes, bind)
        for _, _, (one, other) in runs(mine, theirs):
            found = comparer(one, other)
            if found is not None:
                self.guessed |= {p: v for p, v in bound.items() if p[1] < 0}
                raise Differs(step, found)
        self.known.update(bound)

    def _put(self, place: Symbols, units: Integers, found: Selection) -> str:
        """Note what stands in units of a hole."""
        leaf, its = found
        before = place.leaf[units] >= 0
        same = (place.leaf[units] == leaf) & (place.unit[units] == its)
        if (before & ~same).any():
            return "reads another state than the others"
        place.leaf[units], place.unit[units] = leaf, its
        return ""

    def _read(self, mine: Selection, theirs: Selection, step: int) -> str:
        """Whether a step of the input is the one that the body reads."""
        shift = step - self.body.step
        place = (self.leaves[mine[0]].name, self.classes.time[mine[0]] + shift)
        if self._places.get(place) != theirs[0]:
            return "reads another step of the input"
        return "" if np.array_equal(mine[1], theirs[1]) else "reads other features of the input"


@dataclass(frozen=True)
class Result:
    """`mine`, numbers of the body, are what the graph has as `theirs` at a step."""

    mine: Symbols
    theirs: Symbols
    step: int


@dataclass
class Start:
    """The first steps by the body itself, from initial states. until: the last of them. results:
    what else than states is compared. failed: why it is tried. copies: by step, what the body
    computes of them.
    """

    trace: Trace
    initial: Mapping[tuple[int, int], Initial]
    until: int
    results: Sequence[Result] = ()
    failed: Differs | None = None

    def __post_init__(self) -> None:
        trace = self.trace
        self.copies: list[Copier] = []
        states: dict[tuple[int, int], Symbols] = {
            place: trace.leaves.lift(numbers) for place, numbers in self.initial.items()
        }
        for step in range(self.until + 1):
            copy = Copier(trace.leaves, trace.leaves, self._given(states, step))
            self.copies.append(copy)
            for leaf in trace.body.delays:
                value = copy.leaf(leaf)
                known = trace.known.get((leaf, step))
                if known is not None:
                    read = np.flatnonzero(known.leaf >= 0)
                    theirs = known.at(read)
                    compare_symbols(trace.leaves, value.at(read), theirs, step)
                    value = value.moved(np.copy)
                    value.leaf[read], value.unit[read] = theirs.leaf, theirs.unit
                states[leaf, step] = value
        for result in self.results:
            if result.step <= self.until:
                made = self.copies[result.step].symbols(result.mine)
                compare_symbols(trace.leaves, made, result.theirs, result.step)

    def _given(self, states: dict[tuple[int, int], Symbols], step: int) -> dict[int, Symbols]:
        trace = self.trace
        given = {
            leaf: states[hole.leaf, step - hole.delay] for leaf, hole in trace.body.holes.items()
        }
        for leaf, at in trace.inputs_at(step).items():
            given.setdefault(leaf, trace.leaves.vector(at))
        return given


def compare_symbols(leaves: Leaves, mine: Symbols, theirs: Symbols, step: int) -> None:
    """Tensors of numbers that may differ by the rounding of folded constants. Raises Differs."""
    comparer = Comparer(leaves, near=FOLDED)
    for _, _, ((a, units), (b, its)) in runs(mine, theirs):
        if leaves.is_constant((a, units)) and leaves.is_constant((b, its)):
            one, other = leaves.constant((a, units)), leaves.constant((b, its))
            if not np.abs(one - other).max() <= FOLDED * max(1e-3, np.abs(other).max()):
                raise Differs(step, Difference(b, "is another constant"))
            continue
        found = comparer((a, units), (b, its))
        if found is not None:
            raise Differs(step, found)


def initial_of(trace: Trace) -> dict[tuple[int, int], Initial]:
    """Initial states by class and time before the first step, as far as steps show them, else as
    they may be, else zero. Raises Differs where only some numbers of one are known.
    """
    places = [
        (leaf, -delay) for leaf, most in trace.body.delays.items() for delay in range(1, most + 1)
    ]
    initial: dict[tuple[int, int], Initial] = {}
    for place in places:
        start = initial[place] = np.zeros(trace.leaves[place[0]].size)
        known = trace.known.get(place, trace.guessed.get(place))
        if known is None:
            continue
        read = np.flatnonzero(known.leaf >= 0)
        numbers = trace.leaves.numbers_of(known.at(read))
        if numbers is not None:
            start[read] = numbers
        elif place in trace.known:
            if len(read) < known.size:
                what = Difference(int(known.leaf[read[0]]), "reads a part of what it starts from")
                raise Differs(0, what)
            initial[place] = known
    return initial
