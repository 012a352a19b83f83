"""Every operation on integers at its edges, against Python's own and against float64."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from lstm_edge.operations import arithmetic, comparison, curves, places, product, reductions, shifts
from lstm_edge.operations.record import Ints
from lstm_edge.passes.tables import exp_table, log_table, rsqrt_table, sigmoid_table

INT32 = (-(2**31), 2**31 - 1)
INT16 = (-(2**15), 2**15 - 1)
EDGES_32 = (*INT32, -(2**31) + 1, -65537, -65536, -65535, -2, -1, 0, 1, 2, 65535, 65536, 2**30)
EDGES_16 = (*INT16, -(2**15) + 1, -2, -1, 0, 1, 2, 2**14)


def ints(*numbers: int) -> Ints:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize("a", EDGES_32)
def test_mulw_is_the_floor_of_the_exact_product(a: int) -> None:
    expected = [math.floor(Fraction(a * b, 65536)) for b in EDGES_16]
    assert arithmetic.mulw(ints(a), ints(*EDGES_16)).tolist() == expected


def test_mulw_rounds_negatives_down() -> None:
    assert arithmetic.mulw(ints(-1, 1, -65536, -65537), ints(1)).tolist() == [-1, 0, -1, -2]


def test_mulw_of_the_two_smallest_numbers_is_exact() -> None:
    assert arithmetic.mulw(ints(INT32[0]), ints(INT16[0])).tolist() == [2**30]


def test_mul_is_exact_at_the_ends_of_16_bits() -> None:
    low, high = INT16
    products = arithmetic.mul(ints(low, low, high, -1), ints(low, high, high, low))
    assert products.tolist() == [2**30, -(2**30) + 2**15, (2**15 - 1) ** 2, 2**15]


def test_add_and_sub_do_not_wrap_in_their_own_right() -> None:
    assert arithmetic.add(ints(INT32[1], INT32[0]), ints(1, -1)).tolist() == [2**31, -(2**31) - 1]
    assert arithmetic.sub(ints(INT32[0], INT32[1]), ints(1, -1)).tolist() == [-(2**31) - 1, 2**31]


@pytest.mark.parametrize("n", [1, 2, 15, 30, 31])
def test_low_bits_are_what_a_shift_leaves_over(n: int) -> None:
    found = shifts.low_bits(ints(*EDGES_32), n).tolist()
    assert found == [a % 2**n for a in EDGES_32]


@pytest.mark.parametrize("n", [1, 2, 15, 30, 31])
def test_shift_right_is_floor(n: int) -> None:
    expected = [math.floor(Fraction(a, 2**n)) for a in EDGES_32]
    assert shifts.shift(ints(*EDGES_32), n).tolist() == expected


def test_shift_by_a_negative_count_is_an_exact_product() -> None:
    assert shifts.shift(ints(-3, 0, 5), -4).tolist() == [-48, 0, 80]
    assert shifts.shift(ints(-3, 0, 5), 0).tolist() == [-3, 0, 5]


@pytest.mark.parametrize("n", [1, 2, 8, 30])
def test_round_shift_is_the_nearest_integer_and_halves_go_up(n: int) -> None:
    half = 1 << (n - 1)
    near = [k * half + d for k in range(-5, 6) for d in (-1, 0, 1)]
    expected = [math.floor(Fraction(a, 2**n) + Fraction(1, 2)) for a in (*near, *EDGES_32)]
    assert shifts.round_shift(ints(*near, *EDGES_32), n).tolist() == expected


def test_round_shift_takes_halves_upwards_on_both_sides_of_zero() -> None:
    assert shifts.round_shift(ints(-6, -2, 2, 6), 2).tolist() == [-1, 0, 1, 2]


@pytest.mark.parametrize("n", [2, 8, 12, 16, 31])
def test_saturate_clamps_just_outside_n_bits_and_nowhere_else(n: int) -> None:
    low, high = -(2 ** (n - 1)), 2 ** (n - 1) - 1
    inside = [low, low + 1, -1, 0, 1, high - 1, high]
    assert shifts.saturate(ints(*inside), n).tolist() == inside
    assert shifts.saturate(ints(low - 1, high + 1, *INT32), n).tolist() == [low, high, low, high]


def test_larger_and_smaller_keep_their_borders() -> None:
    a, zero = ints(-1, 0, 1, *INT32), ints(0)
    assert comparison.larger(a, zero).tolist() == [0, 0, 1, 0, INT32[1]]
    assert comparison.smaller(a, zero).tolist() == [-1, 0, 0, INT32[0], 0]


def test_above_is_zero_at_its_border_and_below() -> None:
    assert comparison.above(ints(6, 7, 8, *INT32), ints(7)).tolist() == [0, 0, 8, 0, INT32[1]]
    assert comparison.above(ints(-9, -8, -7), ints(-8)).tolist() == [0, 0, -7]


def test_concat_and_step_at_move_numbers_only() -> None:
    a, b = np.array([[1, 2]]), np.array([[3]])
    assert places.concat(a, b).tolist() == [[1, 2, 3]]
    sequence = np.arange(12).reshape(2, 3, 2)
    assert places.step_at(sequence, 0).tolist() == [[0, 1], [6, 7]]
    assert places.step_at(sequence, -1).tolist() == [[4, 5], [10, 11]]


def test_reductions_run_over_the_last_axis_and_keep_it() -> None:
    a = np.array([[[3, -1], [INT32[1], INT32[1]]], [[-7, -9], [0, 0]]])
    assert reductions.maximum(a).tolist() == [[[3], [INT32[1]]], [[-7], [0]]]
    assert reductions.total(a).tolist() == [[[2], [2 * INT32[1]]], [[-16], [0]]]


def test_lookup_takes_the_nearest_row_and_its_factor() -> None:
    rows, factors = np.arange(6).reshape(3, 2) - 2, np.array([10, 100, 1000])
    ids = np.array([[0, 9], [1, 9], [2, 9], [3, 9], [-1, 9], [2**31 - 1, 9], [-(2**31), 9]])
    taken = [0, 1, 2, 2, 0, 2, 0]
    expected = rows[taken] * factors[taken][:, None]
    assert np.array_equal(product.lookup(ids, rows, 0, factors), expected)
    assert np.array_equal(product.lookup(ids[:, ::-1], rows, 1, factors), expected)
    real = product.lookup_float(ids.astype(np.float32), rows.astype(np.float32), 0)
    assert real.dtype == np.float32
    assert np.array_equal(real, rows[taken])


def test_argmax_is_the_first_of_several() -> None:
    a = np.array([[3, 5, 5], [-7, -7, -9], [-(2**31)] * 3, [0, 1, 2]])
    assert reductions.argmax(a).tolist() == [[1], [0], [0], [2]]
    inf, nan, low = np.inf, np.nan, np.finfo(np.float32).min
    b = np.array([[nan, 1, 2], [nan] * 3, [-inf, low, -inf], [1, inf, inf]], np.float32)
    assert reductions.argmax_float(b).tolist() == [[2], [0], [0], [1]]


def test_divide_rounds_towards_zero_as_c_does() -> None:
    a, b = ints(0, 1, 7, 8, INT32[1], INT32[1]), ints(1, 2, 8, 8, 1, INT32[1])
    assert arithmetic.divide(a, b).tolist() == [0, 0, 0, 1, INT32[1], 1]


def test_matvec_adds_all_terms_to_the_bias_exactly() -> None:
    rng = np.random.default_rng(0)
    bias = rng.integers(*INT32, 5)
    weights = [rng.integers(-127, 128, (5, n)) for n in (3, 1, 40)]
    x = [rng.integers(*INT16, (2, 4, n)) for n in (3, 1, 40)]
    found = product.matvec(bias, list(zip(weights, x, strict=True)))
    assert found.shape == (2, 4, 5)
    for sample in np.ndindex(2, 4):
        for row in range(5):
            total = int(bias[row])
            for w, v in zip(weights, x, strict=True):
                total += sum(int(a) * int(b) for a, b in zip(w[row], v[sample], strict=True))
            assert int(found[*sample, row]) == total


def test_matvec_is_exact_where_int32_is_almost_full() -> None:
    weights, x = np.full((1, 516), 127), np.full((1, 516), INT16[0])
    assert product.matvec(ints(1), [(weights, x)]).tolist() == [[1 - 516 * 127 * 2**15]]
    assert product.matvec(ints(-1), [(-weights, x)]).tolist() == [[516 * 127 * 2**15 - 1]]


def random_entries() -> Ints:
    return np.random.default_rng(1).integers(*INT16, 513, endpoint=True)


@pytest.mark.parametrize("n", [0, 1, 3, 7])
def test_the_two_formulas_of_table_are_the_same(n: int) -> None:
    entries = random_entries()
    half = 256 << n
    a = np.arange(-half, half)
    k, f = (a >> n) + 256, a & ((1 << n) - 1)
    weighted = (entries[k] * (2**n - f) + entries[k + 1] * f) >> n
    assert np.array_equal(curves.table(a, entries, n), weighted)


@pytest.mark.parametrize("n", [0, 3, 13])
def test_table_gives_its_entries_where_they_lie(n: int) -> None:
    entries = random_entries()
    knots = np.arange(-256, 256) << n
    assert np.array_equal(curves.table(knots, entries, n), entries[:512])


@pytest.mark.parametrize("n", [0, 3, 13])
def test_table_holds_its_argument_within_its_range(n: int) -> None:
    entries = random_entries()
    half = 256 << n
    low = curves.table(ints(-half - 1, -half, INT32[0]), entries, n)
    high = curves.table(ints(half - 1, half, INT32[1]), entries, n)
    assert set(low.tolist()) == {int(entries[0])}
    assert len(set(high.tolist())) == 1
    before, last = int(entries[511]), int(entries[512])
    assert int(high[0]) == before + (last - before) * ((1 << n) - 1) // 2**n


def test_log_of_a_power_of_two_is_a_multiple_of_log_2() -> None:
    powers = 1 << np.arange(31, dtype=np.int64)
    expected = np.arange(31) * curves.LN2_Q15
    assert np.array_equal(curves.log(powers, log_table()), expected)
    assert abs(curves.LN2_Q15 - math.log(2) * 2**15) <= 0.5


def log_arguments() -> Ints:
    around = [(1 << e) + d for e in range(2, 31) for d in (-1, 0, 1)]
    drawn = np.random.default_rng(2).integers(1, 2**31, 20000)
    return np.concatenate([np.arange(1, 20000), around, drawn, ints(INT32[1])])


def test_log_is_within_3_units_of_the_logarithm() -> None:
    """Up to 30 times the rounding of log(2), 0.047 units; the rest is floor."""
    a = log_arguments()
    error = curves.log(a, log_table()) - np.log(a.astype(np.float64)) * 2**15
    assert -3.0 < error.min() < error.max() < 0.5


def test_log_never_falls() -> None:
    a = np.unique(log_arguments())
    assert np.all(np.diff(curves.log(a, log_table())) >= 0)


def test_headroom_is_how_far_a_number_can_be_shifted() -> None:
    a = log_arguments()
    shifted = a << shifts.headroom(a)
    assert np.all((shifted >= 2**30) & (shifted < 2**31))
    assert shifts.headroom(ints(1, 2, 3, 2**30 - 1, 2**30, INT32[1])).tolist() == [
        30, 29, 29, 1, 0, 0
    ]  # fmt: skip


@pytest.mark.parametrize("n", [0, 1, 2, 15, 29, 30])
def test_lift_is_a_product_that_stops_short_of_the_ends_of_int32(n: int) -> None:
    low, high = -(2 ** (31 - n)), 2 ** (31 - n) - 1
    inside = [low, low + 1, 0, high - 1, high]
    assert shifts.lift(ints(*inside), ints(n)).tolist() == [a * 2**n for a in inside]
    outside = shifts.lift(ints(*EDGES_32), ints(n))
    assert outside.tolist() == [min(max(a, low), high) * 2**n for a in EDGES_32]


@pytest.mark.parametrize("n", [0, 1, 16, 31])
def test_drop_is_floor_by_a_count_that_is_a_value(n: int) -> None:
    expected = [math.floor(Fraction(a, 2**n)) for a in EDGES_32]
    assert shifts.drop(ints(*EDGES_32), ints(n)).tolist() == expected


def test_rsqrt_is_within_2_units_of_1_over_the_root() -> None:
    """Up to 1 unit that floor takes, and half a unit of rounding in each entry."""
    a = log_arguments()
    found = curves.rsqrt(a, rsqrt_table())
    pairs = shifts.headroom(a) >> 1
    exact = 2.0**29 / np.sqrt((a << 2 * pairs).astype(np.float64))
    assert -1.6 < (found - exact).min() < (found - exact).max() < 0.55
    assert (found.min(), found.max()) == (11585, 23170)


def test_rsqrt_never_rises_between_odd_powers_of_two() -> None:
    entries = rsqrt_table()
    assert len(entries) == 385
    assert np.all(np.diff(entries) < 0)
    a = np.arange(2**19, 2**21)
    assert np.all(np.diff(curves.rsqrt(a, entries)) <= 0)
    assert np.array_equal(curves.rsqrt(a, entries), curves.rsqrt(a << 10, entries))


@pytest.mark.parametrize("entries", [sigmoid_table(), exp_table()], ids=["sigmoid", "exp"])
def test_interpolation_never_falls_on_the_project_s_tables(entries: Ints) -> None:
    a = np.arange(-(256 << 6) - 3, (256 << 6) + 3)
    assert np.all(np.diff(curves.table(a, entries, 6)) >= 0)
