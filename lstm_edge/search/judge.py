"""How good a program is on samples that it was not made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from lstm_edge.accuracy.limit import is_limit, remedy, rounding_db
from lstm_edge.data import Data, some_samples
from lstm_edge.errors import DataError
from lstm_edge.interpret.feed import Arrays, Feed, Results, feed_of, run_numpy, stored_feed
from lstm_edge.ir.program import Port, Program
from lstm_edge.labels import (
    Labels,
    check_samples,
    check_usable,
    decided_by,
    holds_inputs,
    read_labels,
    scores_from,
)
from lstm_edge.passes.quantize import MOST_DECIBELS, decibels_of_each
from lstm_edge.search.likely import Margins, likely_loss, margins_of
from lstm_edge.search.widths import Judged


@dataclass
class Judge:
    """Compares programs with the float `reference`: their outputs on `feed`, and scores on labels,
    which belong to the samples of `labelled`. integers: outputs of integers count as well, by the
    share of them that differs. known: of all samples that have labels, also those that were
    calibrated on; the float program decides them as it does others.
    """

    reference: Program
    feed: Feed
    labels: tuple[Labels, ...] = ()
    labelled: Feed | None = None
    integers: bool = True
    known: tuple[tuple[Labels, ...], Feed] | None = None
    real: Results = field(init=False)
    real_labelled: Results = field(init=False)
    margins: tuple[Margins | None, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        self.real = self.real_labelled = run_numpy(self.reference, self.feed, exact=False)
        if self.labelled is not None and self.labelled is not self.feed:
            self.real_labelled = run_numpy(self.reference, self.labelled, exact=False)
        if self.known is not None:
            labels, feed = self.known
            real = run_numpy(self.reference, feed, exact=False)
            self.margins = tuple(margins_of(each, self.reference, real) for each in labels)

    def judged(self, program: Program) -> Judged:
        """The worst output, and the most that a score lost."""
        ours = run_numpy(program, stored_feed(program, self.feed))
        each = decibels_of_each(program, self.real, ours, self.feed.shape)
        worst = min(each) if self.integers else self._worst_of_reals(program, each)
        limit = ""
        if worst in each:
            limit = self._limit(program, program.outputs[each.index(worst)], worst)
        if self.labelled is None:
            return Judged(worst, limit=limit)
        if self.labelled is not self.feed:
            ours = run_numpy(program, stored_feed(program, self.labelled))
        results = self.real_labelled, ours
        scores = scores_from(program, self.reference, self.labels, results)
        lost = 0.0 - min(score.points for score in scores)
        missed = 100.0 - min(score.integer_percent for score in scores)
        return Judged(worst, lost, missed, limit, self._likely(program, ours))

    def _likely(self, program: Program, results: Results) -> float | None:
        """The most that a score is likely to lose, of those that have margins."""
        found = []
        for labels, whole in zip(self.labels, self.margins, strict=False):
            judged = margins_of(labels, self.reference, self.real_labelled)
            if whole is not None and judged is not None:
                ours = decided_by(labels, program, results)
                found.append(likely_loss(whole, judged, ours))
        return max(found, default=None)

    def _limit(self, program: Program, port: Port, decibels: float) -> str:
        """What is said where the format of an output is what limits it; else ""."""
        signal = float(np.mean(self.real.outputs[port.name].astype(np.float64) ** 2))
        if not is_limit(decibels, rounding_db(port, signal)):
            return ""
        helps = remedy(program, self.reference, port.name)
        what = f"the format of output {port.name} is the limit, which no widths change"
        return f"{what}: {helps}" if helps else ""

    def _worst_of_reals(self, program: Program, decibels: list[float]) -> float:
        """Of outputs of real numbers that are not always 0, which nothing can be held against."""
        found = [
            each
            for each, port in zip(decibels, program.outputs, strict=True)
            if not port.limit and np.any(self.real.outputs[port.name])
        ]
        return min(found, default=MOST_DECIBELS)


def quick_judge(reference: Program, data: Data) -> Judge:
    """Judges real numbers by some of the held-back samples, those that the error is told of."""
    return Judge(reference, some_samples(data.held_back, reference), integers=False)


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
    labels = check_usable(labels)
    known = labels, labelled
    if not _same(labelled, data.whole):
        return Judge(reference, feed, labels, labelled, known=known)
    streams, calls, _ = feed.shape
    held = data.held[: streams * calls]
    kept = tuple(replace(each, numbers=each.numbers[held]) for each in labels)
    return Judge(reference, feed, check_usable(kept), feed, known=known)


def _same(one: Feed, other: Feed) -> bool:
    """True for the same inputs: then some of them were calibrated on."""
    return all(np.array_equal(a, other.inputs[name]) for name, a in one.inputs.items())
