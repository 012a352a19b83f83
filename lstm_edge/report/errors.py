"""The error against float: by output, over time, by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, log10

from lstm_edge.accuracy.results import OutputAccuracy
from lstm_edge.accuracy.tally import Error
from lstm_edge.accuracy.text import number, output_sqnr, sqnr_text
from lstm_edge.report.charts import TONES, Level, Series, chart
from lstm_edge.report.tables import Figure, Table
from lstm_edge.report.values import ReportValues


def outputs_table(values: ReportValues) -> Table:
    """Every output."""
    rows = tuple(_output_row(output) for output in values.verified.accuracy.outputs)
    head = ("output", "SQNR", "largest error", "rms error", "same argmax", "clipped")
    return Table("Error of each output against float", head, rows)


def _output_row(output: OutputAccuracy) -> tuple[str, ...]:
    error = output.error
    if output.agreement is not None:
        same = f"{output.agreement:.2%} equal"
        return (output.name, same, number(error.max_abs), number(error.rms), "-", "-")
    return (
        output.name,
        output_sqnr(error),
        number(error.max_abs),
        number(error.rms),
        f"{output.argmax_agreement:.2%}",
        f"{output.saturations:,}",
    )


def layers_table(values: ReportValues) -> Table:
    """Every value that a layer stores."""
    rows = []
    for layer in values.verified.accuracy.layers:
        for value in layer.values:
            error, clipped = value.error, layer.saturations.get(value.name)
            rows.append(
                (
                    layer.name,
                    value.name.removeprefix(f"{layer.name}."),
                    value.format,
                    sqnr_text(error),
                    number(error.max_abs),
                    "-" if error.drift is None else f"x{error.drift:.2f}",
                    "-" if clipped is None else f"{clipped:,}",
                )
            )
    head = ("layer", "value", "stored as", "SQNR", "largest error", "drift", "clipped")
    note = "Drift: the error of the last quarter of the steps over that of the first."
    return Table("Error of each value against float", head, tuple(rows), note)


def over_time(values: ReportValues) -> Iterator[Figure]:
    """SQNR by step: of outputs, then of what layers store, the worst first."""
    accuracy = values.verified.accuracy
    outputs = [(o.name, o.error) for o in accuracy.outputs if o.agreement is None]
    inside = [
        (value.name if "." in value.name else f"{layer.name}.{value.name}", value.error)
        for layer in accuracy.layers
        for value in layer.values
    ]
    for key, title, found in (
        ("time-outputs", "Outputs, step by step", outputs),
        ("time-layers", "Layers, step by step", inside),
    ):
        moving = [(name, error) for name, error in found if _moves(error)]
        moving.sort(key=lambda each: (_worst(each[1]), each[0]))
        figure = _over_time(key, title, moving, values.limits.error)
        if figure is not None:
            yield figure


def _moves(error: Error) -> bool:
    return len(error.by_step) > 1 and any(rms for rms in error.by_step.values())


def _worst(error: Error) -> float:
    return min((y for _, y in by_step(error) if y is not None), default=0.0)


def by_step(error: Error) -> tuple[tuple[float, float | None], ...]:
    """Steps, and the dB by which the error is below the value's rms over all steps."""
    known = error.signal > 0.0 and isfinite(error.signal)
    return tuple(
        (float(t), 20.0 * log10(error.signal / rms) if rms and known else None)
        for t, rms in error.by_step.items()
    )


def _over_time(
    key: str, title: str, moving: Sequence[tuple[str, Error]], asked: float | None
) -> Figure | None:
    drawn = moving[:TONES]
    series = [Series(name, by_step(error), "line", k) for k, (name, error) in enumerate(drawn, 1)]
    levels = [] if asked is None else [Level(f"asked for: {asked:g} dB", asked)]
    made = chart(key, title, ("step", "SQNR, dB"), series, levels, whole_x=True)
    if made is None:
        return None
    steps = sorted({t for _, error in moving for t in error.by_step})
    rows = tuple(
        (
            name,
            *("-" if (db := dict(by_step(error)).get(t)) is None else f"{db:.1f}" for t in steps),
        )
        for name, error in moving
    )
    table = Table(f"{title}: SQNR in dB", ("value", *(f"{t:,}" for t in steps)), rows)
    note = "Higher is better. The error at a step against the rms of the value over all steps."
    if len(moving) > TONES:
        note += f" Drawn are the worst {TONES} of {len(moving)}."
    return Figure(made, table, note)
