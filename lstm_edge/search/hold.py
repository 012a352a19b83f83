"""Programs of a model that hold what was asked for, or what is held where nothing was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lstm_edge.ir.program import Program
from lstm_edge.manifest import AttemptEntry, GainEntry
from lstm_edge.passes.options import Options
from lstm_edge.search.program import Attempts, Wanted, find_program, matrices_of
from lstm_edge.search.remedies import Asked, remedies, remedies_text
from lstm_edge.search.widen import Kinds, gain_of, widened, wider_text
from lstm_edge.search.widths import Attempt, Bound, json_of, missed

MIXED = 4
"""Bits of weights with which some of 8 were looked for already."""
MOST_FOR_AUTO = 12
"""Programs that are made to find something cheaper than what narrowing found."""


@dataclass(frozen=True)
class Held:
    """A program, with its widths. tried: what the search looked at; widened: what is wider than was
    said, to hold what that does not.
    """

    best: Attempt[Program]
    tried: tuple[AttemptEntry, ...] = ()
    widened: GainEntry | None = None


def hold(attempts: Attempts, options: Options, bound: Bound, kinds: Kinds) -> Held:
    """The program of some widths, or where that misses the bound, with the least that is wider."""
    start = attempts.at(options)
    layers = matrices_of(attempts.calibrated)
    best, _ = widened(start, bound, layers, kinds, attempts.at)
    if best is start:
        return Held(start)
    return Held(best, (), gain_of(wider_text(options, best.options, layers), start, best))


def hold_bound(attempts: Attempts, own: Bound, kinds: Kinds, asked: Asked) -> Held:
    """The same, widened for a bound of its `own`; BudgetError where what comes of it misses the one
    that is asked for.
    """
    found = hold(attempts, asked.options, own, kinds)
    best = found.best
    if not best.judged.holds(asked.bound):
        text = remedies_text(remedies(attempts, best, asked))
        raise missed(best, asked.bound, text, given=True)
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
        chosen = {"weights": wanted.weights, "activations": wanted.activations}
        auto = frozenset(name for name, widths in chosen.items() if len(widths) > 1)
        asked = Asked(replace(nearest.options, layers={}), wanted.bound, None, auto)
        raise missed(best, wanted.bound, remedies_text(remedies(attempts, best, asked)))

    best, every = find_program(attempts, wanted, progress, otherwise)
    missing = [
        each
        for each in every
        if not (each.judged.surely_holds(wanted.bound) or each.options.layers)
        and each.cost < best.cost
        and each.options.weights > MIXED
        and wanted.room is None
    ]
    if missing:
        nearest = max(missing, key=lambda each: each.judged.decibels)
        wider, _ = widened(nearest, wanted.bound, layers, kinds, attempts.at, most=MOST_FOR_AUTO)
        if wider.judged.surely_holds(wanted.bound) and wider.cost < best.cost:
            best, every = wider, (*every, wider)
    return Held(best, tuple(json_of(each, each is best) for each in every))
