"""From one scale to another: every number, against the exact quotient, from end to end."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.errors import QuantizationError
from lstm_edge.formats import Format, fixed, saturated
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.rescale import as_fixed, convert, multiplier_for, unpack_input
from tests.support.built import Ints, between, computed, kinds


def run(target: Format, given: Format, *, units: int = 1) -> tuple[Ints, Ints, Builder]:
    """Real numbers in units of the target [samples, units], and what they are converted to."""
    b = Builder()
    x = b.value("x", units, given)
    y = convert(b, x, target, "y")
    numbers = np.repeat(between(given.low, given.high), units, axis=1)
    found = computed(b, {"x": numbers})
    assert b.values[y.name].format == target
    return given.real(numbers) / target.scales(units) + target.zero_points(units), found[y.name], b


@pytest.mark.parametrize(
    ("ratio", "found"),
    [
        (1.0, (2**14, 14)),
        (0.75, (3 * 2**13, 15)),
        (2.0**-46, (2**14, 60)),
        (2.0**-48, (2**12, 60)),
        (2.0**74, (2**14, -60)),
        ((2**15 - 0.5) / 2**15, (2**14, 14)),
        ((2**15 - 0.6) / 2**15, (2**15 - 1, 15)),
        (3e-5, (32212, 30)),
    ],
)
def test_a_multiplier_has_15_bits_wherever_a_shift_reaches(
    ratio: float, found: tuple[int, int]
) -> None:
    assert multiplier_for(ratio) == found


@pytest.mark.parametrize("scale", [0.003, 0.9, 1.0, 7e-5])
@pytest.mark.parametrize("bits", [2, 8, 16, 29, 30, 31, 32])
def test_as_fixed_is_right_to_a_unit_and_15_bits(scale: float, bits: int) -> None:
    """The number itself where its scale is a power of two."""
    b, given = Builder(), Format("int32", scale, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    y = as_fixed(b, b.value("x", 1, given), "x")
    numbers = between(given.low, given.high)
    found = computed(b, {"x": numbers})[y.name]
    if scale == 1.0:
        assert y.name == "x"
        return
    assert kinds(b) == (["shift", "mulw"] if bits < 30 else ["mulw"])
    exact = given.real(numbers)
    assert np.all(np.abs(found * y.format.unit - exact) <= y.format.unit + np.abs(exact) * 2.0**-15)
    assert y.format.high >= 2**26 or bits == 2
    assert (y.format.low, y.format.high) == (found.min(), found.max())


@pytest.mark.parametrize("ends", [(0, 2**20), (-(2**20), 0), (-1, 2**28), (5, 5)])
def test_room_is_what_the_wider_side_of_a_range_leaves(ends: tuple[int, int]) -> None:
    """As much as there is: a number of few bits keeps all of them."""
    given = Format("int32", 0.003, *ends)
    for target in (None, saturated(0.7, 16), Format("int8", (0.7, 0.9), -128, 127)):
        units = 1 if target is None or target.is_uniform else 2
        b = Builder()
        x = b.value("x", units, given)
        y = as_fixed(b, x, "y") if target is None else convert(b, x, target, "y")
        numbers = np.array([[end] * units for end in ends])
        found = computed(b, {"x": numbers})[y.name]
        if target is None:
            exact = given.real(numbers)
            assert np.all(np.abs(found * y.format.unit - exact) <= np.abs(exact).max() * 2.0**-14)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("fraction", [12, 20, 27])
@pytest.mark.parametrize("reach", [0.1, 0.9, 3.0])
def test_a_scale_that_is_no_power_of_two_is_met_to_nearest_and_saturates(
    bits: int, fraction: int, reach: float
) -> None:
    target = saturated(reach / (2 ** (bits - 1) - 1), bits)
    real, found, _ = run(target, fixed(fraction, -(2**fraction), 2**fraction))
    wanted = np.clip(real, target.low, target.high)
    # half a unit, what the multiplier of 15 bits is off, what mulw drops
    assert np.all(np.abs(found - wanted) <= 0.5 + np.abs(wanted) * 2.0**-15 + 2.0**-4)
    if reach < 1.0:
        assert (found.min(), found.max()) == (target.low, target.high)


def test_what_saturates_anyway_is_limited_before_it_is_multiplied() -> None:
    """Else there is no room for the bits that count."""
    for scale in (0.9 * 2.0**-10, (0.9 * 2.0**-10, 1.8 * 2.0**-10)):
        target, units = Format("int8", scale, -128, 127), np.size(scale)
        real, found, b = run(target, fixed(10, -(2**30), 2**30), units=units)
        assert kinds(b)[0] == "saturate"
        assert np.all(np.abs(found - np.clip(real, -128, 127)) < 0.6)
        assert {found.min(), found.max()} == {-128, 127}


@pytest.mark.parametrize("units", [1, 2])
def test_what_a_product_has_a_bit_for_is_not_limited(units: int) -> None:
    for places, limited in ((1, True), (2, True), (3, False), (4, False)):
        unit = 0.9 * 2.0 ** (places - 10)
        scale = unit if units == 1 else (unit, 2.0 * unit)
        _, found, b = run(Format("int8", scale, -128, 127), fixed(10, -(2**30), 2**30), units=units)
        assert (kinds(b)[0] == "saturate") == limited
        assert {found.min(), found.max()} == {-128, 127}


@pytest.mark.parametrize("units", [1, 2])
def test_a_unit_too_fine_for_a_range_is_refused(units: int) -> None:
    """A product has to have a bit that is rounded away."""
    for fraction, fits in ((12, True), (13, False)):
        unit = 0.9 * 2.0**-fraction
        b = Builder()
        x = b.value("x", units, fixed(0, -(2**13), 2**13))
        target = Format("int32", unit if units == 1 else (unit, 2.0 * unit), -(2**27), 2**27 - 1)
        if fits:
            convert(b, x, target, "y")
            continue
        with pytest.raises(QuantizationError, match="too fine"):
            convert(b, x, target, "y")


@pytest.mark.parametrize("points", [(0, 0, 0), (-20, 5, 100)])
@pytest.mark.parametrize("fraction", [12, 24])
def test_units_with_scales_and_zero_points_of_their_own_are_met_to_nearest(
    points: tuple[int, ...], fraction: int
) -> None:
    target = Format("int8", (0.011, 0.004, 0.03), -128, 127, points)
    real, found, _ = run(target, fixed(fraction, -(2**fraction), 2**fraction), units=3)
    wanted = np.clip(real, -128, 127)
    assert np.all(np.abs(found - wanted) <= 0.5 + np.abs(wanted - points) * 2.0**-12 + 2.0**-4)
    assert found[:, 1].min() == -128
    assert found[:, 1].max() == 127


@pytest.mark.parametrize("fraction", [3, 12, 15, 17, 30])
@pytest.mark.parametrize("room", [16, 20, 30])
def test_a_shift_rounds_to_nearest_and_saturates_at_the_end_of_the_target(
    fraction: int, room: int
) -> None:
    target = Format("int16", 2.0**-12, -32768, 32767)
    real, found, b = run(target, fixed(fraction, -(2**room), 2**room - 1))
    # bits that a shift to the left makes are 0, also in the largest number
    highest = 32768 - 2 ** max(0, 12 - fraction)
    assert np.array_equal(found, np.clip(np.floor(real + 0.5), -32768, highest))
    assert ("saturate" in kinds(b)) == (real.max() >= 32767.5)


def test_a_target_so_fine_that_nothing_is_left_is_refused() -> None:
    """Two bits of the value have to be left beside the shift."""
    target = Format("int16", 2.0**-20, -32768, 32767)
    for fraction, fits in ((6, True), (5, False)):
        b = Builder()
        x = b.value("x", 1, fixed(fraction, -(2**20), 2**20))
        if fits:
            convert(b, x, target, "y")
            continue
        with pytest.raises(QuantizationError, match="no resolution is left"):
            convert(b, x, target, "y")


def unpacked(scale: tuple[float, ...], points: tuple[int, ...], bits: int = 16) -> tuple[Ints, ...]:
    """Real numbers of an input, those that are computed with, and their unit."""
    b, low = Builder(), -(2 ** (bits - 1))
    x = b.value("x", len(scale), Format("int16", 1.0, low, -low - 1))
    meaning = x.format.with_meaning(np.array(scale), np.array(points))
    y = unpack_input(b, x, meaning, "x_in")
    numbers = np.repeat(between(low, -low - 1), len(scale), axis=1)
    found = computed(b, {"x": numbers})[y.name]
    return meaning.real(numbers), found * y.format.unit, y.format.unit, kinds(b)


def test_features_with_powers_of_two_are_shifted_to_one_unit_exactly() -> None:
    """One bit finer than the finest."""
    real, found, unit, made = unpacked((2.0**-8, 2.0**-3, 2.0**-10), (0, 0, 0))
    assert made == ["lift"]
    assert unit == 2.0**-11
    assert np.array_equal(real, found)
    real, found, unit, made = unpacked((2.0**-8, 2.0**-8), (0, 0))
    assert made == ["shift"]
    assert unit == 2.0**-9
    assert np.array_equal(real, found)


def test_features_further_apart_than_int32_has_room_are_rounded_down_to_the_widest() -> None:
    real, found, unit, made = unpacked((2.0**-20, 2.0**-1), (0, 0))
    assert made == ["lift", "drop"]
    assert unit == 2.0**-16
    assert np.array_equal(real[:, 1], found[:, 1])
    assert np.array_equal(np.floor(real[:, 0] / unit) * unit, found[:, 0])


def test_zero_points_are_subtracted_first() -> None:
    real, found, unit, made = unpacked((0.25, 0.5), (-100, 7), bits=8)
    assert made == ["sub", "lift"]
    assert unit == 0.125
    assert np.array_equal(real, found)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("scale", [(0.3, 0.001, 0.07), (0.3, -0.2, 0.1), (-0.5, 0.5, 0.25)])
def test_features_with_other_scales_are_multiplied(scale: tuple[float, ...], bits: int) -> None:
    """To a unit, and the 15 bits of the largest multiplier. A scale may be below 0."""
    real, found, unit, made = unpacked(scale, (0, 3, 0), bits)
    assert made == ["sub", "shift", "mulw"]
    share = np.max(np.abs(scale)) / np.abs(scale) * 2.0**-15
    assert np.all(np.abs(real - found) <= unit + np.abs(real) * share)
    assert unit < 2.0**-14 * np.abs(real).max()
