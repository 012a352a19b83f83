"""A repetition proved: every step and every result is what the body computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

from lstm_edge.frontend.step.alike import Difference
from lstm_edge.frontend.step.initial import Place, solved
from lstm_edge.frontend.step.symbols import Symbols
from lstm_edge.frontend.step.trace import (
    Differs,
    Initial,
    Result,
    Start,
    Trace,
    compare_symbols,
    initial_of,
)

MOST_FIRSTS = 64
"""Ways to start from vectors of the first step that are tried."""


@dataclass
class Proof:
    """All steps are the body: leaf by leaf, or, the first ones, computed from the initial states.
    results: what steps give, which tells of initial states, too. firsts: vectors of the first step,
    which a state may start from. Raises Differs where one is not.
    """

    trace: Trace
    results: Sequence[Result]
    firsts: Callable[[], Sequence[Symbols]] = tuple
    initial: Mapping[Place, Initial] = field(default_factory=dict)
    start: Start | None = None
    _shown: int = 0

    def __post_init__(self) -> None:
        self.initial = initial_of(self.trace)
        if self.trace.failed is not None:
            self._start(self.trace.failed)
        self._shown = self.trace.shown()

    def close(self, results: Sequence[Result]) -> None:
        """What the results told of states that no step had read before: each is what the body
        computes of those before it, and so are the results, again.
        """
        if self.trace.shown() == self._shown:
            return
        begun = self.start
        self.trace.compare_classes()
        self.initial, self.start = initial_of(self.trace), None
        failed = self.trace.failed or (begun and begun.failed)
        if failed:
            self._start(failed)
        for result in results:
            self.result(result.mine, result.theirs, result.step)
        self._shown = self.trace.shown()

    def _start(self, failed: Differs) -> Start:
        """The first steps from the initial states, where `failed` may be for what was folded."""
        if failed.step > self.trace.early:
            raise failed
        if self.start is None:
            self.start = self._started(failed)
        return self.start

    def _started(self, failed: Differs) -> Start:
        """From the initial states that steps show, or else from those that are found."""
        cause = failed
        for initial in self._initials(failed.step):
            try:
                start = Start(self.trace, initial, self.trace.early, self.results, failed)
            except Differs as error:
                cause = error
                continue
            self.initial = initial
            return start
        raise failed from cause

    def _initials(self, until: int) -> Iterator[Mapping[Place, Initial]]:
        """Initial states to try, one way after the other."""
        begun = self.initial
        yield begun
        shown = {p: a for p, a in begun.items() if not isinstance(a, Symbols)}
        if shown and len(shown) == len(begun):
            yield solved(self.trace, shown, until, self.results, inner=False)
            yield solved(self.trace, shown, until, self.results, inner=True)
        if until == 0:  # a later step that differs does so wherever the first one began
            yield from islice(self._from_firsts(begun), MOST_FIRSTS)

    def _from_firsts(self, begun: Mapping[Place, Initial]) -> Iterator[dict[Place, Initial]]:
        """Initial states of which some are vectors of the first step: an average that begins with
        the first sample adds it to itself, so that the graph has no state there.
        """
        ways: list[list[Initial]] = []
        firsts = self.firsts()
        for place, numbers in begun.items():
            fits = [v for v in firsts if v.size == numbers.size]
            ways.append([numbers, *(fits if place not in self.trace.known else [])])
        for chosen in islice(product(*ways), 1, None):
            yield dict(zip(begun, chosen, strict=True))

    def result(self, mine: Symbols, theirs: Symbols, step: int) -> None:
        """A tensor of the body is that of a step. Raises Differs."""
        if mine.shape != theirs.shape:
            leaf = int(theirs.leaf.reshape(-1)[0])
            raise Differs(step, Difference(leaf, f"has the shape {list(theirs.shape)}"))
        if self.trace.failed is None or step > self.trace.failed.step:
            try:
                return self.trace.compare(mine, theirs, step)
            except Differs as error:
                failed = error
        else:
            failed = self.trace.failed
        copy = self._start(failed).copies[step]
        try:
            compare_symbols(self.trace.leaves, copy.symbols(mine), theirs, step)
        except Differs as error:
            raise failed from error
