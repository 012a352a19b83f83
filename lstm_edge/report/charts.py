"""Charts with two axes, as finished places for `parts.j2`: 360 wide, as a phone shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lstm_edge.report.numbers import coordinate, tick_text, ticks

WIDTH, HEIGHT = 360.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 350.0, 12.0, 180.0
TONES = 6
"""Series that can be told apart, by colour and by dashes."""
Point = tuple[float, float | None]


@dataclass(frozen=True)
class Series:
    """points: x and y, None where there is a gap. style: line, thick (a wide pale line), dots,
    rings, chosen (a large ring), or stairs (dots, joined along the axes). tone: number of its
    colour.
    """

    name: str
    points: tuple[Point, ...]
    style: str = "line"
    tone: int = 1


@dataclass(frozen=True)
class Level:
    """A line across, at a value of y."""

    name: str
    value: float


class Mark(NamedTuple):
    """A place on an axis with its text, or a dot."""

    at: str
    text: str


@dataclass(frozen=True)
class SeriesView:
    """A series in the drawing: a path, or dots."""

    name: str
    style: str
    tone: int
    path: str
    dots: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Chart:
    """key: unique on a page. legend: shown where there is more than one series."""

    key: str
    title: str
    description: str
    x_name: str
    y_name: str
    x_marks: tuple[Mark, ...]
    y_marks: tuple[Mark, ...]
    series: tuple[SeriesView, ...]
    levels: tuple[tuple[str, str], ...]


class Axis(NamedTuple):
    """A range of values over a range of places."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value."""
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)

    def marks(self, wanted: int, whole: bool = False) -> tuple[Mark, ...]:
        """Round numbers along it; whole: no others."""
        found = [v for v in ticks(self.low, self.high, wanted) if v.is_integer() or not whole]
        return tuple(Mark(coordinate(self.at(value)), tick_text(value)) for value in found)


def chart(
    key: str,
    title: str,
    names: tuple[str, str],
    series: Sequence[Series],
    levels: Sequence[Level] = (),
    whole_x: bool = False,
) -> Chart | None:
    """A chart of some series; None where none has a point. names: of x and y. whole_x: no room
    before the first x and behind the last. Where all x are whole, they count, and so do marks.
    """
    every = [(x, y) for one in series for x, y in one.points if y is not None]
    if not every:
        return None
    xs, ys = [x for x, _ in every], [y for _, y in every] + [level.value for level in levels]
    across = Axis(*_widened(min(xs), max(xs), 0.0 if whole_x else 0.05), LEFT, RIGHT)
    up = Axis(*_widened(min(ys), max(ys), 0.08), BOTTOM, TOP)
    spans = f"{names[0]} from {tick_text(min(xs))} to {tick_text(max(xs))}"
    lasting = f"{names[1]} from {min(ys):.4g} to {max(ys):.4g}"
    return Chart(
        key,
        title,
        f"{', '.join(one.name for one in series[:TONES])}; {spans}, {lasting}",
        *names,
        across.marks(5, all(float(x).is_integer() for x in xs)),
        up.marks(4),
        tuple(_view(one, across, up) for one in series),
        tuple((coordinate(up.at(level.value)), level.name) for level in levels),
    )


def _widened(low: float, high: float, margin: float) -> tuple[float, float]:
    """With some room at both ends; a range of one number gets one around it."""
    if high <= low:
        room = abs(low) * 0.1 or 1.0
        return low - room, high + room
    return low - margin * (high - low), high + margin * (high - low)


def _view(series: Series, across: Axis, up: Axis) -> SeriesView:
    if series.style == "stairs":
        return _stairs(series, across, up)
    is_line = series.style in ("line", "thick")
    path, dots, pen = [], [], "M"
    for x, y in series.points:
        if y is None:
            pen = "M"
            continue
        place = coordinate(across.at(x)), coordinate(up.at(y))
        if is_line:
            path.append(f"{pen}{place[0]} {place[1]}")
            pen = "L"
        else:
            dots.append(place)
    text = "".join(path)
    if is_line and "L" not in text:
        alone = tuple(
            (coordinate(across.at(x)), coordinate(up.at(y)))
            for x, y in series.points
            if y is not None
        )
        return SeriesView(series.name, "dots", series.tone, "", alone)
    return SeriesView(series.name, series.style, series.tone, text, tuple(dots))


def _stairs(series: Series, across: Axis, up: Axis) -> SeriesView:
    dots = tuple(
        (coordinate(across.at(x)), coordinate(up.at(y))) for x, y in series.points if y is not None
    )
    steps = "".join(f"H{x}V{y}" for x, y in dots[1:])
    path = f"M{dots[0][0]} {dots[0][1]}{steps}" if steps else ""
    return SeriesView(series.name, series.style, series.tone, path, dots)
