"""What `auto` or a study tried, as a Pareto front: the error against each cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isinf

from lstm_edge.report.charts import Chart, Level, Series, chart
from lstm_edge.report.numbers import whole
from lstm_edge.report.tables import Table
from lstm_edge.report.values import Limits, Study, Tried

COSTS: Mapping[str, tuple[str, str, Callable[[Tried], float | None]]] = {
    "instructions": ("Error and instructions", "instructions", lambda each: each.instructions),
    "cycles": ("Error and cycles", "cycles", lambda each: each.cycles),
    "flash": ("Error and flash", "bytes", lambda each: float(each.flash)),
    "ram": ("Error and RAM", "bytes", lambda each: each.ram),
}
"""Objective -> title, unit, and how much of it there is."""
GAINS: Mapping[str, tuple[str, Callable[[Tried], float | None]]] = {
    "missed": ("right, %", lambda each: None if each.missed is None else 100.0 - each.missed),
    "score": (
        "points gained",
        lambda each: None if each.points_lost is None else -each.points_lost,
    ),
    "error": ("SQNR, dB", lambda each: each.sqnr_db),
}
"""Objective -> what is to be large, the first that was asked for is drawn."""
OBJECTIVE_WORDS = {"missed": "labels missed", "score": "score", "ram": "RAM"}
BY_DEFAULT = ("instructions", "flash")
LISTED = 16
"""Rows of a table that is shown at once."""


@dataclass(frozen=True)
class Front:
    """lead: where the points come from. charts: one for each cost. table: all points; long: it is
    better folded.
    """

    title: str
    lead: str
    chosen: str
    charts: tuple[Chart, ...]
    table: Table
    long: bool


def front_of(tried: Sequence[Tried], limits: Limits, study: Study | None = None) -> Front | None:
    """None where there was nothing to choose from. A point that stands alone is not drawn."""
    if len(tried) < (2 if study is None else 1):
        return None
    costs = COSTS if study is None else {k: v for k, v in COSTS.items() if k in study.objectives}
    gain = _gain_of(tried, study)
    made = [
        _chart(name, gain, tried, _wanted(gain, limits, study), study)
        for name in costs
        if len(tried) > 1 and (study is not None or name in BY_DEFAULT)
    ]
    chosen = next((each.options for each in tried if each.chosen), "none")
    return Front(
        "What was tried" if study is None else "Front of the study",
        "" if study is None else _lead(tried, study),
        chosen if study is None else f"trial {study.trial}, {chosen}",
        tuple(each for each in made if each is not None),
        _table(tried, study),
        len(tried) > LISTED,
    )


def _lead(tried: Sequence[Tried], study: Study) -> str:
    on = sum(not each.beaten for each in tried)
    words = [OBJECTIVE_WORDS.get(name, name) for name in study.objectives]
    listed = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return f"{on:,} of {study.tried:,} points that were tried are on the front of {listed}."


def _gain_of(tried: Sequence[Tried], study: Study | None) -> str:
    """What is drawn upwards: what the study asks for, else the score where all have one."""
    if study is not None:
        return next((name for name in GAINS if name in study.objectives), "error")
    return "score" if all(each.points_lost is not None for each in tried) else "error"


def _wanted(gain: str, limits: Limits, study: Study | None) -> float | None:
    """The bound of what is drawn upwards."""
    asked = limits if study is None else study
    if gain == "error":
        return asked.error
    return -asked.drop if gain == "score" and asked.drop is not None else None


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
    name: str, gain: str, tried: Sequence[Tried], wanted: float | None, study: Study | None
) -> Chart | None:
    """Gain over one cost; the best by that cost alone are joined. The points of a study are a
    front, so others are good by another cost.
    """
    (title, unit, cost), (upwards, gained) = COSTS[name], GAINS[gain]
    title = f"Error and {_flash_of(study)}" if name == "flash" else title
    known = [
        (x, y, each)
        for each in tried
        if (x := cost(each)) is not None and (y := gained(each)) is not None and not isinf(y)
    ]
    points = [(x, y) for x, y, each in known if not each.beaten]
    best = stairs(points)
    series = [
        Series(
            "tried" if study is None else "best by another cost",
            tuple(p for p in points if p not in best),
            "rings",
            1,
        ),
        Series("best for its cost", tuple(best), "stairs", 1),
        Series("chosen", tuple((x, y) for x, y, each in known if each.chosen), "chosen", 2),
    ]
    levels = [] if wanted is None else [Level("asked for", wanted)]
    drawn = [one for one in series if one.points]
    return chart(f"front-{name}", title, (unit, upwards), drawn, levels)


def stairs(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of points of cost and gain those that no other beats, by rising cost."""
    found: list[tuple[float, float]] = []
    for x, y in sorted(set(points), key=lambda p: (p[0], -p[1])):
        if not found or y > found[-1][1]:
            found.append((x, y))
    return found


def _table(tried: Sequence[Tried], study: Study | None) -> Table:
    """A column for whatever is known of any point."""
    columns: list[tuple[str, list[str]]] = [
        ("chosen", ["yes" if each.chosen else "" for each in tried]),
        ("on the front", ["yes" if _is_best(each, tried, study) else "" for each in tried]),
        (_flash_of(study), [f"{each.flash:,} B" for each in tried]),
        ("RAM", ["-" if each.ram is None else f"{each.ram:,} B" for each in tried]),
        ("instructions", [_known(each.instructions, whole) for each in tried]),
        ("cycles", [_known(each.cycles, whole) for each in tried]),
        ("SQNR", [_known(each.sqnr_db, _decibels) for each in tried]),
        ("points lost", [_known(each.points_lost, "{:+.2f}".format) for each in tried]),
        ("missed", [_known(each.missed, "{:.2f} %".format) for each in tried]),
    ]
    if study is not None and not any(each.beaten for each in tried):
        del columns[1]
    told = [(head, cells) for head, cells in columns if set(cells) - {"-"}]
    names, shared = [each.options for each in tried], ""
    if study is not None:
        names, shared = _apart(names)
    rows = tuple(zip(names, *(cells for _, cells in told), strict=True))
    caption = "What was tried" if study is None else "Points of the study"
    note = f"All: {shared}." if shared else ""
    return Table(caption, ("widths", *(head for head, _ in told)), rows, note)


def _flash_of(study: Study | None) -> str:
    """What flash is of."""
    return "flash with code" if study is not None and study.code else "constants"


def _apart(names: list[str]) -> tuple[list[str], str]:
    """Options without the words that all of them have, and these."""
    words = [name.split() for name in names]
    shared = [word for word in words[0] if all(word in each for each in words)]
    short = [" ".join(word for word in each if word not in shared) for each in words]
    return (short, " ".join(shared)) if all(short) else (names, "")


def _is_best(each: Tried, tried: Sequence[Tried], study: Study | None) -> bool:
    return on_front(each, tried) if study is None else not each.beaten


def _known(value: float | None, text: Callable[[float], str]) -> str:
    return "-" if value is None else text(value)


def _decibels(value: float) -> str:
    return "exact" if isinf(value) else f"{value:.1f} dB"
