"""The Pareto front of a study: points that no other is better than in everything asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from lstm_edge.search.evaluate import Result
from lstm_edge.search.limits import Limits
from lstm_edge.search.points import Point

OBJECTIVES: Mapping[str, Callable[[Result], float]] = {
    "error": lambda result: -inf if result.decibels is None else -result.decibels,
    "score": lambda result: result.points or 0.0,
    "missed": lambda result: result.missed or 0.0,
    "flash": lambda result: float(result.flash),
    "ram": lambda result: float(result.ram),
    "instructions": lambda result: float(result.instructions or 0),
    "cycles": lambda result: float(result.cycles or 0),
}
"""What may be asked for; the smaller, the better. error is the SQNR of the worst output, negative.
error and score hold a network against itself in float, missed holds it against the labels.
"""


@dataclass(frozen=True)
class Tried:
    """A point that was looked at, under its number in the study."""

    number: int
    point: Point
    result: Result


def values_of(result: Result, objectives: Sequence[str]) -> tuple[float, ...]:
    """A whole result, seen by the objectives."""
    return tuple(OBJECTIVES[name](result) for name in objectives)


def pareto(tried: Sequence[Tried], objectives: Sequence[str], limits: Limits) -> list[Tried]:
    """Those within the limits that none other beats, by their values. Of points with equal values
    there is the first in the order of points, so that the front depends on what was tried alone and
    not on when or where.
    """
    first: dict[tuple[float, ...], Tried] = {}
    for each in sorted(tried, key=lambda one: (one.point, one.number)):
        if each.result.holds(limits):
            first.setdefault(values_of(each.result, objectives), each)
    kept: list[tuple[float, ...]] = []
    for values in sorted(first):
        if not any(all(a <= b for a, b in zip(k, values, strict=True)) for k in kept):
            kept.append(values)
    return [first[values] for values in kept]


def knee(front: Sequence[Tried], objectives: Sequence[str]) -> Tried:
    """The point that is nearest to the best of everything, each objective on its range over the
    front.
    """
    rows = [values_of(each.result, objectives) for each in front]
    lows = [min(column) for column in zip(*rows, strict=True)]
    spans = [max(column) - min(column) or 1.0 for column in zip(*rows, strict=True)]

    def distance(index: int) -> tuple[float, int]:
        parts = zip(rows[index], lows, spans, strict=True)
        return sum(((value - low) / span) ** 2 for value, low, span in parts), index

    return front[min(range(len(front)), key=distance)]


def cheapest(front: Sequence[Tried]) -> Tried:
    """Least flash, then fewest instructions, then least RAM, as `--weights auto` chooses."""

    def cost(each: Tried) -> tuple[int, int, int, Point]:
        result = each.result
        return result.flash, result.instructions or 0, result.ram, each.point

    return min(front, key=cost)


def chosen(front: Sequence[Tried], objectives: Sequence[str], limits: Limits) -> Tried:
    """What is compiled where no point is named: the cheapest one that holds the bound of error or
    score; the knee where there is no such bound.
    """
    if limits.decibels is not None or limits.points is not None:
        return cheapest(front)
    return knee(front, objectives)


def to_json(each: Tried, label: str) -> dict[str, Any]:
    """A point of the front as plain values; label: of its model."""
    return {
        "trial": each.number,
        "model": label,
        "options": each.point.describe(),
        "sqnr_db": each.result.decibels,
        "points_lost": each.result.points,
        "percent_missed": each.result.missed,
        "flash": each.result.flash,
        "ram": each.result.ram,
        "instructions": each.result.instructions,
        "cycles": each.result.cycles,
        "stack": each.result.stack,
        "point": each.point.to_json(),
    }
