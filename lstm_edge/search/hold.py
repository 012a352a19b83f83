"""Programs of a model that hold what was asked for, or what is held where nothing was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lstm_edge.ir.program import Program
from lstm_edge.manifest import AttemptEntry, GainEntry
from lstm_edge.passes.options import Options
from lstm_edge.search.program import Attempts, Wanted, find_program, matrices_of
from lstm_edge.search.remedies import Asked, remedies, remedies_text
from lstm_edge.search.widen import EVERY, Kinds, gain_of, widened, wider_text
from lstm_edge.search.widths import Attempt, Bound, json_of, missed


@dataclass(frozen=True)
class Held:
    """A program, with its widths. tried: what the search looked at; widened: what is wider than was
    said, to hold what that does not.
    """

    best: Attempt[Program]
    tried: tuple[AttemptEntry, ...] = ()
    widened: GainEntry | None = None


@dataclass(frozen=True)
class Left:
    """What is left to the compiler. kinds: of what it may widen, and fits: whether a program may be
    taken; free: widths that were not given by hand.
    """

    kinds: Kinds
    free: frozenset[str]
    fits: Callable[[Attempt[Program]], bool]


def hold(attempts: Attempts, options: Options, bound: Bound, left: Left) -> Held:
    """The program of some widths, or where that misses the bound, with the least that is wider."""
    start = attempts.at(options)
    layers = matrices_of(attempts.calibrated)
    best, _ = widened(start, bound, layers, left.kinds, attempts.at, fits=left.fits)
    if best is start:
        return Held(start)
    return Held(best, (), gain_of(wider_text(options, best.options, layers), start, best))


def hold_bound(attempts: Attempts, options: Options, own: Bound, bound: Bound, left: Left) -> Held:
    """The same, widened for a bound of its `own`; BudgetError where what comes of it misses the
    other one.
    """
    found = hold(attempts, options, own, left)
    best = found.best
    if not best.judged.holds(bound):
        exhausted = own == bound and left.kinds == EVERY
        asked = Asked(options, bound, left.free, exhausted)
        raise missed(best, bound, remedies_text(remedies(attempts, best, asked)))
    return Held(best, (json_of(best, chosen=True),), found.widened)


def hold_cheapest(
    attempts: Attempts, wanted: Wanted, kinds: Kinds, progress: Callable[[int, int], None]
) -> Held:
    """The cheapest program that holds the bound, of widths that are to be chosen: narrowed from
    what holds it, or widened from the best that does not. kinds: what may be wider than it is said
    to be, or is to be chosen.
    """
    layers = matrices_of(attempts.calibrated)

    def otherwise(nearest: Attempt[Program]) -> Attempt[Program]:
        best, _ = widened(nearest, wanted.bound, layers, kinds, attempts.at)
        if best.judged.holds(wanted.bound):
            return best
        asked = Asked(nearest.options, wanted.bound, exhausted=True)
        raise missed(best, wanted.bound, remedies_text(remedies(attempts, best, asked)))

    best, every = find_program(attempts, wanted, progress, otherwise)
    missing = [
        each
        for each in every
        if not (each.judged.holds(wanted.bound) or each.options.layers) and each.cost < best.cost
    ]
    if missing:
        nearest = max(missing, key=lambda each: each.judged.decibels)
        wider, more = widened(nearest, wanted.bound, layers, kinds, attempts.at)
        every = (*every, *more)
        if wider.judged.holds(wanted.bound) and wider.cost < best.cost:
            best = wider
    return Held(best, tuple(json_of(each, each is best) for each in every))
