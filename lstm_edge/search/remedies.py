"""Remedies of a low SQNR: named with what they bring, since they were tried, or why there are none.

Each is something to type: an option with another width, or without one that was given by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lstm_edge.accuracy.ports import inputs
from lstm_edge.data import Data, some_samples
from lstm_edge.errors import QuantizationError
from lstm_edge.interpret.feed import stored_feed
from lstm_edge.interpret.streams import in_a_row
from lstm_edge.ir.program import Program
from lstm_edge.manifest import RemediesEntry
from lstm_edge.passes.options import Options
from lstm_edge.search.judge import Judge
from lstm_edge.search.program import Attempts, matrices_of
from lstm_edge.search.widen import (
    EVERY,
    LEAST_GAIN,
    WIDE,
    gain,
    gain_of,
    gain_text,
    widened,
    wider_text,
)
from lstm_edge.search.widths import Attempt, Bound

MOST_NAMED, MOST_TRIED = 3, 16
BETTER = 6.0
"""dB by which a program must be better on the data that it was made from to blame these."""


@dataclass(frozen=True)
class Asked:
    """What is to be mended. options: as they were asked for; bound: what should hold; left: what
    could be left to the compiler, None where that was tried. auto: "weights", "activations" or
    both, which the compiler chooses unless they are typed; free: what it widens weights for that
    nobody typed, None where somebody did; limited: a limit has no room for any wider network, so
    that nothing helps but to leave out the limit.
    """

    options: Options
    bound: Bound
    left: Left | None
    auto: frozenset[str] = frozenset()
    free: Bound | None = None
    limited: bool = False

    def typed(self, made: Attempt[Program]) -> str:
        """What to type for widths of the whole network: all that the compiler would change else."""
        old, new = self.options, made.options
        changed = {
            "weights": new.weights != old.weights
            or "weights" in self.auto
            or (self.free is not None and not made.judged.surely_holds(self.free)),
            "activations": new.activations != old.activations or "activations" in self.auto,
            "cell-state": new.cell_state != old.cell_state,
        }
        words = {
            "weights": f"int{new.weights}",
            "activations": f"{new.activations}",
            "cell-state": f"{new.cell_state}",
        }
        return " ".join(f"--{name} {words[name]}" for name, is_so in changed.items() if is_so)


@dataclass(frozen=True)
class Left:
    """What the compiler does by itself. how: what to type for that; options: where it begins."""

    how: str
    options: Options


def remedies(attempts: Attempts, start: Attempt[Program], asked: Asked) -> RemediesEntry:
    """What brings most of what can be tried in a short time."""
    found = list(_tried(attempts, start, asked))
    # What is left to the compiler may be what was typed before it: then that is enough.
    programs = [made.options for _, made in found]
    found = [each for k, each in enumerate(found, 1) if programs[k - 1] not in programs[k:]]
    gains = [(what, made) for what, made in found if gain(start, made) >= LEAST_GAIN]
    gains = [each for each in gains if not any(_beats(other[1], each[1]) for other in gains)]
    gains.sort(key=lambda each: _rank(each[1], asked.bound))
    named = [gain_of(what, start, made) for what, made in gains[:MOST_NAMED]]
    return {"gains": named, "limit": None if named else _limit(attempts, start, found)}


def remedies_text(entry: RemediesEntry) -> str:
    """What was found, as the end of a sentence."""
    if entry["gains"]:
        return f"what helps, as tried: {'; '.join(map(gain_text, entry['gains']))}"
    return f"none of the wider numbers that were tried helps: {entry['limit']}"


def _tried(
    attempts: Attempts, start: Attempt[Program], asked: Asked
) -> Iterator[tuple[str, Attempt[Program]]]:
    uniform = [] if asked.limited else _uniform(asked)
    uniform = [each for each in uniform if each != start.options]
    for options in uniform:
        try:
            made = attempts.at(options)
        except QuantizationError:  # no format holds it: not a remedy
            continue
        yield asked.typed(made), made
    if asked.left is not None:
        yield from _left_to_the_compiler(attempts, start, asked, asked.left, uniform)


def _uniform(asked: Asked) -> list[Options]:
    """Other widths of the whole network; the usual ones, too, where those were chosen."""
    given = asked.options
    found = [given] if asked.auto else []
    for weights in [8, WIDE] if given.weights < 8 else [WIDE] * (given.weights < WIDE):
        found.append(replace(given, weights=weights))
    for bits in [12, WIDE] if given.activations < 12 else [WIDE] * (given.activations < WIDE):
        found.append(replace(given, activations=bits))
    if given.weights < WIDE and given.activations < WIDE:
        found.append(replace(given, weights=WIDE, activations=WIDE))
    if given.cell_state < 32:
        found.append(replace(given, cell_state=32))
    return found


def _left_to_the_compiler(
    attempts: Attempts,
    start: Attempt[Program],
    asked: Asked,
    left: Left,
    uniform: Sequence[Options],
) -> Iterator[tuple[str, Attempt[Program]]]:
    """What the compiler makes of widths that are left to it, where no uniform ones are that."""
    most = MOST_TRIED - len(uniform) - 1
    layers, usual = matrices_of(attempts.calibrated), left.options
    first = start if usual == start.options else attempts.at(usual)
    made, _ = widened(first, asked.bound, layers, EVERY, attempts.at, most=most)
    wider = "" if made.options == usual else f", {wider_text(usual, made.options, layers)}"
    if made.options not in (start.options, *uniform):
        yield f"{left.how}{wider}", made


def _beats(one: Attempt[Program], other: Attempt[Program]) -> bool:
    """Better for fewer bytes."""
    return one.judged.decibels > other.judged.decibels and one.flash <= other.flash


def _rank(made: Attempt[Program], bound: Bound) -> tuple[bool, float]:
    """What holds the bound first, the smallest of these; then what is best."""
    holds = made.judged.holds(bound)
    return not holds, made.flash if holds else -made.judged.decibels


def _limit(
    attempts: Attempts, start: Attempt[Program], found: Sequence[tuple[str, Attempt[Program]]]
) -> str:
    """What the SQNR hangs on where it is not widths."""
    judge, data = attempts.judge, attempts.calibrated.data
    for port in inputs(start.made, judge.feed, stored_feed(start.made, judge.feed)):
        if port.beyond:
            return (
                f"input {port.name} is beyond its stored range, so calibrate with data that covers "
                "this"
            )
    on_own = _on_calibration(judge.reference, start.made, data)
    if on_own >= start.judged.decibels + BETTER and not data.too_few:
        return (
            f"it is {on_own:.1f} dB on the data that it was made from, so calibrate with more, and "
            "more varied, data"
        )
    if start.judged.limit:
        return start.judged.limit
    best = max(made.judged.decibels for made in (start, *(made for _, made in found)))
    return (
        f"at most {best:.1f} dB, as the network makes small errors large; --scheme float32 has none"
    )


def _on_calibration(reference: Program, program: Program, data: Data) -> float:
    feed = some_samples(in_a_row(reference, data.calibration), reference)
    return Judge(reference, feed, integers=False).judged(program).decibels
