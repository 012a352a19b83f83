"""What a score is likely to lose on samples that nobody has seen, from few that were.

Counting decisions that change says little of a hundred samples: one is a point of percent. But each
sample says how near its decision was, and the errors of all of them say how far integers move it.
So every sample counts with its chance to change: down where the float program was right, up where
the class that it would change to is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.interpret.feed import Results
from lstm_edge.ir.program import Program
from lstm_edge.labels import Labels, decided_by, threshold_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

UNSEEN = 400
"""Samples of a score that has to hold, at least: of fewer, chance decides more than widths."""
ASSUMED = 20
"""So many decisions more are assumed to be as near as those of a network that is not sure of any:
of few samples perhaps none is near by chance.
"""
SMOOTHER = 3.0
"""Decisions are as dense at the threshold as within so many spreads of it; of few samples one that
is very near would say all.
"""
LOST, MOST_USUAL = 1 / 3, 200
"""Of the decisions that change, so many more are lost than won; of so many samples that counts as
much as what they say: a few in which more are won say nothing.
"""
DEVIATIONS = 1.5
"""By which a score may come out worse than it is likely to."""


@dataclass(frozen=True)
class Margins:
    """How near the decisions of the float program are, of all that labels say something of.

    best, second: of each, the class that is taken and the one next to it; of an output of one
    number both 0. margin: by how much the one is ahead. stake: 1 where the first is right, -1
    where the second is, else 0. counted: which of the samples and steps these are, flat.
    """

    labels: Labels
    best: Array
    second: Array
    margin: Doubles
    stake: Array
    counted: Array
    threshold: float

    def moved(self, vectors: Doubles) -> Doubles:
        """The margins of the same decisions in other outputs [samples, steps, n]."""
        flat = vectors.reshape(-1, vectors.shape[-1])[self.counted]
        at = np.arange(len(flat))
        if flat.shape[1] > 1:
            return np.asarray(flat[at, self.best] - flat[at, self.second])
        ahead = flat[:, 0] - self.threshold
        return np.asarray(np.where(self.best > 0, ahead, -ahead))


def margins_of(labels: Labels, reference: Program, real: Results) -> Margins | None:
    """None where there are no margins: labels of real numbers, or outputs of classes."""
    port = next(p for p in reference.outputs if p.name == labels.output)
    if not labels.are_classes or port.limit:
        return None
    vectors = decided_by(labels, reference, real)
    flat = vectors.reshape(-1, vectors.shape[-1])
    wanted = labels.numbers.reshape(-1)
    counted = np.flatnonzero(wanted >= 0)
    flat, wanted = flat[counted], wanted[counted]
    threshold = threshold_of(vectors)
    if flat.shape[1] == 1:
        ahead = flat[:, 0] - threshold
        best = (ahead > 0).astype(np.int64)
        second, margin = 1 - best, np.abs(ahead)
    else:
        second, best = np.argsort(flat, axis=1, kind="stable")[:, -2:].T
        at = np.arange(len(flat))
        margin = flat[at, best] - flat[at, second]
    stake = (best == wanted).astype(np.int64) - (second == wanted)
    return Margins(labels, best, second, margin, stake, counted, threshold)


def likely_loss(whole: Margins, judged: Margins, ours: Doubles) -> float:
    """Points that a score of UNSEEN or more samples loses, with DEVIATIONS of such a score.

    whole: of all that have labels. judged: of those that `ours`, outputs [samples, steps, n] of
    the integer program, are of.
    """
    moved = judged.moved(ours)
    middle = float(np.median(judged.margin))
    near = judged.margin <= middle
    spread = float(np.sqrt(np.mean((moved - judged.margin)[near] ** 2)))
    chance = _chances(whole.margin, spread)
    loss = float(np.mean(chance * whole.stake))
    unsure = min(0.2 * spread / middle, 0.5) if middle > 0.0 else 0.5 * (spread > 0.0)
    changes = (float(chance.sum()) + ASSUMED * unsure) / (len(chance) + ASSUMED)
    usual = (len(chance) * loss + MOST_USUAL * LOST * changes) / (len(chance) + MOST_USUAL)
    loss = max(loss, usual)
    deviation = sqrt(changes / max(len(chance), UNSEEN))
    between = _between_samples(judged, moved)
    counted = float(np.mean((moved < 0.0) * judged.stake))
    return 100.0 * max(loss + DEVIATIONS * max(deviation, between), counted + between)


def _between_samples(judged: Margins, moved: Doubles) -> float:
    """The deviation of what is lost in samples of several steps, which are not decided one by one:
    a word is missed in all of its steps.
    """
    samples, steps = judged.labels.numbers.shape
    if steps == 1 or samples == 1:
        return 0.0
    lost = np.bincount(
        judged.counted // steps, weights=(moved < 0.0) * judged.stake, minlength=samples
    )
    return float(np.std(lost) * sqrt(samples) / len(moved))


def _chances(margin: Doubles, spread: float) -> Doubles:
    """That an error of this spread is beyond each of the margins, smoothed; the mean is right where
    margins are alike in number near 0.
    """
    found = np.zeros(len(margin))
    wide = SMOOTHER * spread
    if wide > 0.0:
        near = margin < 5.0 * wide
        found[near] = [0.5 - 0.5 * erf(m / (wide * sqrt(2.0))) for m in margin[near]]
    return found / SMOOTHER
