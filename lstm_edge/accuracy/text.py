"""The report of a measurement: lines for people, plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lstm_edge.accuracy.results import (
    Accuracy,
    InputAccuracy,
    LayerAccuracy,
    OutputAccuracy,
    ValueAccuracy,
)
from lstm_edge.accuracy.tally import Error
from lstm_edge.manifest import AccuracyEntry, Calibration, ErrorEntry

SHOWN_STEPS = 5
LEAST_TO_SHARE, LARGEST_SHARE = 4, 0.5
"""Of so many samples at least, one has more than this share of the squared error: the figure hangs
on it.
"""
MEAN_DB = 3.0
"""The dB without the mean are told where they are below the others by more than this."""
HEADINGS = (
    "layer",
    "value",
    "stored as",
    "SQNR",
    "max",
    "rms",
    "drift",
    "clipped",
    "free",
)


def lines(accuracy: Accuracy) -> list[str]:
    """Outputs, then layers, as aligned lines."""
    found = []
    for output in accuracy.outputs:
        found.append(f"  output {output.name}: against float {output_text(output)}")
        if len(output.error.by_step) > 1:
            found.append(f"    rms by step  {_steps(output.error)}")
    rows = [_row(layer, value) for layer in accuracy.layers for value in layer.values]
    if rows:
        found += ["", *_table([HEADINGS, *rows])]
        moving = [v for layer in accuracy.layers for v in layer.values if len(v.error.by_step) > 1]
        width = max((len(v.name) for v in moving), default=0)
        found += [""] if moving else []
        found += [f"  {v.name:{width}}  rms by step  {_steps(v.error)}" for v in moving]
    return found


def output_text(output: OutputAccuracy) -> str:
    """The error of an output: of integers, how many are the same."""
    if output.agreement is not None:
        return f"agreement {output.agreement:.2%}"
    error = output.error
    return (
        f"SQNR {output_sqnr(error)}, max {number(error.max_abs)}, rms {number(error.rms)}, argmax "
        f"agreement {output.argmax_agreement:.2%}"
    )


def brief(output: OutputAccuracy) -> str:
    """The same in a few words."""
    if output.agreement is not None:
        return f"agreement {output.agreement:.2%}"
    return f"SQNR {output_sqnr(output.error)}, max {number(output.error.max_abs)}"


def output_sqnr(error: Error) -> str:
    """`68.0 dB (17.0 dB without its mean)`, or without that where it says the same."""
    return sqnr_text(error) + mean_note(error.sqnr_db, error.without_mean_db)


def mean_note(decibels: float | None, varying: float | None) -> str:
    """` (17.0 dB without its mean)`; empty where that is about the same, or not known."""
    if varying is None or decibels is None or decibels - varying <= MEAN_DB:
        return ""
    return f" ({varying:.1f} dB without its mean)"


def not_known(calibration: Calibration, remedy: str) -> str:
    """Why nothing is known of the error, and how it becomes known."""
    why = "calibration data are all alike" if calibration == "alike" else "no calibration data"
    return f"not known, {why}: {remedy}"


def amount(accuracy: Accuracy, kind: str = "") -> str:
    """`2 held-back streams of 2,000 steps`, `1 sample of 8 steps`. kind: which they are."""
    count, what = (accuracy.streams, "stream") if accuracy.streams else (accuracy.samples, "sample")
    kind = f"{kind} " if kind else ""
    return f"{count:,} {kind}{plural(what, count)} of {steps_text(accuracy.stream_steps)}"


def hangs_on_one(output: OutputAccuracy, accuracy: Accuracy) -> str:
    """`; 74 % of the squared error is of one sample`, where few samples say how far the figure of
    others may be; else empty.
    """
    count = accuracy.streams or accuracy.samples
    if count < LEAST_TO_SHARE or output.worst <= LARGEST_SHARE or output.agreement is not None:
        return ""
    what = "stream" if accuracy.streams else "sample"
    return f"; {output.worst:.0%} of the squared error is of one {what}".replace("%", " %")


def in_turn(samples: int, steps: int, parts: int) -> str:
    """`200 samples of 1 step, a fifth of them held back in turn`."""
    share = {2: "half", 3: "a third", 4: "a quarter"}.get(parts, "a fifth")
    amount = f"{samples:,} {plural('sample', samples)} of {steps_text(steps)}"
    return f"{amount}, {share} of them held back in turn"


def steps_text(steps: int) -> str:
    """`2,000 steps`."""
    return f"{steps:,} {plural('step', steps)}"


def plural(word: str, count: int) -> str:
    """The word, with an s unless there is one."""
    return word if count == 1 else f"{word}s"


def sqnr_text(error: Error) -> str:
    """`46.0 dB`, or why there is no such figure."""
    if error.sqnr_db is not None:
        return f"{error.sqnr_db:.1f} dB"
    if error.exact:
        return "exact"
    return "not finite" if error.rms is None else "no signal"


def number(value: float | None) -> str:
    """Three digits."""
    return "not finite" if value is None else f"{value:.3g}"


def _steps(error: Error) -> str:
    """A few of the steps, from the first to the last."""
    all_steps = list(error.by_step)
    last = len(all_steps) - 1
    few = dict.fromkeys(all_steps[last * k // (SHOWN_STEPS - 1)] for k in range(SHOWN_STEPS))
    return ", ".join(f"{t}: {number(error.by_step[t])}" for t in few)


def _row(layer: LayerAccuracy, value: ValueAccuracy) -> tuple[str, ...]:
    error = value.error
    clipped = layer.saturations.get(value.name)
    return (
        layer.name,
        value.name.removeprefix(f"{layer.name}."),
        value.format,
        sqnr_text(error),
        number(error.max_abs),
        number(error.rms),
        "-" if error.drift is None else f"x{error.drift:.2f}",
        "-" if clipped is None else f"{clipped:,}",
        str(value.used.unused_bits),
    )


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return [f"  {line}".rstrip() for line in padded]


def outputs_json(accuracy: Accuracy) -> dict[str, Any]:
    """Name -> figures."""
    return {output.name: _output_json(output) for output in accuracy.outputs}


def _output_json(output: OutputAccuracy) -> dict[str, Any]:
    figures = _error_json(output.error)
    if output.agreement is not None:
        figures |= {"sqnr_db": None, "agreement": output.agreement}
    figures |= {
        "argmax_agreement": output.argmax_agreement,
        "saturations": output.saturations,
        "layer": output.layer,
    }
    if not output.per_step and len(output.error.by_step) == 1:
        del figures["rms_by_step"]
    return figures


def _error_json(error: Error) -> dict[str, Any]:
    return {
        "max_abs": error.max_abs,
        "rms": error.rms,
        "sqnr_db": rounded(error.sqnr_db, 2),
        "sqnr_db_without_mean": rounded(error.without_mean_db, 2),
        "drift": rounded(error.drift, 4),
        "rms_by_step": dict(error.by_step),
    }


def rounded(value: float | None, digits: int) -> float | None:
    """None stays None."""
    return None if value is None else round(value, digits)


def layers_json(accuracy: Accuracy) -> list[dict[str, Any]]:
    """In the order of the network."""
    return [
        {
            "name": layer.name,
            "reads": list(layer.reads),
            "saturations": dict(layer.saturations),
            "values": {value.name: _value_json(value) for value in layer.values},
        }
        for layer in accuracy.layers
    ]


def _value_json(value: ValueAccuracy) -> dict[str, Any]:
    return _error_json(value.error) | {
        "format": value.format,
        "unused_bits": value.used.unused_bits,
        "numbers_by_unused_bits": list(value.used.bins),
    }


def inputs_json(accuracy: Accuracy) -> dict[str, Any]:
    """Name -> figures; a state input counts the states that it sets together."""
    found: dict[str, dict[str, Any]] = {}
    for each in accuracy.inputs:
        figures = _input_json(each)
        before = found.get(each.name)
        if before is not None:
            counts = ("saturations", "numbers", "beyond")
            first = before if before["beyond"] or not each.beyond else figures
            figures = first | {key: before[key] + figures[key] for key in counts}
        found[each.name] = figures
    return found


def _input_json(each: InputAccuracy) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "saturations": each.saturations,
        "numbers": each.numbers,
        "beyond": each.beyond,
    }
    if each.beyond:
        figures |= {
            "feature": each.feature,
            "farthest": each.farthest,
            "range": [each.low, each.high],
        }
    return figures


def summary_json(
    accuracy: Accuracy, kind: str, parts: int, warnings: Sequence[str]
) -> AccuracyEntry:
    """What the manifest keeps: figures of four digits for each output and each value of a layer.
    kind: which samples they are of; parts: that were held back in turn, 0 where none were.
    """
    return {
        "samples": accuracy.samples,
        "steps": accuracy.steps,
        "streams": accuracy.streams or None,
        "inputs": kind,
        "in_turn": parts or None,
        "outputs": {output.name: _short(output.error) for output in accuracy.outputs},
        "layers": {
            layer.name: {value.name: _short(value.error) for value in layer.values}
            for layer in accuracy.layers
        },
        "warnings": list(warnings),
    }


def _short(error: Error) -> ErrorEntry:
    largest = error.max_abs
    return {
        "sqnr_db": rounded(error.sqnr_db, 2),
        "sqnr_db_without_mean": rounded(error.without_mean_db, 2),
        "max_abs": None if largest is None else float(f"{largest:.4g}"),
    }


def warning_lines(warnings: Sequence[str]) -> list[str]:
    """Each on a line of its own, behind an empty one."""
    return ["", *(f"  Warning: {text}" for text in warnings)] if warnings else []
