"""Find the cheapest widths that hold a bound: of weights and activations, layer by layer.

Cheap is what takes little flash, then few instructions. First the whole model has one width of each
kind, from the narrowest on, until one holds. Between 4 bits that do not hold and 8 that do, as few
matrices as possible have 8, those that matter most; otherwise one layer after the other, those with
most weights first, is made as narrow as the bound allows. The default widths are tried, too: what
is neither smaller nor faster than they are is never taken.

A score is held where it is likely to be held on other samples as well. Where no widths do that, the
narrowest are taken that hold it on these samples and are nearly as likely as any.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from lstm_edge.errors import BoundError, QuantizationError
from lstm_edge.manifest import AttemptEntry
from lstm_edge.passes.options import Options, Widths

Made = TypeVar("Made")

NEXT_TO_NOTHING = 0.1
"""Points: no score is told more exactly beforehand."""
MOST_MIXED, FEW = 10, 3
"""Attempts to find few matrices of 8 bits, and those to do without another of them."""


@dataclass(frozen=True)
class Bound:
    """decibels: least signal to noise ratio of each output. points: most that a score may lose."""

    decibels: float | None = None
    points: float | None = None

    def describe(self) -> str:
        """As a sentence says it."""
        parts = [] if self.decibels is None else [f"an SQNR of {self.decibels:g} dB"]
        parts += [] if self.points is None else [f"a loss of at most {self.points:g} points"]
        return " and ".join(parts)


@dataclass(frozen=True)
class Judged:
    """decibels: of the worst output. points: that the worst score lost; missed: percent that the
    worst score is below 100. None without labels. limit: what is said where the format of the
    worst output is what limits it, else "". likely: points that the worst score loses on samples
    that nobody has seen, None where nothing is known of that.
    """

    decibels: float
    points: float | None = None
    missed: float | None = None
    limit: str = ""
    likely: float | None = None

    def holds(self, bound: Bound) -> bool:
        """True where neither is beyond the bound."""
        exact = bound.decibels is None or self.decibels >= bound.decibels
        return exact and (bound.points is None or (self.points or 0.0) <= bound.points)

    def surely_holds(self, bound: Bound) -> bool:
        """True where it holds the bound here and is likely to elsewhere."""
        if bound.points is None or self.likely is None:
            return self.holds(bound)
        return self.holds(bound) and self.likely <= max(bound.points, NEXT_TO_NOTHING)


@dataclass(frozen=True)
class Attempt(Generic[Made]):
    """One choice of widths. flash: bytes of constants; instructions: about so many a step; state:
    bytes of RAM; code: bytes that it takes about more than with a single kernel.
    """

    options: Options
    made: Made
    flash: int
    instructions: int
    state: int
    judged: Judged
    code: int = 0

    @property
    def cost(self) -> tuple[int, int, int]:
        """What is to be small, the most important first."""
        return self.flash + self.code, self.instructions, self.state


class Mix(Protocol):
    """Matrices, those first that matter most for a byte."""

    @property
    def noises(self) -> tuple[float, ...]:
        """What each of them does to the outputs in 4 bits."""

    def options(self, usual: Options, wide: Collection[int]) -> Options:
        """The options with 8 bits for these of them, and 4 for all others."""


@dataclass(frozen=True)
class Space:
    """What may be chosen: widths, narrow ones first, and layers, those with most weights first.
    parts: layer -> groups of its matrices that may be doubled, where the weights of the others are
    half as wide. mix: makes options of which some matrices have 8 bits, the others 4.
    """

    options: Options
    weights: tuple[int, ...]
    activations: tuple[int, ...]
    layers: tuple[str, ...]
    parts: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    mix: Callable[[], Mix] | None = None

    @property
    def most_attempts(self) -> int:
        """How many choices `search` may try."""
        weights, activations = len(self.weights), len(self.activations)
        narrower = len(self.layers) * (weights + activations - 2)
        doubled = sum(len(each) for each in self.parts.values()) if weights > 1 else 0
        mixed = MOST_MIXED if self.mix is not None else 0
        return weights * activations + narrower + doubled + mixed + (self.default is not None)

    @property
    def default(self) -> Options | None:
        """What is taken where nothing is said, if it may be chosen."""
        usual = Widths()
        allowed = usual.weights in self.weights and usual.activations in self.activations
        return self.uniform(usual.weights, usual.activations) if allowed else None

    def mixes(self) -> Mix | None:
        """What `mix` makes, None where no 4 bits hold the network."""
        try:
            return None if self.mix is None else self.mix()
        except QuantizationError:
            return None

    def uniform(self, weights: int, activations: int) -> Options:
        """One width of each kind for all layers."""
        return replace(self.options, weights=weights, activations=activations, layers={})


@dataclass
class _Search(Generic[Made]):
    """Attempts by their options, in the order in which they were made. refused: why there is no
    program of the widths that were tried last of those that have none.
    """

    attempt: Callable[[Options], Attempt[Made]]
    bound: Bound
    progress: Callable[[int, int], None]
    most: int
    tried: list[Attempt[Made]] = field(default_factory=list)
    refused: QuantizationError | None = None

    def holding(self, options: Options) -> Attempt[Made] | None:
        """The attempt, if it can be made and surely holds the bound."""
        try:
            made = self.attempt(options)
        except QuantizationError as error:
            self.refused = error
            return None
        self.tried.append(made)
        self.progress(len(self.tried), self.most)
        return made if made.judged.surely_holds(self.bound) else None

    def uniform(self, space: Space) -> Attempt[Made] | None:
        """The cheapest of the narrowest weights that hold the bound at all."""
        for weights in space.weights:
            each = [self.holding(space.uniform(weights, a)) for a in space.activations]
            holding = [made for made in each if made is not None]
            if holding:
                return min(holding, key=lambda made: made.cost)
        return None

    def not_wider(self, best: Attempt[Made] | None, usual: Options | None) -> Attempt[Made] | None:
        """The default instead of what is wider with care alone."""
        for made in self.tried:
            if made.options == usual and made.judged.holds(self.bound):
                return made if best is None or made.cost < best.cost else best
        return best

    def barely(self) -> Attempt[Made] | None:
        """Of those that hold the bound on these samples, the cheapest that is nearly as likely as
        any to do so on others.
        """
        holding = [made for made in self.tried if made.judged.holds(self.bound)]
        least = min((made.judged.likely or 0.0 for made in holding), default=0.0)
        likely = [m for m in holding if (m.judged.likely or 0.0) <= least + NEXT_TO_NOTHING]
        return min(likely, key=lambda made: made.cost, default=None)

    def mixed(self, best: Attempt[Made], mix: Mix) -> Attempt[Made]:
        """The same with as few matrices of 8 bits as the bound allows."""
        usual, low, high = best.options, 0, len(mix.noises)
        while high - low > 1:
            middle = (low + high) // 2
            made = self.holding(mix.options(usual, range(middle)))
            low, high = (low, middle) if made is not None else (middle, high)
            best = min((best, made or best), key=lambda each: each.cost)
        wide = set(range(high))
        for least in sorted(range(high - 1), key=lambda k: mix.noises[k])[:FEW]:
            made = self.holding(mix.options(usual, wide - {least}))
            if made is not None and made.cost < best.cost:
                best, wide = made, wide - {least}
        return best

    def narrowed(self, best: Attempt[Made], space: Space) -> Attempt[Made]:
        """The same with each layer as narrow as the bound allows."""
        kinds = ["weights", "activations"]
        if best.options.weights == 8 and 4 in space.weights and (mix := space.mixes()) is not None:
            mixed = self.mixed(best, mix)
            kinds = kinds if mixed is best else ["activations"]
            best = mixed
        for kind in kinds:
            for layer in space.layers:
                for widths in _narrower(best.options.of(layer), kind, space, layer):
                    layers = {**best.options.layers, layer: widths}
                    made = self.holding(replace(best.options, layers=layers))
                    if made is not None and made.cost < best.cost:
                        best = made
                        break
        return best


def _narrower(widths: Widths, kind: str, space: Space, layer: str) -> Iterator[Widths]:
    """Narrower widths of one kind, the narrowest first; last half of it, with some matrices
    doubled.
    """
    narrow = space.weights if kind == "weights" else space.activations
    for bits in narrow:
        if bits < getattr(widths, kind):
            yield _with(widths, kind, bits)
    half = widths.weights // 2
    if kind == "weights" and half in narrow:
        for part in space.parts.get(layer, ()):
            yield replace(widths, weights=half, doubled=part)


def _with(widths: Widths, kind: str, bits: int) -> Widths:
    if kind == "activations":
        return replace(widths, activations=bits)
    return replace(widths, weights=bits, doubled=())


def search(
    space: Space,
    bound: Bound,
    attempt: Callable[[Options], Attempt[Made]],
    progress: Callable[[int, int], None],
    otherwise: Callable[[Attempt[Made]], Attempt[Made]],
) -> tuple[Attempt[Made], tuple[Attempt[Made], ...]]:
    """The cheapest attempt that holds the bound, and all that were made. `progress(done, most)` is
    told after each. otherwise: from the best, where no width holds it, what does, or an error.
    """
    found = _Search(attempt, bound, progress, space.most_attempts)
    best = found.not_wider(found.uniform(space), space.default) or found.barely()
    if not found.tried and found.refused is not None:
        raise found.refused
    if best is None:
        nearest = max(found.tried, key=lambda made: _nearness(made.judged, bound))
        best = otherwise(nearest)
        found.tried.append(best)
    best = found.narrowed(best, space)
    if space.default is not None and all(m.options != space.default for m in found.tried):
        usual = found.holding(space.default)
        best = usual if usual is not None and usual.cost < best.cost else best
    return best, tuple(found.tried)


def missed(nearest: Attempt[Made], bound: Bound, remedy: str, *, given: bool = False) -> BoundError:
    """The error where the best that was found does not hold the bound. given: others were not
    looked for.
    """
    held, widths = f"hold {bound.describe()}", describe(nearest.options)
    found = f"no widths {held}: the best, {widths},"
    if given:
        found = f"{widths} do not {held}: the worst output"
    return BoundError(f"{found} has {judged_text(nearest.judged)}; {remedy}; or allow more")


def _nearness(judged: Judged, bound: Bound) -> float:
    """The larger, the nearer to the bound."""
    return judged.decibels if bound.points is None else -(judged.points or 0.0)


def judged_text(judged: Judged) -> str:
    """`44.2 dB`, with the points that a score lost."""
    lost = "" if judged.points is None else f", {judged.points:+.2f} points lost"
    return f"{round(judged.decibels, 2):.1f} dB{lost}"


def describe(options: Options) -> str:
    """Widths as the command line names them: `weights=int8 activations=12 fc:weights=int4`."""
    parts = [f"weights=int{options.weights}", f"activations={options.activations}"]
    for layer, widths in options.layers.items():
        if widths.weights != options.weights:
            parts.append(f"{layer}:weights=int{widths.weights}")
        if widths.doubled:
            parts.append(f"{layer}.{','.join(widths.doubled)}:weights=int{2 * widths.weights}")
        if widths.activations != options.activations:
            parts.append(f"{layer}:activations={widths.activations}")
    return " ".join(parts)


def json_of(attempt: Attempt[Made], chosen: bool) -> AttemptEntry:
    """An attempt, as the manifest has it."""
    return {
        "options": describe(attempt.options),
        "flash": attempt.flash,
        "instructions": attempt.instructions,
        "sqnr_db": round(attempt.judged.decibels, 2),
        "points_lost": attempt.judged.points,
        "chosen": chosen,
    }
