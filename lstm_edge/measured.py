"""The error of a program that was just compiled, on few enough samples to be quick."""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.accuracy import text
from lstm_edge.accuracy.advice import advice
from lstm_edge.accuracy.measure import measure
from lstm_edge.data import Data, some_samples
from lstm_edge.ir.program import Program
from lstm_edge.manifest import AccuracyEntry
from lstm_edge.passes.calibrate import chained


@dataclass(frozen=True)
class MeasuredError:
    """The error of the compiled program: the report, a line for each output, the manifest's part,
    warnings. All empty for float32, where there is none.
    """

    report: str = ""
    lines: tuple[str, ...] = ()
    summary: AccuracyEntry | None = None
    warnings: tuple[str, ...] = ()


def measured_error(program: Program, reference: Program, data: Data) -> MeasuredError:
    """The error of an integer program on some of the held-back samples."""
    if program.is_float:
        return MeasuredError()
    feed = chained(reference, some_samples(data.held_back, program))
    found = measure(program, reference, feed, exact=False).accuracy
    warnings = advice(found, program, calibrated=data.from_file, only_noticeable=True)
    kind = "made-up" if not data.from_file else "calibration" if data.too_few else "held-back"
    lines = tuple(
        f"  error  {output.name}: {text.brief(output)} on {found.samples} {kind} samples"
        for output in found.outputs
    )
    head = f"{program.name}, {found.samples} {kind} samples of {found.steps} steps"
    report = [head, *text.lines(found), *text.warning_lines(warnings)]
    return MeasuredError(
        "\n".join(report) + "\n", lines, text.summary_json(found, warnings), warnings
    )
