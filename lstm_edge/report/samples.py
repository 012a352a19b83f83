"""Outputs on samples, float and integers beside each other, as charts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lstm_edge.report.charts import Series, chart
from lstm_edge.report.numbers import short
from lstm_edge.report.tables import Figure, Table
from lstm_edge.report.values import Array, ReportValues, Trace

OUTPUTS_DRAWN = 4
UNITS_DRAWN = 3
DOTS, STEPS_DRAWN = 400, 128
ROWS_SHOWN = 32
"""Of the numbers that a chart of samples draws."""


def traced(values: ReportValues) -> Iterator[tuple[str, list[Figure]]]:
    """The first outputs: on a sample, and their difference from float."""
    for k, trace in enumerate(values.traces[:OUTPUTS_DRAWN]):
        found = [_sample(k, trace), None if trace.integers else _difference(k, trace)]
        figures = [figure for figure in found if figure is not None]
        if figures:
            yield trace.output, figures


def _sample(k: int, trace: Trace) -> Figure | None:
    """One sample over its steps, or over its units, or the only unit over samples."""
    over_steps = trace.per_step and trace.real.shape[1] > 1
    units = trace.real.shape[2]
    if over_steps:
        chosen = _liveliest(trace.real[0])
        first = slice(STEPS_DRAWN)
        columns = [(f"unit {u}", trace.real[0, first, u], trace.ours[0, first, u]) for u in chosen]
        title, across = "The first sample, step by step", "step"
    elif units > 1:
        columns = [("", trace.real[0, -1], trace.ours[0, -1])]
        title, across = "The first sample, unit by unit", "unit"
    else:
        columns = [("", trace.real[:, -1, 0], trace.ours[:, -1, 0])]
        title, across = "The first samples", "sample"
    alone = len(columns) == 1
    series = []
    for tone, (name, real, ours) in enumerate(columns, 1):
        of = "" if alone else f", {name}"
        wide, thin = ("thick", "line") if over_steps else ("rings", "dots")
        series += [
            Series(f"float{of}", _points(real), wide, tone),
            Series(f"integers{of}", _points(ours), thin, tone),
        ]
    made = chart(f"trace-{k}", title, (across, trace.output), series, whole_x=over_steps)
    if made is None:
        return None
    head = (across, *(one.name for one in series))
    count = min(len(series[0].points), ROWS_SHOWN)
    rows = tuple((f"{n}", *(short(one.points[n][1]) for one in series)) for n in range(count))
    left = len(series[0].points) - count
    note = f"The first {count}; {left} more are drawn." if left else ""
    table = Table(f"{trace.output}: float and integers", head, rows, note)
    drawn = f"Units {', '.join(map(str, _liveliest(trace.real[0])))} of {units}."
    return Figure(made, table, drawn if over_steps and units > 1 else "")


def _liveliest(sample: Array) -> list[int]:
    """Units that move most, in their order."""
    spread = sample.std(axis=0)
    order = sorted(range(len(spread)), key=lambda u: (-spread[u], u))
    return sorted(order[:UNITS_DRAWN])


def _points(numbers: Array) -> tuple[tuple[float, float | None], ...]:
    return tuple((float(n), float(x) if np.isfinite(x) else None) for n, x in enumerate(numbers))


def _difference(k: int, trace: Trace) -> Figure | None:
    """Integer less float, over the float value: an offset, a slope or clipping shows here."""
    real, ours = trace.real.ravel(), trace.ours.ravel()
    few = np.linspace(0, len(real) - 1, min(len(real), DOTS)).astype(int)
    finite = few[np.isfinite(real[few]) & np.isfinite(ours[few])]
    if not len(finite) or not np.any(real[finite] != ours[finite]):
        return None
    dots = tuple((float(real[n]), float(ours[n] - real[n])) for n in finite)
    series = [Series("integers less float", dots, "dots", 2)]
    title = "Difference against the float value"
    made = chart(f"difference-{k}", title, ("float", "integers - float"), series)
    if made is None:
        return None
    size = np.abs(ours[finite] - real[finite])
    error = ours[finite] - real[finite]
    rows = (
        ("numbers drawn", f"{len(finite):,} of {len(real):,}"),
        ("mean difference", short(float(error.mean()))),
        ("median size", short(float(np.median(size)))),
        ("largest size", short(float(size.max()))),
    )
    table = Table(f"{trace.output}: difference", ("figure", "value"), rows)
    note = "A level off zero is an offset; a slope, a scale; straight edges, clipping."
    return Figure(made, table, note)
