"""Rows of a matrix product: integers, scales, biases and shifts in every scheme."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lstm_edge.formats import Format
from lstm_edge.ir.program import Value
from lstm_edge.passes.decisions import Decisions
from lstm_edge.passes.moments import Moments
from lstm_edge.passes.quantize_rows import (
    CHANGING_GAIN,
    DAMPINGS,
    Operand,
    Rows,
    _candidates,
    _Kept,
    quantize_rows,
)
from lstm_edge.passes.row_scales import ACCUMULATOR_LIMIT, MOST_SHIFT, Scheme, grid_for
from tests.support.hypotheses import examples

Doubles = npt.NDArray[np.float64]

SCHEMES = [Scheme(bits, power) for power in (False, True) for bits in (4, 8, 16)]
each_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=str)
UNIT = 2.0**-11
INT32 = 2**31 - 1


def operand(weights: Doubles, unit: float = UNIT, largest: int = 2048, zero: int = 0) -> Operand:
    columns = weights.shape[1]
    value = Value("x", columns, Format("int16", unit, -largest, largest))
    points = np.full(columns, zero, np.int64)
    return Operand(value, "W", weights, np.full(columns, unit), points, largest)


def moments_of(columns: int, seed: int, samples: int = 60) -> Moments:
    """Of correlated vectors; those to choose by are others from the same source."""
    mixing = np.random.default_rng(0).normal(size=(3, columns))
    rng = np.random.default_rng([seed, 1])

    def drawn() -> Doubles:
        return rng.normal(size=(samples, 3)) @ mixing + 0.3 * rng.normal(size=(samples, columns))

    made, held = drawn(), drawn()
    mean = made.mean(axis=0)
    return Moments(
        mean,
        np.cov(made.T, bias=True).reshape(columns, columns),
        np.cov(held.T, bias=True).reshape(columns, columns),
        mean,
    )


def quantized(
    weights: Doubles, scheme: Scheme, moments: Moments | None = None, **more: int
) -> Rows:
    known = () if moments is None else (moments,)
    bias = np.linspace(-1.0, 1.0, len(weights))
    return quantize_rows((operand(weights, **more),), bias, known, "a test", scheme)


def noise(weights: Doubles, rows: Rows, moments: Moments) -> Doubles:
    """Mean squared error of each row on the data that candidates are chosen by."""
    error = weights - rows.matrices[0] * rows.scale[:, None] / UNIT
    return np.asarray(((error @ moments.held_back) * error).sum(axis=1))


def drawn_rows(seed: int, rows: int, columns: int, spread: float) -> Doubles:
    rng = np.random.default_rng([seed, 2])
    sizes = np.exp2(rng.uniform(-spread, spread, (rows, 1)))
    return np.asarray(rng.normal(size=(rows, columns)) * sizes)


@pytest.mark.parametrize("off", [0.5, 1000.0])
def test_a_mean_error_that_sums_have_no_room_for_is_not_taken_back(off: float) -> None:
    """Integers that jump at another place than real numbers may be far off on average."""
    weights, known = drawn_rows(1, 3, 4, 0.0), moments_of(4, 1)
    plain = quantized(weights, Scheme(16), known)
    rows = quantized(weights, Scheme(16), replace(known, wanted=known.wanted + off))
    reach = np.abs(rows.matrices[0]).sum(axis=1) * 2048 + np.abs(rows.bias)
    assert reach.max() * 2.0**rows.left_shift <= INT32
    assert (np.abs(rows.bias - plain.bias) > 1000).all() == (off < 1.0)


@each_scheme
@examples(25)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 6),
    columns=st.integers(1, 40),
    spread=st.floats(0.0, 4.0),
)
def test_no_row_is_worse_than_nearest_where_it_is_chosen(
    scheme: Scheme, seed: int, rows: int, columns: int, spread: float
) -> None:
    weights, moments = drawn_rows(seed, rows, columns, spread), moments_of(columns, seed)
    nearest = noise(weights, quantized(weights, scheme), moments)
    ours = noise(weights, quantized(weights, scheme, moments), moments)
    assert np.all(ours <= nearest * (1.0 + 1e-9))


def test_a_candidate_in_place_of_the_first_must_gain() -> None:
    """Errors are those on the data that is chosen by; those of others count for more."""
    weights, moments = drawn_rows(3, 4, 9, 1.0), moments_of(9, 3)
    steps = [np.abs(weights).max(axis=1) * share / 127.0 for share in (1.0, 0.8)]
    tried = _candidates(weights, steps, np.ones(9), (moments,), Scheme(8, False))
    assert tried.rows.shape == (1 + 2 * len(DAMPINGS), 4, 9)
    error = weights - tried.rows * tried.steps[:, :, None]
    exact = np.einsum("krc,cd,krd->kr", error, moments.in_units(np.ones(9)).held_back, error)
    gain = np.array([1.0, 1.0, *[CHANGING_GAIN] * (2 * len(DAMPINGS) - 1)])
    np.testing.assert_allclose(tried.noise * gain[:, None], exact, rtol=1e-9)
    nearest = np.clip(np.floor(weights / steps[0][:, None] + 0.5), -127, 127)
    assert np.array_equal(tried.rows[0], nearest)


def test_sums_have_room_for_any_weights_and_a_bias_as_large() -> None:
    """Or for some times what they reach, if that is more, as far as int32 goes."""
    largest, limit = np.array([100.0, 50.0]), 127
    for reach, expected in (
        (10, 2 * limit * 150),
        (20_000, 80_000),
        (2**26, ACCUMULATOR_LIMIT >> 4),
    ):
        kept = _Kept(Decisions(updatable=True), "k", "a test", Scheme(8, False))
        grid, _ = grid_for(np.ones((1, 2)), np.ones(1), largest, "", kept.scheme, 1.0)
        assert kept.bound(reach, largest, replace(grid, left_shift=4)) == expected


@each_scheme
@examples(25)
@given(
    seed=st.integers(0, 10_000),
    columns=st.integers(1, 40),
    spread=st.floats(0.0, 12.0),
    size=st.integers(-12, 6),
    zero=st.integers(-3000, 3000),
)
@example(seed=1913, columns=1, spread=12.0, size=0, zero=0)
@example(seed=1913, columns=1, spread=12.0, size=6, zero=3000)
def test_sums_fit_and_scales_are_what_requantization_takes(
    scheme: Scheme, seed: int, columns: int, spread: float, size: int, zero: int
) -> None:
    """Rows from 2**-24 to 2**18, of which some have scales that cannot be reached."""
    weights = drawn_rows(seed, 4, columns, spread) * 2.0**size / np.sqrt(columns)
    found = quantized(weights, scheme, moments_of(columns, seed), zero=zero)
    (rows,) = found.matrices
    assert np.abs(rows).max() <= scheme.limit
    reach = np.abs(rows).sum(axis=1) * 2048 + np.abs(found.bias)
    assert found.bound == reach.max()
    assert found.bound << found.left_shift <= INT32
    if scheme.power_of_two:
        exponent = found.left_shift - found.fraction - found.shift
        assert found.shift.min() >= 0
        assert found.shift.max() <= MOST_SHIFT
    else:
        exponent = np.full(4, found.left_shift - found.fraction - 16)
        assert found.multiplier.min() >= 1
        assert found.multiplier.max() <= 32767
    factor = 1 if scheme.power_of_two else found.multiplier
    assert np.array_equal(found.scale, factor * 2.0**exponent)


@each_scheme
def test_results_are_near_the_real_ones(scheme: Scheme) -> None:
    """Through the accumulator and the shift or the multiplier, in units of the result."""
    weights = drawn_rows(5, 6, 24, 1.0)
    weights[2] = 0.0
    found = quantized(weights, scheme)
    x = np.random.default_rng(6).integers(-2048, 2049, (500, 24))
    acc = (x @ found.matrices[0].T + found.bias) << found.left_shift
    ours = acc >> found.shift if scheme.power_of_two else (acc * found.multiplier) >> 16
    real = x * UNIT @ weights.T + np.linspace(-1.0, 1.0, 6)
    step = found.scale / UNIT
    error = np.abs(ours * 2.0**-found.fraction - real)
    assert np.all(error <= (np.abs(x).sum(axis=1)[:, None] * UNIT * step) / 2 + 2.0**-11)
    assert np.abs((ours[:, 2] * 2.0**-found.fraction) - real[0, 2]).max() < 2.0**-11


@each_scheme
@pytest.mark.parametrize("size", [1e-3, 0.0])
def test_a_row_that_is_all_bias_takes_no_room_from_large_ones(scheme: Scheme, size: float) -> None:
    """Its bias, in units of its own small weights, fills the accumulator; those of the largest row
    need a shift to the left.
    """
    weights = np.array([[size], [2500.0], [-500.0]])
    found = quantized(weights, scheme)
    assert found.fraction >= 12
    assert found.bound << found.left_shift <= INT32
    x = np.arange(-2048, 2049)[:, None]
    acc = (x @ found.matrices[0].T + found.bias) << found.left_shift
    ours = acc >> found.shift if scheme.power_of_two else (acc * found.multiplier) >> 16
    real = x * UNIT @ weights.T + np.linspace(-1.0, 1.0, 3)
    error = np.abs(ours * 2.0**-found.fraction - real).max(axis=0)
    whole = np.abs(weights).max(axis=1) / scheme.limit
    assert np.all(error <= whole + 2.0 ** (1 - found.fraction) + 2.0**-9)


@each_scheme
def test_the_bias_gives_back_what_the_floor_takes(scheme: Scheme) -> None:
    """Sums of all sizes, one after the other: without a bias their mean is that of the results."""
    for size, unit in ((0.8, 2.0**-4), (0.8, 2.0**-11), (0.8, 2.0**-14), (3e4, 2.0**-8)):
        one = (operand(np.full((1, 1), size), unit, 2**10),)
        found = quantize_rows(one, np.zeros(1), (), "a test", scheme)
        sums = np.arange(-(2**17), 2**17)
        acc = (sums + int(found.bias[0])) << found.left_shift
        ours = acc >> int(found.shift[0])
        if not scheme.power_of_two:
            ours = (acc * int(found.multiplier[0])) >> 16
        in_results = float(found.scale[0]) * 2.0**found.fraction
        error = float(np.mean(ours - sums * in_results))
        assert abs(error) <= 0.5 * in_results + 1e-3, "a bias can be off by half of its unit"


@each_scheme
def test_a_dead_row_is_zero_and_a_single_column_exact(scheme: Scheme) -> None:
    weights = np.array([[0.0], [0.75], [-0.5]])
    found = quantized(weights, scheme, moments_of(1, 3))
    assert found.matrices[0][0].tolist() == [0]
    real = found.matrices[0] * found.scale[:, None] / UNIT
    half = found.scale[:, None] / UNIT / 2
    assert np.all(np.abs(real - weights) <= half)


@each_scheme
def test_rows_that_are_all_dead_are_zero(scheme: Scheme) -> None:
    found = quantized(np.zeros((3, 5)), scheme, moments_of(5, 4))
    assert not found.matrices[0].any()
    assert np.abs(found.bias * found.scale - np.linspace(-1.0, 1.0, 3)).max() < 2.0**-11


@each_scheme
def test_the_same_rows_come_out_again_and_nothing_given_is_changed(scheme: Scheme) -> None:
    weights, moments = drawn_rows(7, 8, 30, 2.0), moments_of(30, 7)
    before = weights.copy(), moments.covariance.copy(), moments.held_back.copy()
    first, second = (quantized(weights, scheme, moments) for _ in range(2))
    assert np.array_equal(first.matrices[0], second.matrices[0])
    assert np.array_equal(first.bias, second.bias)
    assert np.array_equal(first.scale, second.scale)
    for kept, now in zip(before, (weights, moments.covariance, moments.held_back), strict=True):
        assert np.array_equal(kept, now)


@pytest.mark.parametrize("scheme", [Scheme(4), Scheme(4, True), Scheme(8, True)], ids=str)
def test_clipped_ranges_are_taken_where_they_pay(scheme: Scheme) -> None:
    """Some rows, not all: their largest weight is then beyond the largest integer."""
    weights, moments = drawn_rows(8, 40, 32, 0.0), moments_of(32, 8)
    weights[::2, 0] *= 1.5
    if scheme.power_of_two:  # above a power of two: up to half of the range is left unused
        above = np.linspace(1.001, 1.9, len(weights))[:, None]
        weights *= above * scheme.limit * 2.0**-5 / np.abs(weights).max(axis=1, keepdims=True)
    found = quantized(weights, scheme, moments)
    whole = np.abs(weights).max(axis=1) / scheme.limit * UNIT
    clipped = found.scale < whole * 0.9995
    assert 0 < clipped.sum() < len(weights)
    nearest = noise(weights, quantized(weights, scheme), moments)
    assert np.all(noise(weights, found, moments)[clipped] < CHANGING_GAIN * nearest[clipped])


def test_a_clipped_row_fits_where_its_sum_is_shifted_left() -> None:
    """Large weights leave few fractional bits, so that sums move left: a row of half the scale
    would leave int32.
    """
    shifted = 0
    for seed in range(20):
        weights = drawn_rows(seed, 8, 40, 0.5) * 1000.0
        for scheme in (Scheme(4), Scheme(4, True), Scheme(8, True)):
            found = quantized(weights, scheme, moments_of(40, seed), unit=2.0**-8, largest=2**13)
            assert found.bound << found.left_shift <= INT32
            shifted += found.left_shift > 0
    assert shifted > 10


def test_weights_of_a_column_that_never_moved_are_not_cut_off() -> None:
    """They are the largest of their rows, and a narrower range would suit all others."""
    weights, scheme = drawn_rows(5, 12, 8, 0.0), Scheme(4)
    weights[:, 6] = np.sign(weights[:, 6]) * 2.5 * np.abs(weights).max(axis=1)
    moves = np.arange(8) != 6
    moments = moments_of(8, 5)
    held = moments.held_back * np.outer(moves, moves)
    still = replace(moments, covariance=moments.covariance * np.outer(moves, moves), held_back=held)
    rows = quantized(weights, scheme, still)
    error = np.abs(weights - rows.matrices[0] * rows.scale[:, None] / UNIT)
    assert np.all(error[:, 6] < 0.15 * np.abs(weights[:, 6]))
