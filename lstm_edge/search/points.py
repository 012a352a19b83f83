"""What a study chooses from: models, number systems, widths layer by layer, and how C is written.

A point is one choice. Points are values with an order of their own, so that every process lists the
same ones in the same order.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lstm_edge.choices import Optimize, Scheme, Unroll
from lstm_edge.errors import DataError
from lstm_edge.passes.options import Options, Widths
from lstm_edge.search.program import Code
from lstm_edge.search.widths import describe

FLOAT32 = "float32"
CHOICES: Mapping[str, tuple[Any, ...]] = {
    "weights": (4, 8, 16),
    "activations": (8, 12, 16),
    "cell_state": (16, 32),
    "scheme": ("int8", "fixed", FLOAT32),
    "unroll": ("none", "gates"),
    "optimize": ("speed", "size"),
}
"""All that may be chosen. Straight-line code is not: there is no estimate of it."""
LISTED = 4096
"""A space of at most so many points is tried as a whole."""
Layered = tuple[tuple[str, int, int], ...]
"""Name of a layer, bits of its weights, bits of its activations."""


@dataclass(frozen=True, order=True)
class Point:
    """One choice. model: SHA-256 of the file; layers: empty with float32."""

    model: str
    scheme: Scheme
    layers: Layered
    cell_state: int
    unroll: Unroll
    optimize: Optimize

    @property
    def options(self) -> Options | None:
        """Number formats; None of float32. Layers without weights have the first one's."""
        if self.scheme == FLOAT32:
            return None
        _, weights, activations = self.layers[0] if self.layers else ("", 8, 12)
        common = Widths(weights, activations)
        each = {name: Widths(w, a) for name, w, a in self.layers}
        own = {name: widths for name, widths in each.items() if widths != common}
        fixed = self.scheme == "fixed"
        return Options(activations, self.cell_state, weights, power_of_two=fixed, layers=own)

    @property
    def code(self) -> Code:
        """How C is written."""
        return Code(self.unroll, self.optimize)

    def describe(self) -> str:
        """The options as the command line names them."""
        parts = [f"scheme={self.scheme}"]
        if self.options is not None:
            parts += [describe(self.options), f"cell_state={self.cell_state}"]
        parts += [f"unroll={self.unroll}"] if self.unroll != "gates" else []
        parts += [f"optimize={self.optimize}"] if self.optimize != "speed" else []
        return " ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "model": self.model,
            "scheme": self.scheme,
            "layers": [list(each) for each in self.layers],
            "cell_state": self.cell_state,
            "unroll": self.unroll,
            "optimize": self.optimize,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Point:
        """The reverse of `to_json`."""
        layers = tuple((str(n), int(w), int(a)) for n, w, a in found["layers"])
        return cls(**{**found, "layers": layers})


@dataclass(frozen=True)
class Candidate:
    """A model that may be chosen. label: what it is called; layers: with weights, most first."""

    sha256: str
    label: str
    layers: tuple[str, ...]


@dataclass(frozen=True)
class Choices:
    """Values of each kind that may be chosen, for all candidates alike."""

    weights: tuple[int, ...] = CHOICES["weights"]
    activations: tuple[int, ...] = CHOICES["activations"]
    cell_state: tuple[int, ...] = CHOICES["cell_state"]
    scheme: tuple[Scheme, ...] = ("int8",)
    unroll: tuple[Unroll, ...] = ("gates",)
    optimize: tuple[Optimize, ...] = ("speed",)

    def __post_init__(self) -> None:
        for kind, known in CHOICES.items():
            given = getattr(self, kind)
            for value in given:
                if value not in known:
                    names = ", ".join(str(each) for each in known)
                    raise DataError(f"{kind} {value}: a search chooses among {names}")
            if not given or len(set(given)) < len(given):
                raise DataError(f"{kind}: expected one value or several, each once")

    def to_json(self) -> dict[str, list[Any]]:
        """As plain values, which do not depend on the order in which they were given."""
        return {kind: sorted(getattr(self, kind)) for kind in CHOICES}


@dataclass(frozen=True)
class Space:
    """All points of some candidates."""

    candidates: tuple[Candidate, ...]
    choices: Choices

    @property
    def size(self) -> int:
        """How many points there are."""
        return sum(self._size(candidate) for candidate in self.candidates)

    def _size(self, candidate: Candidate) -> int:
        c = self.choices
        integers = [scheme for scheme in c.scheme if scheme != FLOAT32]
        each: int = (len(c.weights) * len(c.activations)) ** max(1, len(candidate.layers))
        schemes = len(integers) * len(c.cell_state) * each + (FLOAT32 in c.scheme)
        return schemes * len(c.unroll) * len(c.optimize)

    def uniform(self) -> list[Point]:
        """Points with the same widths in all layers: where a search starts."""
        pairs = list(itertools.product(*self._pairs))
        return sorted(
            point
            for candidate in self.candidates
            for point in self._with(
                candidate, [tuple((n, w, a) for n in _named(candidate)) for w, a in pairs]
            )
        )

    def sequence(self) -> Iterator[Point]:
        """Points in the order in which they are tried, the same for all: uniform ones first, then
        the others, shuffled, so that a search which is stopped early has seen some of everything.
        Of a space that is too large to list, points drawn without end, each seeded by its number.
        """
        first = self.uniform()
        yield from first
        seen = set(first)
        if self.size <= LISTED:
            yield from self._others(seen)
            return
        for number in itertools.count():
            point = self._drawn(random.Random(number))
            if point not in seen:
                seen.add(point)
                yield point

    def _others(self, seen: set[Point]) -> list[Point]:
        pairs, others = list(itertools.product(*self._pairs)), []
        for candidate in self.candidates:
            names = _named(candidate)
            layered = [
                tuple((n, w, a) for n, (w, a) in zip(names, each, strict=True))
                for each in itertools.product(pairs, repeat=len(names))
            ]
            others += [point for point in self._with(candidate, layered) if point not in seen]
        others.sort()
        random.Random(0).shuffle(others)
        return others

    def _drawn(self, rng: random.Random) -> Point:
        candidate = rng.choice(self.candidates)
        weights, activations = self._pairs
        layers = tuple((n, rng.choice(weights), rng.choice(activations)) for n in _named(candidate))
        return rng.choice(sorted(self._with(candidate, [layers])))

    @property
    def _pairs(self) -> tuple[list[int], list[int]]:
        return sorted(self.choices.weights), sorted(self.choices.activations)

    def _with(self, candidate: Candidate, layered: Sequence[Layered]) -> Iterator[Point]:
        c = self.choices
        for unroll, optimize in itertools.product(c.unroll, c.optimize):
            for scheme in c.scheme:
                if scheme == FLOAT32:
                    yield Point(candidate.sha256, scheme, (), 32, unroll, optimize)
                    continue
                for bits, layers in itertools.product(c.cell_state, layered):
                    yield Point(candidate.sha256, scheme, layers, bits, unroll, optimize)


def _named(candidate: Candidate) -> tuple[str, ...]:
    """Layers that have widths; one that stands for all where none has weights."""
    return candidate.layers or ("",)
