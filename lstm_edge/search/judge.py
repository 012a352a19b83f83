"""How good a program is on samples that it was not made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from lstm_edge.accuracy.limit import is_limit, remedy, rounding_db
from lstm_edge.accuracy.measure import measure
from lstm_edge.data import Data
from lstm_edge.errors import DataError
from lstm_edge.interpret.feed import Arrays, Feed, Results, feed_of, run_numpy
from lstm_edge.ir.program import Port, Program
from lstm_edge.labels import (
    Labels,
    check_samples,
    check_usable,
    holds_inputs,
    read_labels,
    scores_of,
)
from lstm_edge.passes.quantize import output_decibels
from lstm_edge.search.widths import Judged


@dataclass
class Judge:
    """Compares programs with the float `reference`: their outputs on `feed`, and scores on labels,
    which belong to the samples of `labelled`.
    """

    reference: Program
    feed: Feed
    labels: tuple[Labels, ...] = ()
    labelled: Feed | None = None
    real: Results = field(init=False)

    def __post_init__(self) -> None:
        self.real = run_numpy(self.reference, self.feed, exact=False)

    def judged(self, program: Program) -> Judged:
        """The worst output, and the most that a score lost."""
        found = output_decibels(program, self.real, self.feed)
        worst = min(found)
        limit = self._limit(program, program.outputs[found.index(worst)], worst)
        if self.labelled is None:
            return Judged(worst, limit=limit)
        measured = measure(program, self.reference, self.labelled, exact=False)
        scores = scores_of(program, self.reference, self.labels, measured)
        lost = 0.0 - min(score.points for score in scores)
        missed = 100.0 - min(score.integer_percent for score in scores)
        return Judged(worst, lost, missed, limit)

    def _limit(self, program: Program, port: Port, decibels: float) -> str:
        """What is said where the format of an output is what limits it; else ""."""
        signal = float(np.mean(self.real.outputs[port.name].astype(np.float64) ** 2))
        if not is_limit(decibels, rounding_db(port, signal)):
            return ""
        helps = remedy(program, self.reference, port.name)
        what = f"the format of output {port.name} is the limit, which no widths change"
        return f"{what}: {helps}" if helps else ""


def judge_of(reference: Program, data: Data, arrays: Arrays | None) -> Judge:
    """Judges by the held-back samples. arrays: of a file of labels: for the inputs in it, or for
    those of calibration, of which the held-back ones count; DataError where there are none.
    """
    feed = data.held_back
    if arrays is None:
        return Judge(reference, feed)
    labels = read_labels(reference, arrays)
    labelled = data.whole
    if holds_inputs(reference, arrays):
        labelled = feed_of(reference, arrays, stream=False)
    elif not data.from_file:
        raise DataError(
            "--labels: the file holds no inputs, and without --calibration there are none that "
            "the labels belong to; add the inputs to it, or give --calibration"
        )
    elif data.recordings:
        raise DataError(
            "--labels are of samples, and the calibration data are recordings; give samples "
            "[N, ...], or a file of labels with inputs of its own"
        )
    check_samples(labels, labelled)
    if not _same(labelled, data.whole):
        return Judge(reference, feed, check_usable(labels), labelled)
    streams, calls, _ = feed.shape
    held = data.held[: streams * calls]
    kept = tuple(replace(each, numbers=each.numbers[held]) for each in labels)
    return Judge(reference, feed, check_usable(kept), feed)


def _same(one: Feed, other: Feed) -> bool:
    """True for the same inputs: then some of them were calibrated on."""
    return all(np.array_equal(a, other.inputs[name]) for name, a in one.inputs.items())
