"""The error of a program that was just compiled, on few enough samples to be quick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.accuracy import text
from lstm_edge.accuracy.advice import LOW_SQNR, advice, low_outputs
from lstm_edge.accuracy.measure import measure
from lstm_edge.accuracy.results import Accuracy, OutputAccuracy
from lstm_edge.accuracy.tally import joined
from lstm_edge.data import Data, folds, some_samples
from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.program import Program
from lstm_edge.manifest import AccuracyEntry

MOST_WEIGHTS = 2**19
"""A larger network is quantized once only: that takes some seconds."""
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


def measured_error(
    program: Program, reference: Program, data: Data, again: Callable[[Feed], Program]
) -> MeasuredError:
    """The error of an integer program on some of the held-back samples; that of its outputs, where
    these are few, on parts of all samples that are held back in turn, by programs that are made in
    the same way of the others. again: the program of what to calibrate on.
    """
    if program.is_float:
        return MeasuredError()
    if data.origin != "file":
        told = text.not_known(data.origin, REMEDY[data.origin])
        return MeasuredError(lines=(f"  error  {told}",))
    feed = some_samples(data.held_back, program)
    found = measure(program, reference, feed, exact=False).accuracy
    amount = text.amount(found, data.kind)
    warnings = advice(found, program, calibrated=True, only_noticeable=True)
    parts = _in_turn(program, reference, data, again)
    if parts:
        known = {output.name for output in low_outputs(found)}
        found = replace(found, outputs=_together(found.outputs, parts))
        samples = sum(part.samples for part in parts)
        amount = text.in_turn(samples, found.steps, len(parts))
        low = [output for output in low_outputs(found) if output.name not in known]
        warnings += tuple(_too_few(output, amount) for output in low)
    lines = tuple(
        f"  error  {output.name}: {text.brief(output)} on {amount}"
        f"{text.hangs_on_one(output, found)}"
        for output in found.outputs
    )
    report = [f"{program.name}, {amount}", *text.lines(found), *text.warning_lines(warnings)]
    summary = text.summary_json(found, data.kind, len(parts), warnings)
    return MeasuredError("\n".join(report) + "\n", lines, summary, warnings)


def _too_few(output: OutputAccuracy, amount: str) -> str:
    """The warning of an output that is well on what it was made from, and not on what is new."""
    return (
        f"output {output.name}: SQNR {text.sqnr_text(output.error)} on {amount}, and above "
        f"{LOW_SQNR:.0f} dB where they are calibrated on: so few do not show what others are like; "
        "give some hundred of every kind that there is"
    )


def _in_turn(
    program: Program, reference: Program, data: Data, again: Callable[[Feed], Program]
) -> list[Accuracy]:
    """The error of each part; none where enough is held back, or making programs takes long."""
    weights = sum(array.size for array in reference.constants.values())
    parts = folds(reference, data) if weights <= MOST_WEIGHTS else ()
    return [
        measure(again(used), reference, some_samples(held, program), exact=False).accuracy
        for used, held in parts
    ]


def _together(
    outputs: tuple[OutputAccuracy, ...], parts: list[Accuracy]
) -> tuple[OutputAccuracy, ...]:
    """Outputs with the error of all parts."""
    found = []
    for k, output in enumerate(outputs):
        each = [part.outputs[k] for part in parts]
        vectors = [one.error.numbers for one in each]
        agreed = [one.argmax_agreement for one in each]
        agreement = None
        if output.agreement is not None:
            shares = [one.agreement for one in each if one.agreement is not None]
            agreement = float(np.average(shares, weights=vectors))
        found.append(
            replace(
                output,
                error=joined([one.error for one in each]),
                argmax_agreement=float(np.average(agreed, weights=vectors)),
                agreement=agreement,
                worst=0.0,
            )
        )
    return tuple(found)
