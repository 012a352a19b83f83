"""The error of a program that was just compiled, on few enough samples to be quick."""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.accuracy import text
from lstm_edge.accuracy.advice import advice
from lstm_edge.accuracy.measure import measure
from lstm_edge.data import Data, some_samples
from lstm_edge.ir.program import Program
from lstm_edge.manifest import AccuracyEntry

REMEDY = {
    "drawn": "give --calibration FILE.npz, or `lstm-edge verify DIR --inputs X.npz`",
    "alike": "give typical data, or `lstm-edge verify DIR --inputs X.npz`",
}
"""How the error becomes known, by where the data come from."""


@dataclass(frozen=True)
class MeasuredError:
    """The error of the compiled program: the report, a line for each output, the manifest's part,
    warnings. All empty for float32, where there is none; but for the line, of data that tell
    nothing of it.
    """

    report: str = ""
    lines: tuple[str, ...] = ()
    summary: AccuracyEntry | None = None
    warnings: tuple[str, ...] = ()


def measured_error(program: Program, reference: Program, data: Data) -> MeasuredError:
    """The error of an integer program on some of the held-back samples."""
    if program.is_float:
        return MeasuredError()
    if data.origin != "file":
        told = text.not_known(data.origin, REMEDY[data.origin])
        return MeasuredError(lines=(f"  error  {told}",))
    feed = some_samples(data.held_back, program)
    found = measure(program, reference, feed, exact=False).accuracy
    warnings = advice(found, program, calibrated=True, only_noticeable=True)
    amount = text.amount(found, data.kind)
    lines = tuple(
        f"  error  {output.name}: {text.brief(output)} on {amount}" for output in found.outputs
    )
    report = [f"{program.name}, {amount}", *text.lines(found), *text.warning_lines(warnings)]
    summary = text.summary_json(found, data.kind, warnings)
    return MeasuredError("\n".join(report) + "\n", lines, summary, warnings)
