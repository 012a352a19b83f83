"""What a search tried, as a Pareto front: the error against instructions, and against flash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lstm_edge.report.charts import Chart, Level, Series, chart
from lstm_edge.report.numbers import whole
from lstm_edge.report.tables import Table
from lstm_edge.report.values import Limits, Tried


@dataclass(frozen=True)
class Front:
    """charts: one for each cost. table: all that were tried."""

    charts: tuple[Chart, ...]
    table: Table
    chosen: str


def front_of(tried: Sequence[Tried], limits: Limits) -> Front | None:
    """None where nothing was tried."""
    if not tried:
        return None
    charts = (
        _chart(
            "front-instructions",
            "Error and instructions",
            "instructions",
            tried,
            _instructions,
            limits,
        ),
        _chart("front-flash", "Error and constants in flash", "bytes", tried, _flash, limits),
    )
    made = tuple(each for each in charts if each is not None)
    rows = tuple(_row(each, tried) for each in tried)
    head = ("widths", "chosen", "on the front", "constants", "instructions", "SQNR", "points lost")
    chosen = next((each.options for each in tried if each.chosen), "")
    return Front(made, Table("What was tried", head, rows), chosen)


def _instructions(each: Tried) -> float | None:
    return each.instructions


def _flash(each: Tried) -> float | None:
    return float(each.flash)


def gain(each: Tried, by_score: bool) -> float | None:
    """What is to be large: the score that is left, or the SQNR."""
    if by_score:
        return None if each.points_lost is None else -each.points_lost
    return each.sqnr_db


def on_front(each: Tried, tried: Sequence[Tried]) -> bool:
    """No other is as good in instructions, flash and error, and better in one."""
    mine = _goals(each)
    if mine is None:
        return False
    others = (goals for other in tried if (goals := _goals(other)) is not None and goals != mine)
    return not any(all(a <= b for a, b in zip(g, mine, strict=True)) for g in others)


def _goals(each: Tried) -> tuple[float, ...] | None:
    """Numbers to be small; None where one is not known."""
    error = each.points_lost if each.points_lost is not None else each.sqnr_db
    if error is None:
        return None
    signed = error if each.points_lost is not None else -error
    return (each.instructions or 0.0, float(each.flash), signed)


def _chart(
    key: str,
    title: str,
    unit: str,
    tried: Sequence[Tried],
    cost: Callable[[Tried], float | None],
    limits: Limits,
) -> Chart | None:
    """Gain over one cost; the best by that cost alone are joined."""
    by_score = all(each.points_lost is not None for each in tried)
    known = [
        (x, y, each.chosen)
        for each in tried
        if (x := cost(each)) is not None and (y := gain(each, by_score)) is not None
    ]
    points = [(x, y) for x, y, _ in known]
    best = stairs(points)
    series = [
        Series("tried", tuple(p for p in points if p not in best), "rings", 1),
        Series("best for its cost", tuple(best), "stairs", 1),
        Series("chosen", tuple((x, y) for x, y, chosen in known if chosen), "chosen", 2),
    ]
    asked = limits.drop if by_score else limits.error
    wanted = -asked if by_score and asked is not None else asked
    levels = [] if wanted is None else [Level("asked for", wanted)]
    name = "points gained" if by_score else "SQNR, dB"
    return chart(key, title, (unit, name), [one for one in series if one.points], levels)


def stairs(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of points of cost and gain those that no other beats, by rising cost."""
    found: list[tuple[float, float]] = []
    for x, y in sorted(set(points), key=lambda p: (p[0], -p[1])):
        if not found or y > found[-1][1]:
            found.append((x, y))
    return found


def _row(each: Tried, tried: Sequence[Tried]) -> tuple[str, ...]:
    return (
        each.options,
        "yes" if each.chosen else "",
        "yes" if on_front(each, tried) else "",
        f"{each.flash:,} B",
        "-" if each.instructions is None else whole(each.instructions),
        "-" if each.sqnr_db is None else f"{each.sqnr_db:.1f} dB",
        "-" if each.points_lost is None else f"{each.points_lost:+.2f}",
    )
