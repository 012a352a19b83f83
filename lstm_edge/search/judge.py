"""How good a program is on samples that it was not made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lstm_edge.accuracy.measure import measure
from lstm_edge.data import Data
from lstm_edge.interpret.feed import Arrays, Feed, Results, feed_of, run_numpy
from lstm_edge.ir.program import Program
from lstm_edge.labels import Labels, check_samples, holds_inputs, read_labels, scores_of
from lstm_edge.passes.calibrate import chained
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
        worst = min(output_decibels(program, self.real, self.feed))
        if self.labelled is None:
            return Judged(worst)
        measured = measure(program, self.reference, self.labelled, exact=False)
        scores = scores_of(program, self.reference, self.labels, measured)
        return Judged(worst, 0.0 - min(score.points for score in scores))


def judge_of(reference: Program, data: Data, feed: Feed, arrays: Arrays | None) -> Judge:
    """feed: held-back samples. arrays: of a file of labels: for the inputs in it, or for those of
    calibration, of which the held-back ones count.
    """
    if arrays is None:
        return Judge(reference, feed)
    labels = read_labels(reference, arrays)
    if holds_inputs(reference, arrays):
        labelled = feed_of(reference, arrays, stream=False)
        check_samples(labels, labelled)
        return Judge(reference, feed, labels, chained(reference, labelled))
    check_samples(labels, data.whole)
    kept = tuple(replace(each, numbers=each.numbers[data.held]) for each in labels)
    return Judge(reference, feed, kept, chained(reference, data.held_back))
