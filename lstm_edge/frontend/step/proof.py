"""A repetition proved: every step and every result is what the body computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lstm_edge.frontend.step.alike import Difference
from lstm_edge.frontend.step.initial import solved
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


@dataclass
class Proof:
    """All steps are the body: leaf by leaf, or, the first ones, computed from the initial states.
    results: what steps give, which tells of initial states, too. Raises Differs where one is not.
    """

    trace: Trace
    results: Sequence[Result]
    initial: Mapping[tuple[int, int], Initial] = field(default_factory=dict)
    start: Start | None = None

    def __post_init__(self) -> None:
        self.initial = initial_of(self.trace)
        if self.trace.failed is not None:
            self._start(self.trace.failed)

    def _start(self, failed: Differs) -> Start:
        """The first steps from the initial states, where `failed` may be for what was folded."""
        if failed.step > self.trace.early:
            raise failed
        if self.start is None:
            self.start = self._started(failed)
        return self.start

    def _started(self, failed: Differs) -> Start:
        """From the initial states that steps show, or else from those that are found."""
        shown = {p: a for p, a in self.initial.items() if not isinstance(a, Symbols)}
        for inner in (None, False, True):
            if inner is not None:
                self.initial = solved(self.trace, shown, failed.step, self.results, inner)
            try:
                return Start(self.trace, self.initial, self.trace.early, self.results)
            except Differs as error:
                if not shown or len(shown) < len(self.initial):
                    raise failed from error
                cause = error
        raise failed from cause

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
