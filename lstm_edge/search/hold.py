"""Programs of a model that hold what was asked for, or what is held where nothing was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lstm_edge.ir.program import Program
from lstm_edge.manifest import AttemptEntry, GainEntry
from lstm_edge.passes.options import Options
from lstm_edge.search.program import Attempts, Wanted, find_program, matrices_of
from lstm_edge.search.remedies import Asked, remedies, remedies_text
from lstm_edge.search.widen import EVERY, WIDE, Kinds, gain_of, widened, wider_text
from lstm_edge.search.widths import Attempt, Bound, json_of, missed


@dataclass(frozen=True)
class Held:
    """A program, with its widths. tried: what the search looked at; widened: what is wider than was
    said, to hold what that does not.
    """

    best: Attempt[Program]
    tried: tuple[AttemptEntry, ...] = ()
    widened: GainEntry | None = None


def hold(
    attempts: Attempts,
    options: Options,
    bound: Bound,
    kinds: Kinds,
    fits: Callable[[Attempt[Program]], bool],
) -> Held:
    """The program of some widths, or where that misses the bound, with the least that is wider."""
    start = attempts.at(options)
    layers = matrices_of(attempts.calibrated)
    best, _ = widened(start, bound, layers, kinds, attempts.at, fits=fits)
    if best is start:
        return Held(start)
    return Held(best, (), gain_of(wider_text(options, best.options, layers), start, best))


def hold_bound(
    attempts: Attempts,
    options: Options,
    bounds: tuple[Bound, Bound],
    kinds: Kinds,
    fits: Callable[[Attempt[Program]], bool],
) -> Held:
    """The same, BudgetError where a bound is missed. bounds: what is widened for, what has to hold."""
    own, bound = bounds
    found = hold(attempts, options, own, kinds, fits)
    best = found.best
    if not best.judged.holds(bound):
        asked = Asked(options, bound, kinds, exhausted=own == bound and kinds == EVERY)
        raise missed(best, bound, remedies_text(remedies(attempts, best, asked)))
    return Held(best, (json_of(best, chosen=True),), found.widened)


def hold_cheapest(attempts: Attempts, wanted: Wanted, progress: Callable[[int, int], None]) -> Held:
    """The cheapest program that holds the bound, of widths that are to be chosen: narrowed from
    what holds it, or widened from the best that does not.
    """

    def remedy(nearest: Attempt[Program]) -> str:
        asked = Asked(nearest.options, wanted.bound, exhausted=True)
        return remedies_text(remedies(attempts, nearest, asked))

    best, every = find_program(attempts, wanted, progress, remedy)
    missing = [
        each
        for each in every
        if not (each.judged.holds(wanted.bound) or each.options.layers or _beyond(best, each))
    ]
    if missing:
        nearest = max(missing, key=lambda each: each.judged.decibels)
        kinds = Kinds(WIDE in wanted.weights, WIDE in wanted.activations)
        layers = matrices_of(attempts.calibrated)
        wider, more = widened(nearest, wanted.bound, layers, kinds, attempts.at)
        every = (*every, *more)
        if wider.judged.holds(wanted.bound) and wider.cost < best.cost:
            best = wider
    return Held(best, tuple(json_of(each, each is best) for each in every))


def _beyond(best: Attempt[Program], each: Attempt[Program]) -> bool:
    """What is no cheaper than the best is no place to begin from."""
    return each.cost >= best.cost
