"""Widen what gains most for a byte, until a bound holds: matrices first, then layers.

What is tried at a time: the recurrent matrices of a layer, its other ones, all its weights, its
activations. Where none of these helps alone, weights and activations of a layer together, and last
those of all layers. Of the matrices that were taken those are given back that the bound does not
need. All at once is taken where that is cheaper, or nothing else holds the bound. The measured
effect decides, so the order in which things are tried does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from lstm_edge.errors import QuantizationError
from lstm_edge.manifest import GainEntry
from lstm_edge.passes.options import Options, Widths
from lstm_edge.search.widths import Attempt, Bound

Made = TypeVar("Made")

WIDE = 16
"""Bits of what was widened."""
LEAST_GAIN = 1.0
"""dB that are worth a byte."""
MOST_TRIED = 24
"""Programs that are made at most."""
FEW = 6
"""Of what was tried once, so many are tried again, those that gained most."""


@dataclass(frozen=True)
class Matrices:
    """A layer with weights. recurrent: its matrices that multiply states and what is made of them,
    such as `R_i`; others: those that multiply its input. A layer without either is one that is not
    multiplied, such as an embedding.
    """

    layer: str
    recurrent: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """What may be widened apart; nothing where that is all."""
        return (self.recurrent, self.others) if self.recurrent and self.others else ()


@dataclass(frozen=True)
class Kinds:
    """What may be widened."""

    weights: bool = True
    activations: bool = True


EVERY, NOTHING = Kinds(), Kinds(weights=False, activations=False)


@dataclass(frozen=True)
class Move:
    """Something to widen. layer: "" for all; part: some matrices of it, empty for all weights."""

    layer: str
    weights: bool = False
    activations: bool = False
    part: tuple[str, ...] = ()

    def on(self, options: Options) -> Options:
        """The options with that widened; the same where it is."""
        if not self.layer:
            weights = WIDE if self.weights else options.weights
            activations = WIDE if self.activations else options.activations
            return replace(options, weights=weights, activations=activations, layers={})
        own = options.of(self.layer)
        made = own
        if self.part and own.weights < WIDE:
            made = replace(own, doubled=tuple(dict.fromkeys((*own.doubled, *self.part))))
        elif self.weights:
            made = replace(own, weights=WIDE, doubled=())
        made = replace(made, activations=WIDE) if self.activations else made
        return options if made == own else with_layer(options, self.layer, made)


def _alone(layers: Sequence[Matrices], kinds: Kinds) -> list[Move]:
    """One thing at a time, recurrent layers first."""
    found = []
    for each in sorted(layers, key=lambda each: not each.recurrent):
        if kinds.weights:
            found += [Move(each.layer, weights=True, part=part) for part in each.parts]
            found += [Move(each.layer, weights=True)]
        if kinds.activations:
            found += [Move(each.layer, activations=True)]
    return found


def _together(layers: Sequence[Matrices], kinds: Kinds) -> list[Move]:
    """Weights and activations: those of all layers, then layer by layer."""
    if not (kinds.weights and kinds.activations):
        return []
    recurrent = [Move(each.layer, True, True) for each in layers if each.recurrent]
    return [Move("", True, True), *recurrent[: FEW - 1]]


@dataclass
class _Widening(Generic[Made]):
    """Attempts, in the order in which they were made."""

    attempt: Callable[[Options], Attempt[Made]]
    bound: Bound
    most: int
    tried: list[Attempt[Made]] = field(default_factory=list)

    def made(self, options: Options) -> Attempt[Made] | None:
        """The attempt, None where no more may be made, and where no integers hold it."""
        if len(self.tried) >= self.most:
            return None
        try:
            made = self.attempt(options)
        except QuantizationError:
            return None
        self.tried.append(made)
        return made

    def all_of(
        self, best: Attempt[Made], moves: Sequence[Move]
    ) -> list[tuple[Move, Attempt[Made]]]:
        """What each of the moves makes of the best."""
        changed = [(move, move.on(best.options)) for move in moves]
        each = [(move, self.made(o)) for move, o in changed if o != best.options]
        return [(move, made) for move, made in each if made is not None]

    def taken(self, best: Attempt[Made], made: Sequence[Attempt[Made]]) -> Attempt[Made] | None:
        """The cheapest that holds the bound, else what gains most for a byte."""
        holding = [each for each in made if each.judged.surely_holds(self.bound)]
        if holding:
            return min(holding, key=lambda each: each.cost)
        helping = [each for each in made if gain(best, each) >= LEAST_GAIN]
        return max(helping, key=lambda each: _worth(best, each), default=None)

    def narrowed(self, best: Attempt[Made], layers: Sequence[Matrices]) -> Attempt[Made]:
        """Without those doubled matrices that the bound does not need."""
        for each in layers:
            for matrix in (*each.others, *each.recurrent):
                own = best.options.of(each.layer)
                if matrix not in own.doubled or len(own.doubled) == 1:
                    continue
                fewer = replace(own, doubled=tuple(m for m in own.doubled if m != matrix))
                made = self.made(with_layer(best.options, each.layer, fewer))
                if made and made.judged.surely_holds(self.bound) and made.cost < best.cost:
                    best = made
        return best

    def or_all(self, best: Attempt[Made], every: Attempt[Made] | None) -> Attempt[Made]:
        """The best, or all that is wide at once, if there is that: it needs no second kernel, so
        in a small network it may be smaller than a part.
        """
        if every is None:
            return best
        holds = every.judged.surely_holds(self.bound)
        cheaper = every.cost < best.cost or not best.judged.surely_holds(self.bound)
        return every if holds and cheaper else best


def widened(
    start: Attempt[Made],
    bound: Bound,
    layers: Sequence[Matrices],
    kinds: Kinds,
    attempt: Callable[[Options], Attempt[Made]],
    *,
    most: int = MOST_TRIED,
) -> tuple[Attempt[Made], tuple[Attempt[Made], ...]]:
    """What holds the bound with the least that was widened, else the best that was found; and what
    was tried. most: attempts. Where all at once gains nothing, nothing else is tried.
    """
    if start.judged.surely_holds(bound) or not (kinds.weights or kinds.activations):
        return start, ()
    found = _Widening(attempt, bound, most)
    every = found.made(Move("", kinds.weights, kinds.activations).on(start.options))
    if every is not None and gain(start, every) < LEAST_GAIN:
        return start, (every,)
    best, moves, together = start, _alone(layers, kinds), _together(layers, kinds)
    while not best.judged.surely_holds(bound):
        each = found.all_of(best, moves)
        step = found.taken(best, [made for _, made in each])
        if step is None:
            step = found.taken(best, [made for _, made in found.all_of(best, together)])
        if step is None:
            break
        each.sort(key=lambda one: -gain(best, one[1]))
        best, moves = step, [move for move, _ in each[:FEW]]
    if best.judged.surely_holds(bound):
        best = found.narrowed(best, layers)
    return found.or_all(best, every), tuple(found.tried)


def with_layer(options: Options, layer: str, widths: Widths) -> Options:
    """The options with other widths of one layer."""
    return replace(options, layers={**options.layers, layer: widths})


def gain(before: Attempt[Made], after: Attempt[Made]) -> float:
    """dB by which the worst output is better."""
    return after.judged.decibels - before.judged.decibels


def _worth(before: Attempt[Made], after: Attempt[Made]) -> tuple[float, int]:
    """dB for a byte; of the same, what takes fewer instructions."""
    return gain(before, after) / max(after.flash - before.flash, 1), -after.instructions


def wider_text(before: Options, after: Options, layers: Sequence[Matrices]) -> str:
    """`weights of lstm.R and activations of lstm in 16 bits`: what is wider in the second."""
    every = [each.layer for each in layers]
    found: dict[str, list[str]] = {}
    for each in layers:
        wide = after.of(each.layer).activations > before.of(each.layer).activations
        weights = _wider_weights(before, after, each)
        if wide and weights == [each.layer]:
            found.setdefault("weights and activations", []).append(each.layer)
            continue
        found.setdefault("weights", []).extend(weights)
        found.setdefault("activations", []).extend([each.layer] if wide else [])
    parts = [
        f"{kind} of {'all layers' if names == every and len(every) > 1 else _listed(names)}"
        for kind, names in found.items()
        if names
    ]
    return f"{' and '.join(parts)} in {WIDE} bits"


def _wider_weights(before: Options, after: Options, each: Matrices) -> list[str]:
    old, new = before.of(each.layer), after.of(each.layer)
    if new.weights > old.weights:
        return [each.layer]
    return doubled_names(each.layer, [m for m in new.doubled if m not in old.doubled], each)


def doubled_names(layer: str, doubled: Sequence[str], known: Matrices) -> list[str]:
    """`lstm.R` where these are all recurrent matrices, else `lstm.R_i`, `lstm.R_f`."""
    found: list[str] = []
    for kind, part in (("R", known.recurrent), ("W", known.others)):
        own = [matrix for matrix in part if matrix in doubled]
        found += [f"{layer}.{kind}"] if own and own == list(part) else [f"{layer}.{m}" for m in own]
    return found


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def gain_of(what: str, before: Attempt[Made], after: Attempt[Made]) -> GainEntry:
    """As the manifest has it."""
    return {
        "what": what,
        "before_db": round(before.judged.decibels, 2),
        "after_db": round(after.judged.decibels, 2),
        "bytes": after.flash - before.flash,
    }


def gain_text(entry: GainEntry) -> str:
    """`weights of lstm.R in 16 bits: 28.7 -> 41.0 dB for 10,000 bytes`."""
    more = entry["bytes"]
    price = f"for {more:,} bytes" if more > 0 else f"and {-more:,} bytes less" if more else ""
    text = f"{entry['what']}: {entry['before_db']:.1f} -> {entry['after_db']:.1f} dB {price}"
    return text.rstrip()
