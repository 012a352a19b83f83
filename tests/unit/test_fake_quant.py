"""Weights and activations on their grids; test_fake_quant_compiled.py has programs beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import lstm_edge
from lstm_edge.fake_quantization import HIDDEN_STATE, fake_quant, fake_quant_activations
from lstm_edge.passes.formats import activation
from lstm_edge.rounding import WEIGHT_LIMITS

Doubles = npt.NDArray[np.float64]

BITS = tuple(WEIGHT_LIMITS)


def rows(seed: int) -> Doubles:
    """Weights [12, 9] whose rows have different magnitudes."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=(12, 9)) * np.exp2(rng.uniform(-2.0, 2.0, (12, 1))))


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("seed", range(5))
def test_fake_quant_is_its_own_result(seed: int, bits: int, power_of_two: bool) -> None:
    columns = np.random.default_rng(seed).uniform(1e-4, 1e-2, 9)
    options: dict[str, Any] = {"columns": columns, "gates": 4, "power_of_two": power_of_two}
    once = fake_quant(rows(seed), bits, **options)
    np.testing.assert_allclose(fake_quant(once, bits, **options), once, rtol=1e-15, atol=0.0)
    assert not np.array_equal(once, rows(seed))


@pytest.mark.parametrize("bits", [4, 8])
def test_float32_keeps_weights_on_their_grid(bits: int) -> None:
    columns = np.random.default_rng(1).uniform(1e-4, 1e-2, 9)
    once = fake_quant(rows(1).astype(np.float32), bits, columns=columns)
    assert once.dtype == np.float32
    again = fake_quant(once, bits, columns=columns)
    np.testing.assert_allclose(again, once, rtol=2.0**-23, atol=0.0)


@pytest.mark.parametrize("bits", BITS)
def test_a_row_has_so_many_levels_and_its_largest_weight_is_the_last(bits: int) -> None:
    limit = WEIGHT_LIMITS[bits]
    real = rows(2)
    unit = np.abs(real).max(axis=1, keepdims=True) / limit
    rounded = fake_quant(real, bits, power_of_two=True)
    assert np.abs(fake_quant(real, bits) - real).max() <= 0.51 * unit.max()
    coarse = np.exp2(np.ceil(np.log2(unit)))
    levels = rounded / coarse
    assert np.array_equal(levels, np.rint(levels))
    assert np.abs(levels).max() <= limit
    assert np.abs(levels).max(axis=1).min() >= limit // 2


def test_int4_errors_are_at_most_half_a_level() -> None:
    real = rows(3)
    unit = np.abs(real).max(axis=1, keepdims=True) / 7
    assert (np.abs(fake_quant(real, 4) - real) <= 0.5001 * unit).all()


def test_columns_share_the_range_of_a_row_by_what_they_are_multiplied_with() -> None:
    real = np.array([[1.0, 1000.0], [-0.5, 300.0]])
    alone = fake_quant(real, 4, columns=1.0)
    folded = fake_quant(real, 4, columns=[1.0, 0.001])
    assert not alone[:, 0].any()
    np.testing.assert_allclose(folded[0], real[0], rtol=1e-3)


def test_gates_count_their_scales_in_units_of_their_own() -> None:
    real = rows(5) * np.repeat([1.0, 2.0**-9], 6)[:, None]
    both = fake_quant(real, 8, columns=1.0, gates=2)
    each = [fake_quant(half, 8, columns=1.0) for half in np.split(real, 2)]
    assert np.array_equal(both, np.concatenate(each))
    assert not np.array_equal(both, fake_quant(real, 8, columns=1.0))


def test_clip_cuts_the_largest_weights_and_makes_the_others_finer() -> None:
    real = np.array([[0.1, 0.2, -0.3, 1.0]])
    cut = fake_quant(real, 4, clip=[0.4])
    assert cut[0, 3] == pytest.approx(0.4, rel=1e-3)
    assert np.abs(cut - real)[0, :3].max() < np.abs(fake_quant(real, 4) - real)[0, :3].max()


def test_rows_of_zeros_stay_zeros() -> None:
    real = rows(6)
    real[3] = 0.0
    for power_of_two in (False, True):
        assert not fake_quant(real, 4, power_of_two=power_of_two)[3].any()
    assert not fake_quant(np.zeros((2, 3)), 8).any()


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("largest", [0.02, 0.3, 1.0, 3.7])
@pytest.mark.parametrize("bound", [1.0, 2.0, np.inf])
def test_activations_are_those_of_the_compiler(bits: int, largest: float, bound: float) -> None:
    stored = activation(bits, largest, bound).format
    values = np.linspace(-6.0, 6.0, 4001)
    counts = np.clip(np.floor(values / stored.scale + 0.5), stored.low, stored.high)
    found = fake_quant_activations(values, bits, largest=largest, bound=bound)
    assert np.array_equal(found, counts * stored.scale)
    again = fake_quant_activations(found, bits, largest=largest, bound=bound)
    assert np.array_equal(again, found)


def test_a_hidden_state_of_12_bits_counts_in_its_scale() -> None:
    found = fake_quant_activations(np.array([0.3, 1.0, -1.0], np.float32), 12, bound=1.0)
    assert found.dtype == np.float32
    assert (found / HIDDEN_STATE).tolist() == [614.0, 2048.0, -2048.0]


def test_the_package_offers_both() -> None:
    assert lstm_edge.fake_quant is fake_quant
    assert lstm_edge.fake_quant_activations is fake_quant_activations


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("bits: 5, expected one of 4, 8, 16", {"bits": 5}),
        ("gates: 5, expected a divisor of the 12 rows", {"gates": 5}),
        ("gates: 0, expected", {"gates": 0}),
        (r"columns: shape \(3,\), expected one number or \[9\]", {"columns": np.ones(3)}),
        ("columns: expected finite numbers above 0", {"columns": 0.0}),
        (r"clip: shape \(9,\), expected one number or \[12\]", {"clip": np.ones(9)}),
        ("clip: 1.5, expected at most 1", {"clip": 1.5}),
        (r"weights: shape \(3,\), expected \[rows, columns\]", {"weights": np.ones(3)}),
        ("weights: holds a number that is not finite", {"weights": np.array([[np.nan]])}),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(
    message: str, options: dict[str, Any]
) -> None:
    given: dict[str, Any] = {"weights": rows(0), "bits": 4, **options}
    with pytest.raises(ValueError, match=f"^{message}"):
        fake_quant(**given)


@pytest.mark.parametrize(
    ("message", "bits", "options"),
    [
        ("bits: 4, expected one of 8, 12, 16", 4, {"bound": 1.0}),
        ("largest: -1, expected a number above 0", 8, {"largest": -1.0}),
        ("bound: nan, expected a number above 0", 8, {"bound": np.nan}),
        ("largest, bound: neither is finite", 12, {}),
    ],
)
def test_ranges_that_do_not_fit_are_refused_by_name(
    message: str, bits: int, options: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        fake_quant_activations(np.ones(3), bits, **options)
