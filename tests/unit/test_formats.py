"""How numbers are stored: borders of bit counts, power-of-two scales, and their descriptions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lstm_edge.formats import (
    FLOAT32,
    INT32_MAX,
    INT32_MIN,
    STORAGE_BITS,
    Format,
    fixed,
    fraction_bits,
    saturated,
    signed_bits,
    smallest_storage,
)


@pytest.mark.parametrize("n", [-40, -1, 0, 1, 15, 31, 60])
def test_a_power_of_two_has_its_exponent_as_fraction_bits(n: int) -> None:
    assert fraction_bits(2.0**-n) == n


@pytest.mark.parametrize("scale", [3.0, 0.75, 2.0**-15 * (1 + 2**-52), 1.0 / 127.0])
def test_any_other_scale_has_no_fraction_bits(scale: float) -> None:
    assert fraction_bits(scale) is None


@pytest.mark.parametrize(
    ("low", "high", "bits"),
    [
        (0, 0, 1),
        (-1, 0, 1),
        (0, 1, 2),
        (-2, 1, 2),
        (-127, 127, 8),
        (-128, 127, 8),
        (-129, 0, 9),
        (0, 128, 9),
        (-32768, 32767, 16),
        (0, 32768, 17),
        (INT32_MIN, INT32_MAX, 32),
        (0, INT32_MAX + 1, 33),
        (-128, -128, 8),
        (-129, -1, 9),
        (INT32_MIN, INT32_MIN, 32),
    ],
)
def test_signed_bits_are_the_fewest_that_hold_both_ends(low: int, high: int, bits: int) -> None:
    assert signed_bits(low, high) == bits


@pytest.mark.parametrize(
    ("low", "high", "storage"),
    [
        (-128, 127, "int8"),
        (-129, 127, "int16"),
        (0, 128, "int16"),
        (-32768, 32767, "int16"),
        (0, 32768, "int32"),
        (INT32_MIN, INT32_MAX, "int32"),
    ],
)
def test_the_smallest_storage_changes_at_its_border(low: int, high: int, storage: str) -> None:
    assert smallest_storage(low, high) == storage


@pytest.mark.parametrize("bits", [2, 8, 12, 16, 32])
def test_a_saturated_format_holds_every_integer_of_its_bits(bits: int) -> None:
    fmt = saturated(0.1, bits)
    assert (fmt.low, fmt.high) == (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    assert signed_bits(fmt.low, fmt.high) == bits
    assert STORAGE_BITS[fmt.storage] >= bits


def test_a_given_storage_is_kept() -> None:
    assert saturated(1.0, 12, "int32").storage == "int32"
    assert fixed(3, 0, 1, "int16").storage == "int16"


def test_a_fixed_format_counts_in_its_fraction() -> None:
    fmt = fixed(12, -4096, 4096)
    assert fmt == Format("int16", 2.0**-12, -4096, 4096)
    assert fixed(-2, 0, 1).scale == 4.0


SENSORS = saturated(1.0, 12).with_meaning(np.array([0.5, 0.25, 2.0]), np.array([0, -7, 100]))
"""Three features with scales and zero points of their own."""


def test_each_number_has_its_meaning() -> None:
    assert SENSORS.scales(3).tolist() == [0.5, 0.25, 2.0]
    assert SENSORS.zero_points(3).tolist() == [0, -7, 100]
    assert saturated(0.5, 8).scales(2).tolist() == [0.5, 0.5]
    assert saturated(0.5, 8).zero_points(2).tolist() == [0, 0]


def test_what_all_numbers_share_is_said_once() -> None:
    assert saturated(1.0, 8).with_meaning(np.full(4, 0.5)) == saturated(0.5, 8)
    assert SENSORS.take([1, 1]) == replace(SENSORS, scale=0.25, zero_point=-7)
    assert SENSORS.take(range(3)) == SENSORS


def test_places_take_their_meaning_along() -> None:
    window = SENSORS.take(np.tile(np.arange(3), 2))
    assert window.scale == (0.5, 0.25, 2.0, 0.5, 0.25, 2.0)
    assert window.zero_point == (0, -7, 100, 0, -7, 100)
    assert saturated(0.5, 8).take([5]) == saturated(0.5, 8)


def test_a_shift_to_the_left_makes_every_scale_finer() -> None:
    assert SENSORS.finer(2) == (0.125, 0.0625, 0.5)
    assert saturated(0.5, 8).finer(-2) == 2.0


@pytest.mark.parametrize(
    "fmt", [SENSORS, replace(SENSORS, zero_point=0), replace(SENSORS, scale=1.0, zero_point=1)]
)
def test_numbers_of_different_meanings_have_no_common_unit(fmt: Format) -> None:
    assert not fmt.is_uniform
    with pytest.raises(AssertionError):
        _ = fmt.unit


def test_magnitude_is_that_of_the_larger_end() -> None:
    assert Format("int8", 1.0, -128, 127).magnitude == 128
    assert Format("int8", 1.0, -3, 100).magnitude == 100


@pytest.mark.parametrize(
    ("fmt", "text"),
    [
        (saturated(2.0**-12, 16), "Q3.12 in int16"),
        (saturated(2.0**-15, 16), "Q0.15 in int16"),
        (saturated(2.0**-26, 32), "Q5.26 in int32"),
        (fixed(30, -(2**20), 2**20, "int32"), "Q0.30 in int32"),
        (saturated(1.0, 8), "Q7.0 in int8"),
        (saturated(0.25 / 127, 8), "int8, 8 bits, scale 0.00196850394"),
        (saturated(4.0, 8), "int8, 8 bits, scale 4"),
        (saturated(1.0, 8).with_meaning(np.array([0.5, 0.5])), "Q6.1 in int8"),
        (saturated(1.0, 8).with_meaning(np.ones(2), np.array([3, 3])), "int8, 8 bits, one scale"),
        (SENSORS, "int16, 12 bits, a scale per feature"),
        (FLOAT32, "float32"),
    ],
)
def test_a_format_describes_itself(fmt: Format, text: str) -> None:
    assert fmt.describe() == text


def test_only_float32_is_float() -> None:
    assert FLOAT32.is_float
    assert not saturated(1.0, 8).is_float
