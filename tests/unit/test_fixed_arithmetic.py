"""Products, sums and comparisons in fixed point: every number against the exact one, and ranges
that are as tight as the operands allow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from lstm_edge.errors import QuantizationError
from lstm_edge.formats import INT32_MAX, INT32_MIN, Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.arithmetic import (
    add_or_subtract,
    compare,
    multiply,
    select,
    total,
)
from lstm_edge.passes.fixed.products import product_range
from lstm_edge.passes.fixed.shifts import (
    constant_vector,
    finest,
    narrow,
    saturate,
    shift_left,
    shift_right,
    with_fraction,
)
from lstm_edge.passes.fixed.whole import whole
from lstm_edge.passes.lower_function import lower_function
from lstm_edge.passes.numbers import Number, number
from tests.support.built import Ints, between, computed, kinds

Ends = tuple[int, int]
Made = Callable[[Builder, list[Value]], Value]
INT16 = (-(2**15), 2**15 - 1)


def run(make: Made, *operands: tuple[int, Ends]) -> tuple[list[Ints], Value, Ints, Builder]:
    """Operands with (fraction, ends): their numbers in all combinations of ends and some within,
    the result, its numbers, and what was built.
    """
    b = Builder()
    names = "xyzw"[: len(operands)]
    values = [b.value(n, 1, fixed(f, *ends)) for n, (f, ends) in zip(names, operands, strict=True)]
    y = make(b, values)
    corners = np.array(list(product(*(ends for _, ends in operands))))
    rng = np.random.default_rng(1)
    inside = [rng.permutation(between(*ends))[:200, 0] for _, ends in operands]
    least = min(map(len, inside))
    numbers = np.concatenate([corners, np.stack([column[:least] for column in inside], axis=1)])
    inputs = {n: numbers[:, k : k + 1] for k, n in enumerate(names)}
    found = {**computed(b, inputs), **inputs}[y.name]
    return [*inputs.values()], b.values[y.name], found, b


def is_tight(value: Value, found: Ints) -> bool:
    """Operands at their ends reach the ends of the declared range."""
    return (value.format.low, value.format.high) == (found.min(), found.max())


def times(lifts: bool = False, seen: list[Number] | None = None) -> Made:
    def make(b: Builder, values: list[Value]) -> Value:
        made = multiply(b, number(values[0]), number(values[1]), "y", "", lifts)
        if seen is not None:
            seen.append(made)
        return made.value

    return make


@pytest.mark.parametrize("ends", [INT16, (-5, 3), (0, 2**15 - 1), (7, 9), (-9, -7)])
@pytest.mark.parametrize("other", [INT16, (-1, 0), (-100, -3)])
def test_a_product_of_16_bits_is_exact(ends: Ends, other: Ends) -> None:
    seen: list[Number] = []
    (x, y), made, found, b = run(times(seen=seen), (14, ends), (3, other))
    assert kinds(b) == ["mul"]
    assert np.array_equal(found, x * y)
    assert made.format.unit == 2.0**-17
    assert is_tight(made, found)
    assert seen[0].lost == 0.0
    assert product_range(fixed(0, *ends), fixed(0, *other)) == (found.min(), found.max())


@pytest.mark.parametrize("wide_first", [True, False])
@pytest.mark.parametrize("ends", [(-(2**16), 5), (-(2**30), 2**30), (0, 2**15)])
def test_a_wide_product_is_its_upper_bits_rounded_down(ends: Ends, wide_first: bool) -> None:
    seen: list[Number] = []
    operands = [(20, ends), (12, INT16)]
    ordered = operands if wide_first else operands[::-1]
    (x, y), made, found, b = run(times(seen=seen), *ordered)
    assert kinds(b) == ["mulw"]
    assert np.array_equal(found, (x * y) >> 16)
    assert made.format.unit == 2.0**-16
    assert is_tight(made, found)
    assert seen[0].lost == 0.5


def test_the_narrower_of_two_wide_factors_is_cut_to_16_bits() -> None:
    (x, y), made, found, b = run(times(), (20, (-(2**24), 2**24)), (18, (-(2**19), 2**19 - 1)))
    assert kinds(b) == ["round_shift", "saturate", "mulw"]
    cut = np.clip((y + 8) >> 4, *INT16)
    assert np.array_equal(found, (x * cut) >> 16)
    assert made.format.unit == 2.0 ** -(20 + 14 - 16)


@pytest.mark.parametrize("bits", [15, 16, 17, 18])
def test_one_factor_of_a_product_has_16_bits(bits: int) -> None:
    """Whatever is not beyond them is left as it is."""
    ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    (x, y), made, found, b = run(times(), (10, ends), (9, ends))
    cut = max(bits - 16, 0)
    half = (1 << cut) >> 1
    assert kinds(b) == (["round_shift", "saturate", "mulw"] if cut else ["mul"])
    exact = x * np.clip((y + half) >> cut, *INT16)
    assert np.array_equal(found, exact >> 16 if cut else exact)
    assert made.format.unit == 2.0 ** -(19 - cut - (16 if cut else 0))


@pytest.mark.parametrize(
    ("fraction", "bits", "up"), [(20, 24, 4), (20, 30, 1), (4, 24, 7), (24, 20, 0), (23, 20, 1)]
)
def test_a_wide_factor_is_lifted_as_far_as_there_is_room_and_use(
    fraction: int, bits: int, up: int
) -> None:
    """To 31 bits, and 20 fractional bits of the product."""
    ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    (x, y), made, found, b = run(times(lifts=True), (fraction, ends), (12, INT16))
    assert kinds(b) == (["shift", "mulw"] if up else ["mulw"])
    assert np.array_equal(found, ((x << up) * y) >> 16)
    assert made.format.unit == 2.0 ** -(fraction + up - 4)


@pytest.mark.parametrize("kind", ["add", "sub"])
@pytest.mark.parametrize("ends", [(-7, 9), (0, 5), (-(2**20), 3)])
@pytest.mark.parametrize("fractions", [(10, 10), (10, 13), (14, 10)])
def test_a_sum_has_the_coarser_unit_and_rounds_the_finer_operand(
    kind: str, ends: Ends, fractions: tuple[int, int]
) -> None:
    def make(b: Builder, values: list[Value]) -> Value:
        return add_or_subtract(b, kind, values[0], values[1], "s", "")

    (x, y), made, found, _ = run(make, (fractions[0], ends), (fractions[1], (-50, 400)))
    least = min(fractions)
    x, y = (
        np.floor(v * 2.0 ** (least - f) + 0.5).astype(np.int64)
        for v, f in zip((x, y), fractions, strict=True)
    )
    assert np.array_equal(found, x + y if kind == "add" else x - y)
    assert made.format.unit == 2.0**-least
    assert is_tight(made, found)


@pytest.mark.parametrize("kind", ["add", "sub"])
def test_a_sum_that_int32_does_not_hold_has_one_bit_less(kind: str) -> None:
    def make(b: Builder, values: list[Value]) -> Value:
        return add_or_subtract(b, kind, values[0], values[1], "s", "")

    fitting = (INT32_MIN, 0) if kind == "add" else (0, INT32_MAX)
    for more, fraction in ((0, 8), (1, 7)):
        ends = (0, INT32_MAX - 1 + more)
        other = (0, 1) if kind == "add" else (-1, 0)
        _, made, found, _ = run(make, (8, ends), (8, other))
        assert made.format.unit == 2.0**-fraction
        assert is_tight(made, found)
    _, made, found, _ = run(make, (8, fitting), (8, (0, 0)))
    assert made.format.unit == 2.0**-8


@pytest.mark.parametrize("kind", ["add", "sub"])
@pytest.mark.parametrize("swapped", [False, True])
def test_what_a_product_lost_is_made_up_for_where_its_partner_is_rounded(
    kind: str, swapped: bool
) -> None:
    """The finer one rounds anyway; half a unit of the coarser one is added with that."""
    lost = (0.0, 0.5) if swapped else (0.5, 0.0)

    def make(b: Builder, values: list[Value]) -> Value:
        return add_or_subtract(b, kind, values[0], values[1], "s", "", lost)

    fine, coarse = (14, (-(2**16), 2**16)), (10, (-500, 500))
    (x, y), made, found, b = run(make, *((fine, coarse) if swapped else (coarse, fine)))
    sign = 1 if kind == "add" else -1
    moved = 8 + 8 * sign
    x, y = ((x + moved) >> 4, y) if swapped else (x, (y + moved) >> 4)
    assert kinds(b) == ["add", "shift", kind]
    assert np.array_equal(found, x + sign * y)
    assert is_tight(made, found)
    _, _, _, other = run(make, *((coarse, fine) if swapped else (fine, coarse)))
    assert kinds(other) == ["round_shift", kind]


@pytest.mark.parametrize("kind", ["larger", "smaller", "above"])
@pytest.mark.parametrize("ends", [(-7, 9), (3, 5), (-9, -2), (-(2**20), 2**20)])
@pytest.mark.parametrize("fractions", [(4, 4), (4, 7), (9, 4)])
def test_a_comparison_has_the_coarser_unit(
    kind: str, ends: Ends, fractions: tuple[int, int]
) -> None:
    def make(b: Builder, values: list[Value]) -> Value:
        return compare(b, kind, values[0], values[1], "c", "")

    (x, y), made, found, _ = run(make, (fractions[0], ends), (fractions[1], (-5, 40)))
    least = min(fractions)
    x, y = (
        np.floor(v * 2.0 ** (least - f) + 0.5).astype(np.int64)
        for v, f in zip((x, y), fractions, strict=True)
    )
    wanted = {"larger": np.maximum(x, y), "smaller": np.minimum(x, y), "above": x * (x > y)}[kind]
    assert np.array_equal(found, wanted)
    assert made.format.unit == 2.0**-least
    if kind == "above":
        assert (made.format.low, made.format.high) == (min(x.min(), 0), max(x.max(), 0))
    else:
        assert is_tight(made, found)


def test_a_choice_compares_at_the_finer_unit_and_chooses_at_the_coarser() -> None:
    def make(b: Builder, values: list[Value]) -> Value:
        return select(b, values, "c", "")

    operands = ((4, (-20, 20)), (6, (-90, 70)), (8, (-3, 900)), (5, (-64, 8)))
    (x, y, chosen, other), made, found, _ = run(make, *operands)
    wanted = np.where(4 * x > y, (chosen + 4) >> 3, other)
    assert np.array_equal(found, wanted)
    assert made.format.unit == 2.0**-5
    assert is_tight(made, found)


def test_a_choice_compares_no_finer_than_int32_holds() -> None:
    def make(b: Builder, values: list[Value]) -> Value:
        return select(b, values, "c", "")

    zero = (0, (-1, 1))
    _, _, _, b = run(make, (4, (-(2**28), 2**28 - 1)), (20, (-9, 9)), zero, zero)
    assert kinds(b) == ["shift", "round_shift", "select"]
    (shift, *_) = (op for block in b.blocks for op in block.ops)
    assert shift.n == -3
    assert b.values[shift.dest].format.low == INT32_MIN


@pytest.mark.parametrize(("units", "ends"), [(3, (-4, 9)), (4, (-(2**29), 2**29 - 1)), (7, (0, 0))])
def test_a_sum_over_units_loses_bits_only_where_int32_needs_it(units: int, ends: Ends) -> None:
    b = Builder()
    y = total(b, b.value("x", units, fixed(8, *ends)), "t", "")
    numbers = np.repeat(between(*ends, 20), units, axis=1)
    found = computed(b, {"x": numbers})[y.name]
    lost = 1 if units == 4 else 0
    exact = np.floor(numbers / 2**lost + 0.5).sum(axis=1, keepdims=True)
    assert np.array_equal(found, exact)
    assert y.format.unit == 2.0 ** (lost - 8)
    assert y.length == 1
    assert is_tight(y, found)


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("ends", [(-9, 9), (0, 100), (-100, 3)])
def test_a_shift_keeps_the_real_number(n: int, ends: Ends) -> None:
    def left(b: Builder, values: list[Value]) -> Value:
        return shift_left(b, values[0], n, "y")

    (x,), made, found, _ = run(left, (6, ends))
    assert np.array_equal(found, x << n)
    assert made.format.unit == 2.0 ** -(6 + n)
    assert is_tight(made, found)
    for rounded in (True, False):

        def right(b: Builder, values: list[Value], rounded: bool = rounded) -> Value:
            return shift_right(b, values[0], n, "y", rounded)

        (x,), made, found, _ = run(right, (6, ends))
        assert np.array_equal(found, (x + ((1 << n >> 1) if rounded else 0)) >> n)
        assert made.format.unit == 2.0 ** -(6 - n)
        assert is_tight(made, found)


def test_a_shift_to_the_left_may_fill_int32_and_not_one_more() -> None:
    b = Builder()
    fitting = b.value("x", 1, fixed(0, -(2**28), 2**28 - 1))
    assert shift_left(b, fitting, 3, "y").format.low == INT32_MIN
    for k, ends in enumerate(((-(2**28) - 1, 0), (0, 2**28))):
        with pytest.raises(QuantizationError, match="leave no room for 3 more"):
            shift_left(b, b.value(f"x{k}", 1, fixed(0, *ends)), 3, "z")


@pytest.mark.parametrize("n", [32, 110, 1100])
def test_of_a_shift_beyond_int32_a_sign_is_left(n: int) -> None:
    for ends in ((-9, 9), (-9, -3), (INT32_MIN, INT32_MAX)):
        (x,), made, found, _ = run(lambda b, v: shift_right(b, v[0], n, "y"), (1000, ends))
        assert np.array_equal(found, x >> 31)
        assert made.format.unit == 2.0 ** (n - 1000)
        assert is_tight(made, found)


def test_a_half_that_int32_does_not_hold_is_left_out() -> None:
    for high, kind in ((INT32_MAX - 8, "round_shift"), (INT32_MAX - 7, "shift")):

        def make(b: Builder, values: list[Value]) -> Value:
            return shift_right(b, values[0], 4, "y")

        _, made, found, b = run(make, (6, (-5, high)))
        assert kinds(b) == [kind]
        assert is_tight(made, found)


@pytest.mark.parametrize(("ends", "bits"), [((-8, 7), 4), ((-9, 0), 5), ((0, 8), 5), ((-8, 0), 4)])
def test_what_fits_is_not_clamped(ends: Ends, bits: int) -> None:
    for asked in (bits, bits - 1):

        def make(b: Builder, values: list[Value], asked: int = asked) -> Value:
            return saturate(b, values[0], asked, "y")

        (x,), made, found, b = run(make, (6, ends))
        assert kinds(b) == ([] if asked == bits else ["saturate"])
        half = 2 ** (asked - 1)
        assert np.array_equal(found, np.clip(x, -half, half - 1))
        assert made.format.unit == 2.0**-6
        assert is_tight(made, found)


@pytest.mark.parametrize("bits", [16, 17, 32])
def test_a_factor_is_rounded_to_16_bits(bits: int) -> None:
    def make(b: Builder, values: list[Value]) -> Value:
        return narrow(b, values[0], "y")

    (x,), value, found, _ = run(make, (20, (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)))
    lost = bits - 16
    rounded = (x + (1 << lost >> 1)) >> lost if bits < 32 else x >> lost
    assert np.array_equal(found, np.clip(rounded, *INT16))
    assert value.format.unit == 2.0 ** (lost - 20)
    assert is_tight(value, found)


@pytest.mark.parametrize("largest", [1.0, 0.75, 3.9, 2.0**-20, 1000.0])
def test_a_constant_has_30_bits_until_it_is_cut(largest: float) -> None:
    b = Builder()
    numbers = np.array([largest, -largest / 3.0, 0.0])
    value = constant_vector(b, "k", numbers)
    stored = b.constants[value.name]
    assert 2**29 <= stored.max() < 2**30
    assert np.all(np.abs(stored * value.format.unit - numbers) <= value.format.unit / 2)
    assert (value.format.low, value.format.high) == (stored.min(), stored.max())
    cut = with_fraction(b, value, 4, "cut")
    assert np.array_equal(b.constants[cut.name], np.floor(numbers * 16 + 0.5))
    assert cut.format.unit == 2.0**-4
    factor = narrow(b, value, "factor")
    assert 2**13 <= b.constants[factor.name].max() <= 2**14
    fraction = finest(b, value)
    assert 2**29 < largest * 2.0**fraction <= 2**30
    again = constant_vector(b, "zero", np.zeros(2))
    assert (again.format.unit, finest(b, again)) == (2.0**-29, 60)
    free = b.value("free", 1, Format("int32", 2.0**-7, -5, 5))
    assert finest(b, free) == 7


@pytest.mark.parametrize("fraction", [-2, 1, 4, 30, 34])
@pytest.mark.parametrize("ends", [(-50, 70), (-(2**20), 2**20), (INT32_MIN, INT32_MAX)])
@pytest.mark.parametrize(("kind", "function"), [("floor", math.floor), ("nearest", round)])
def test_whole_numbers_near_a_fixed_point_value(
    kind: str, function: Callable[[Fraction], int], ends: Ends, fraction: int
) -> None:
    """Exact, and of two that are as near the even one. Bits that int32 has no room for beside a
    half are cut off before.
    """
    made: list[Number] = []

    def make(b: Builder, values: list[Value]) -> Value:
        made.append(whole(b, kind, values[0], "w", ""))
        return made[0].value

    (x,), value, found, b = run(make, (fraction, ends))
    assert all(-30 <= op.n <= 31 for block in b.blocks for op in block.ops)
    cut = max(0, fraction - 30)
    cut += (ends[1] >> cut) + 2.0 ** (fraction - cut - 1) > INT32_MAX
    cut = cut if kind == "nearest" and fraction > 0 else 0
    wanted = [function((int(n) >> cut) / Fraction(2) ** (fraction - cut)) for n in x.flat]
    assert (found.ravel() * value.format.unit).tolist() == wanted
    assert (made[0].whole or value).format.unit >= 1.0


def test_nearest_whole_number_beside_a_sigmoid() -> None:
    """Each has a half of its own: one below a half cuts ties to even ones, one is added."""

    def make(b: Builder, values: list[Value]) -> Value:
        made = lower_function(b, "sigmoid", values[0], "s", "")
        return whole(b, "nearest", made.value, "w", "").value

    (x,), y, found, _ = run(make, (12, (-(2**15), 2**15 - 1)))
    assert y.format.unit * found == pytest.approx(np.round(1.0 / (1.0 + np.exp(-x / 2.0**12))))
