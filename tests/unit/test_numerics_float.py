"""Every operation on floats: against float64 to the last bits, and silent at the extremes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.operations import comparison, curves_float, functions, product, reductions, whole
from lstm_edge.operations.record import Floats

Doubles = npt.NDArray[np.float64]
FUNCTIONS = functions(is_float=True)


def floats(*numbers: float) -> Floats:
    return np.array(numbers, np.float32)


def relative_error(found: npt.NDArray[np.float32], exact: Doubles) -> float:
    return float(np.max(np.abs(found.astype(np.float64) - exact) / np.abs(exact)))


ULP = 2.0**-23
"""Relative distance of neighbouring float32 numbers, at most."""


def test_exp_is_within_one_ulp() -> None:
    x = np.linspace(-87.0, 87.0, 300001).astype(np.float32)
    assert relative_error(curves_float.exp(x), np.exp(x.astype(np.float64))) < ULP


def test_exp_is_clamped_where_float32_ends() -> None:
    ends = curves_float.exp(floats(-87, 87))
    assert np.array_equal(curves_float.exp(floats(-88, 88)), ends)
    assert np.array_equal(curves_float.exp(floats(-3e38, 3e38)), ends)
    assert curves_float.exp(floats(0.0, -0.0)).tolist() == [1.0, 1.0]


def test_log_of_floats_is_within_two_ulp() -> None:
    x = np.exp(np.linspace(-85.0, 88.0, 300001)).astype(np.float32)
    exact = np.log(x.astype(np.float64))
    error = np.abs(curves_float.log(x) - exact)
    assert np.all(error <= 2.0 * np.spacing(np.abs(exact.astype(np.float32))))
    assert curves_float.log(floats(1.0)).tolist() == [0.0]


def test_rsqrt_of_floats_is_within_one_ulp() -> None:
    x = np.exp(np.linspace(-86.0, 86.0, 300001)).astype(np.float32)
    assert relative_error(curves_float.rsqrt(x), x.astype(np.float64) ** -0.5) < ULP


def test_rsqrt_of_floats_is_clamped_and_silent_at_extremes() -> None:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = curves_float.rsqrt(floats(-1.0, 0.0, 1e-45, 2.0**-126, 2.0**126, 3e38, np.inf))
    least, most = 2.0**-63, 2.0**63
    assert np.allclose(found, floats(most, most, most, most, least, least, least), rtol=1e-6)
    assert curves_float.rsqrt(floats(np.nan)).tolist() == [found[0]]


def test_sigmoid_is_within_two_ulp() -> None:
    x = np.linspace(-30.0, 30.0, 300001).astype(np.float32)
    exact = 1.0 / (1.0 + np.exp(-x.astype(np.float64)))
    assert relative_error(curves_float.sigmoid(x), exact) < 1.5 * ULP
    assert curves_float.sigmoid(floats(0.0, -0.0)).tolist() == [0.5, 0.5]


def test_tanh_is_within_three_ulp() -> None:
    x = np.concatenate([np.linspace(-12.0, 12.0, 300000), np.geomspace(1e-30, 1.0, 30000)])
    x = x.astype(np.float32)
    assert relative_error(curves_float.tanh(x), np.tanh(x.astype(np.float64))) < 3.0 * ULP


def test_tanh_near_zero_is_within_one_ulp() -> None:
    """The series; no cancellation as in 1 - 2 / (exp(2 x) + 1)."""
    x = np.concatenate([np.linspace(-0.374, 0.374, 99999), np.geomspace(1e-30, 0.374, 9999)])
    x = x[x != 0.0].astype(np.float32)
    assert relative_error(curves_float.tanh(x), np.tanh(x.astype(np.float64))) < 1.1 * ULP


def test_tanh_joins_its_two_forms_without_a_step_back() -> None:
    at = np.float32(curves_float.TANH_SMALL)
    x = at + np.arange(-2000, 2000).astype(np.float32) * np.spacing(at)
    error = curves_float.tanh(x).astype(np.float64) - np.tanh(x.astype(np.float64))
    assert np.abs(error).max() < 3.0 * ULP * float(np.tanh(at))


def test_tanh_is_odd_to_one_ulp_of_one() -> None:
    x = np.linspace(0.0, 20.0, 50001).astype(np.float32)
    assert np.abs(curves_float.tanh(x) + curves_float.tanh(-x)).max() <= 2.0 * ULP


@pytest.mark.parametrize(
    "function", ["sigmoid", "tanh", "exp", "elu_tail", "softplus_tail", "softsign"]
)
def test_float_functions_are_finite_and_silent_at_extremes(function: str) -> None:
    """A cell state reaches thousands when its gates stay open; numpy must not warn about it."""
    x = floats(-3e38, -1e10, -1e4, -100.0, -1e-38, 0.0, 1e-45, 100.0, 1e4, 1e10, 3e38)
    operation = FUNCTIONS[function]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert np.all(np.isfinite(operation(x)))


@pytest.mark.parametrize(("function", "low", "high"), [("sigmoid", 0.0, 1.0), ("tanh", -1.0, 1.0)])
def test_float_gates_reach_their_limits_and_stay_within(
    function: str, low: float, high: float
) -> None:
    y = FUNCTIONS[function](floats(-300, -90, -20, 20, 90, 300))
    assert low <= float(y.min()) < low + 1e-8
    assert float(y.max()) == high


def test_float_comparisons_keep_their_borders() -> None:
    a, zero = floats(-1.0, -0.0, 0.0, 1e-45, 2.5), floats(0.0)
    assert comparison.larger_float(a, zero).tolist() == floats(0.0, 0.0, 0.0, 1e-45, 2.5).tolist()
    assert comparison.smaller_float(a, zero).tolist() == [-1.0, 0.0, 0.0, 0.0, 0.0]
    assert comparison.above_float(a, floats(1e-45)).tolist() == [0.0, 0.0, 0.0, 0.0, 2.5]


def test_whole_numbers_near_a_float() -> None:
    """Of two that are as near the even one; from 2^23 on a number is one itself; 0 is never -0."""
    x = floats(-2.5, -1.5, -0.5, -0.0, 0.49999997, 0.5, 1.5, 2.5, 8388607.5, -8388607.5, 3e38)
    assert whole.nearest(x).tolist() == [*(-2, -2, 0, 0, 0, 0, 2, 2), *(8388608, -8388608, x[-1])]
    assert whole.floor(x).tolist() == [*(-3, -2, -1, 0, 0, 0, 1, 2), *(8388607, -8388608, x[-1])]
    assert not np.signbit(whole.nearest(x)[2:4]).any()
    assert not np.signbit(whole.floor(x)[3])


CURVES: dict[str, Callable[[Doubles], Doubles]] = {
    "elu_tail": lambda x: np.expm1(np.minimum(x, 0.0)),
    "softplus_tail": lambda x: np.log1p(np.exp(-np.abs(x))),
    "softsign": lambda x: x / (1.0 + np.abs(x)),
}


@pytest.mark.parametrize("function", CURVES)
def test_the_tails_of_functions_are_within_two_units_of_one(function: str) -> None:
    """They are added to numbers near 1 or multiplied by them: absolute, in 2**-24."""
    x = np.linspace(-30.0, 30.0, 200001).astype(np.float32)
    found = FUNCTIONS[function](x).astype(np.float64)
    assert np.abs(found - CURVES[function](x.astype(np.float64))).max() < 2.0**-23


def sequential(start: np.float32, numbers: Callable[[int], np.float32], count: int) -> np.float32:
    """Sum in float32 from the first to the last."""
    for k in range(count):
        start = np.float32(start + numbers(k))
    return start


def test_float_matvec_sums_column_by_column_from_the_bias() -> None:
    rng = np.random.default_rng(3)
    bias = rng.normal(size=4).astype(np.float32)
    weights = [rng.normal(size=(4, n)).astype(np.float32) for n in (7, 33)]
    x = [(rng.normal(size=(3, n)) * 100).astype(np.float32) for n in (7, 33)]
    found = product.matvec_float(bias, list(zip(weights, x, strict=True)))
    w = np.concatenate(weights, axis=1)
    for sample in range(3):
        v = np.concatenate([part[sample] for part in x])
        for row in range(4):
            products = w[row] * v
            assert found[sample, row] == sequential(bias[row], products.__getitem__, 40)


def test_float_sum_runs_from_the_first_unit_to_the_last() -> None:
    """At each step of each sample."""
    a = (np.random.default_rng(4).normal(size=(2, 3, 50)) * 1e3).astype(np.float32)
    found = reductions.total_float(a)
    assert found.shape == (2, 3, 1)
    for at in np.ndindex(2, 3):
        assert found[at][0] == sequential(np.float32(0.0), a[at].__getitem__, 50)


def test_float_elementwise_operations_are_those_of_ieee_754() -> None:
    a, b = floats(1.0, -7.0, 1e20), floats(3.0, 0.1, 1e-10)
    for name, function in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply)):
        assert np.array_equal(FUNCTIONS[name](a, b), function(a, b))
    quotient = FUNCTIONS["divide"](a, b)
    assert quotient.dtype == np.float32
    assert np.array_equal(quotient, np.divide(a, b))
