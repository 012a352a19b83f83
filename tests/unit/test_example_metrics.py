"""The figures of the examples, on outputs whose figure is known."""

from __future__ import annotations

import numpy as np
import pytest

from examples.metrics import FIRST_GUESSES, HOLD, METRICS, WARM_UP, horizons, names_in, spotted
from tests.support.programs import Array


def logits_of(classes: list[int], count: int) -> Array:
    """Logits [T, count] whose largest is that of each class."""
    return np.eye(count)[classes]


def test_guessing_among_all_characters_has_their_number_as_perplexity() -> None:
    label = np.arange(4 * 50).reshape(4, 50) % 40
    assert METRICS["perplexity"].of(np.zeros((4, 1, 50, 40)), {"label": label}) == pytest.approx(40)


def test_first_characters_do_not_count_for_perplexity() -> None:
    label = np.zeros((2, FIRST_GUESSES + 3), int)
    outputs = np.zeros((2, 1, FIRST_GUESSES + 3, 5))
    outputs[:, :, :FIRST_GUESSES, 0] = -20.0
    outputs[:, :, FIRST_GUESSES:, 0] = 50.0
    assert METRICS["perplexity"].of(outputs, {"label": label}) == pytest.approx(1.0)


def test_names_end_where_another_begins_or_another_kind_goes_on() -> None:
    assert names_in(np.array([1, 2, 1, 0, 3, 6, 6])) == {
        (0, 2, 1), (2, 3, 1), (4, 5, 2), (5, 7, 3),
    }  # fmt: skip


def test_a_name_of_the_wrong_length_is_no_hit() -> None:
    label = np.array([[1, 2, 0, 3, -1]])
    outputs = logits_of([1, 0, 0, 3, 5], 7)[None, None]
    assert METRICS["entity_f1"].of(outputs, {"label": label}) == pytest.approx(50.0)
    assert METRICS["tags"].of(outputs, {"label": label}) == pytest.approx(75.0)


def test_a_word_counts_once_it_was_held_and_again_after_silence() -> None:
    held = [2] * HOLD
    short = [1] * (HOLD - 1)
    assert spotted(logits_of([0, *held, *held, *short, *held], 4)) == [2]
    assert spotted(logits_of([*held, *[0] * HOLD, *held], 4)) == [2, 2]
    assert spotted(logits_of([3] * 2 * HOLD, 4)) == []


@pytest.mark.parametrize(
    ("heard", "expected"), [([1, 2], 100.0), ([1], 50.0), ([2, 1], 0.0), ([1, 2, 1], 50.0)]
)
def test_each_wrong_missed_or_additional_word_counts(heard: list[int], expected: float) -> None:
    classes = [c for word in heard for c in [word] * HOLD + [0] * HOLD]
    outputs = logits_of(classes, 4)[None, None]
    label = np.array([[1, 2, 0, 0]])
    assert METRICS["words"].of(outputs, {"label": label}) == pytest.approx(expected)


def test_a_horizon_begins_after_the_present() -> None:
    series = np.arange(5.0)[None]
    assert horizons(series, 2).tolist() == [[[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]]


def test_a_forecast_counts_after_its_warm_up() -> None:
    label = np.zeros((1, WARM_UP + 4))
    outputs = np.full((1, 1, WARM_UP + 2, 2), 3.0)
    outputs[:, :, :WARM_UP] = 100.0
    assert METRICS["rmse"].of(outputs, {"label": label}) == pytest.approx(3.0)


def test_a_sum_is_found_within_four_hundredths() -> None:
    outputs = np.array([[[1.03]], [[1.05]], [[0.97]], [[0.9]]])
    label = np.ones((4, 1))
    assert METRICS["success"].of(outputs, {"label": label}) == pytest.approx(50.0)


SCORES = np.array([0.2, 1.0, 0.9, 3.0, 0.9, 1.5])[:, None, None]
LABELS = np.array([0, 0, 0, 0, 1, 4])
"""Four sound windows, below, at and above the alarm; a missed fault, and one that is found."""


def test_alarms_and_quiet_windows_are_counted_apart() -> None:
    assert METRICS["alarms"].of(SCORES, {"label": LABELS}) == pytest.approx(50.0)
    assert METRICS["quiet"].of(SCORES, {"label": LABELS}) == pytest.approx(75.0)


def test_the_area_under_roc_is_the_share_of_pairs_in_their_order() -> None:
    scores = SCORES.ravel()
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[LABELS > 0] for b in scores[LABELS == 0]]
    expected = 100.0 * sum(pairs) / len(pairs)
    assert expected == pytest.approx(56.25)
    assert METRICS["separation"].of(SCORES, {"label": LABELS}) == pytest.approx(expected)
