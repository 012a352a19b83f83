"""Rounding of weights: nearest, and second order for inputs that are correlated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.passes import round_weights
from lstm_edge.passes.round_weights import round_second_order
from lstm_edge.rounding import round_to_nearest

Doubles = npt.NDArray[np.float64]

LARGEST = 127
ROWS, COLUMNS = 24, 32


def correlated(samples: int, seed: int) -> Doubles:
    """Inputs [samples, COLUMNS] that are mixtures of 6 sources and a little noise."""
    mixing = np.random.default_rng(0).normal(size=(6, COLUMNS))
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, 6)) @ mixing + 0.1 * rng.normal(size=(samples, COLUMNS))


def weights(seed: int) -> Doubles:
    """Rows in units of their scale: the largest of each is 127."""
    rows = np.random.default_rng(seed).normal(size=(ROWS, COLUMNS))
    return np.asarray(rows / np.abs(rows).max(axis=1, keepdims=True) * LARGEST)


def second_order(rows: Doubles, data: Doubles) -> npt.NDArray[np.int64]:
    return round_second_order(rows, LARGEST, np.cov(data.T, bias=True))


def noise(rows: Doubles, rounded: npt.NDArray[np.int64], data: Doubles) -> float:
    """Mean squared error of the products."""
    return float(np.mean((data @ (rows - rounded).T) ** 2))


def test_nearest_rounds_halves_up_and_clips_at_the_limit() -> None:
    rows = np.array([[-200.0, -127.4, -127.5, -0.5, 0.49, 0.5, 1.5, 127.4, 127.6, 200.0]])
    expected = [[-127, -127, -127, 0, 0, 1, 2, 127, 127, 127]]
    assert round_to_nearest(rows, LARGEST).tolist() == expected


@pytest.mark.parametrize("seed", range(5))
def test_second_order_beats_nearest_by_12_db_on_held_out_data(seed: int) -> None:
    rows, calibration, held_out = weights(seed), correlated(500, seed + 1), correlated(500, 99)
    ours = noise(rows, second_order(rows, calibration), held_out)
    nearest = noise(rows, round_to_nearest(rows, LARGEST), held_out)
    assert ours < nearest / 16.0


def test_second_order_is_no_worse_than_nearest_on_uncorrelated_data() -> None:
    rows = weights(3)
    calibration, held_out = np.random.default_rng(4).normal(size=(2, 2000, COLUMNS))
    ours = noise(rows, second_order(rows, calibration), held_out)
    assert ours < 1.01 * noise(rows, round_to_nearest(rows, LARGEST), held_out)


def test_second_order_is_nearest_where_columns_are_independent() -> None:
    rows = weights(5)
    variances = np.diag(np.linspace(1.0, 9.0, COLUMNS))
    found = round_second_order(rows, LARGEST, variances)
    assert np.array_equal(found, round_to_nearest(rows, LARGEST))


def test_second_order_is_deterministic_and_leaves_its_arguments_alone() -> None:
    rows, covariance = weights(1), np.cov(correlated(100, 1).T)
    before = rows.copy(), covariance.copy()
    first, second = (round_second_order(rows, LARGEST, covariance) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(rows, before[0])
    assert np.array_equal(covariance, before[1])


@pytest.mark.parametrize("largest", [7, 127])
def test_second_order_stays_within_the_limit(largest: int) -> None:
    rows = weights(2) * (largest / LARGEST) * 1.5
    found = round_second_order(rows, largest, np.cov(correlated(500, 2).T))
    assert found.dtype == np.int64
    assert np.abs(found).max() == largest


def test_each_row_is_rounded_for_itself() -> None:
    rows, covariance = weights(6), np.cov(correlated(200, 6).T)
    whole = round_second_order(rows, LARGEST, covariance)
    for k in range(ROWS):
        alone = round_second_order(rows[k : k + 1], LARGEST, covariance)
        assert np.array_equal(alone[0], whole[k])


def test_second_order_does_not_move_far_from_nearest() -> None:
    """Damping keeps what calibration did not excite near its value."""
    rows, covariance = weights(7), np.cov(correlated(8, 7).T)
    found = round_second_order(rows, LARGEST, covariance)
    assert np.abs(found - rows).max() < 4.0


def test_without_variance_rounding_is_to_nearest() -> None:
    rows = weights(8)
    found = round_second_order(rows, LARGEST, np.zeros((COLUMNS, COLUMNS)))
    assert np.array_equal(found, round_to_nearest(rows, LARGEST))


def test_a_column_that_never_varied_is_rounded_to_nearest() -> None:
    rows, data = weights(9), correlated(300, 9)
    data[:, 5] = 3.0
    found = second_order(rows, data)
    assert np.array_equal(found[:, 5], round_to_nearest(rows, LARGEST)[:, 5])


def test_rounding_in_parts_is_rounding_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of a block of columns reach all behind it; rows know nothing of each other."""
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(7, 45)) * 40.0
    data = rng.normal(size=(200, 8)) @ rng.normal(size=(8, 45)) + 0.1 * rng.normal(size=(200, 45))
    whole = second_order(rows, data)
    assert (whole != round_to_nearest(rows, LARGEST)).mean() > 0.1
    monkeypatch.setattr(round_weights, "BLOCK", 10)
    monkeypatch.setattr(round_weights, "ROWS", 3)
    assert np.array_equal(second_order(rows, data), whole)
