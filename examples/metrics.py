"""How good the outputs of a model are: one figure for each kind of task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

SOLVED_WITHIN = 0.04
"""The adding problem counts as solved with a smaller error."""
FIRST_GUESSES = 32
"""Characters that give the network its context before its guesses count."""
HOLD = 4
"""Frames in a row that report a word."""
WARM_UP = 48
"""Steps before forecasts count."""
ALARM = 1.0
"""A score above it is an alarm; firmware/anomaly has it as a stored integer."""


@dataclass(frozen=True)
class Metric:
    """`of(outputs, test)`: outputs [N, *output shape], test: the arrays of test.npz.

    unit: what follows the number. digits: after the point.
    """

    of: Callable[[Array, Arrays], float]
    title: str
    unit: str = " %"
    digits: int = 2
    lower_is_better: bool = False


def accuracy(outputs: Array, test: Arrays) -> float:
    """Percentage of samples whose largest logit is that of their label."""
    best = outputs.reshape(len(outputs), -1).argmax(axis=1)
    return 100.0 * float(np.mean(best == test["label"]))


def success(outputs: Array, test: Arrays) -> float:
    """Percentage of sequences whose sum is found."""
    error = np.abs(outputs.reshape(len(outputs)) - test["label"].reshape(len(outputs)))
    return 100.0 * float(np.mean(error < SOLVED_WITHIN))


def perplexity(outputs: Array, test: Arrays) -> float:
    """Of the characters that follow the first FIRST_GUESSES of each sequence."""
    logits = outputs[:, 0, FIRST_GUESSES:].astype(np.float64)
    wanted = test["label"][:, FIRST_GUESSES:, None].astype(np.int64)
    logits -= logits.max(axis=2, keepdims=True)
    chosen = np.take_along_axis(logits, wanted, axis=2)[..., 0]
    return float(np.exp(np.mean(np.log(np.exp(logits).sum(axis=2)) - chosen)))


def tags(outputs: Array, test: Arrays) -> float:
    """Percentage of words with the right tag; a label below 0 is padding."""
    wanted = test["label"]
    return 100.0 * float(np.mean((outputs[:, 0].argmax(axis=2) == wanted)[wanted >= 0]))


def names_in(row: Array) -> set[tuple[int, int, int]]:
    """Names as (first word, end, kind) in tags [T]: 0 is no name, 2k - 1 begins kind k, 2k goes on.

    A tag that goes on without a beginning begins a name.
    """
    found: set[tuple[int, int, int]] = set()
    begin, kind = 0, 0
    for k, tag in enumerate([*(int(t) for t in row), 0]):
        goes_on = tag > 0 and tag % 2 == 0 and kind == tag // 2
        if kind and not goes_on:
            found.add((begin, k, kind))
        if not goes_on:
            begin, kind = k, (tag + 1) // 2
    return found


def entity_f1(outputs: Array, test: Arrays) -> float:
    """Harmonic mean, in percent, of precision and recall of whole names with their kind."""
    both = found_count = wanted_count = 0
    for logits, wanted in zip(outputs[:, 0], test["label"], strict=True):
        real = wanted[wanted >= 0]
        found, names = names_in(logits[: len(real)].argmax(axis=1)), names_in(real)
        both += len(found & names)
        found_count += len(found)
        wanted_count += len(names)
    return 200.0 * both / max(1, found_count + wanted_count)


def horizons(series: Array, horizon: int) -> Array:
    """The next `horizon` numbers after each of [N, T + horizon]: [N, T, horizon]."""
    steps = series.shape[1] - horizon
    return np.stack([series[:, k + 1 : k + 1 + steps] for k in range(horizon)], axis=2)


def rmse(outputs: Array, test: Arrays) -> float:
    """Root mean square error of all forecasts after the first WARM_UP steps of a sequence."""
    found = outputs[:, 0]
    wanted = horizons(test["label"].astype(np.float64), found.shape[2])
    return float(np.sqrt(np.mean((found - wanted)[:, WARM_UP:] ** 2)))


def spotted(logits: Array) -> list[int]:
    """The words, from 1 on, that logits [T, classes] report; firmware/keywords does the same.

    A class counts once it has been the largest in HOLD frames in a row; the first class is silence,
    after which the same word may come again; the last one is no word.
    """
    found = []
    candidate, frames, reported = 0, 0, 0
    for best in logits.argmax(axis=1):
        frames = frames + 1 if best == candidate else 1
        candidate = int(best)
        if frames == HOLD and candidate != reported:
            reported = candidate
            if 0 < candidate < logits.shape[1] - 1:
                found.append(candidate)
    return found


def edits(found: list[int], wanted: list[int]) -> int:
    """Least number of insertions, deletions and substitutions between two lists."""
    row = list(range(len(wanted) + 1))
    for k, item in enumerate(found, 1):
        above, row = row, [k]
        for j, other in enumerate(wanted, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (item != other)))
    return row[-1]


def words(outputs: Array, test: Arrays) -> float:
    """Word accuracy: 100 % less one wrong, missed or additional word for each that was said."""
    said = [[int(w) for w in row if w] for row in test["label"]]
    pairs = zip(outputs[:, 0], said, strict=True)
    wrong = sum(edits(spotted(logits), row) for logits, row in pairs)
    return 100.0 * (1.0 - wrong / sum(len(row) for row in said))


def separation(outputs: Array, test: Arrays) -> float:
    """Area under the ROC curve, in percent: how often a faulty window's score is above a sound
    one's, of all pairs; half where they are equal. Label 0 is sound."""
    scores, faulty = outputs.reshape(len(outputs)), test["label"] > 0
    sound = np.sort(scores[~faulty])
    below, upto = (np.searchsorted(sound, scores[faulty], side) for side in ("left", "right"))
    return 50.0 * float(np.mean(below + upto)) / len(sound)


def alarms(outputs: Array, test: Arrays) -> float:
    """Percentage of faulty windows whose score is above ALARM."""
    scores = outputs.reshape(len(outputs))
    return 100.0 * float(np.mean(scores[test["label"] > 0] > ALARM))


def quiet(outputs: Array, test: Arrays) -> float:
    """Percentage of sound windows whose score is not above ALARM."""
    scores = outputs.reshape(len(outputs))
    return 100.0 * float(np.mean(scores[test["label"] == 0] <= ALARM))


METRICS = {
    "accuracy": Metric(accuracy, "accuracy"),
    "entity_f1": Metric(entity_f1, "F1 of names"),
    "tags": Metric(tags, "tags right"),
    "perplexity": Metric(perplexity, "perplexity", "", digits=3, lower_is_better=True),
    "words": Metric(words, "word accuracy"),
    "rmse": Metric(rmse, "root mean square error", " kW", lower_is_better=True),
    "success": Metric(success, "sums found"),
    "alarms": Metric(alarms, "faults found"),
    "quiet": Metric(quiet, "sound windows passed"),
    "separation": Metric(separation, "area under ROC"),
}
"""By the names that example.toml has."""
