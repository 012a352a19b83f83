"""The grids that numbers are stored on, at the borders of their rules."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from lstm_edge.formats import Format, Ints
from lstm_edge.rounding import (
    WEIGHT_LIMITS,
    activation_format,
    bits_above,
    bits_with_headroom,
    median,
    multiplier_exponent,
    multipliers,
    power_of_two_scales,
    round_to_nearest,
)

BIT = 2.0**-24
"""What float32 may be off."""


def test_halves_are_rounded_up_and_the_largest_is_kept() -> None:
    rows = np.array([[-1.5, -0.5, 0.5, 1.49, 127.4], [-127.6, 127.5, -500.0, 500.0, 126.5]])
    found: Ints = round_to_nearest(rows, 127)
    assert found.dtype == np.int64
    assert found.tolist() == [[-1, 0, 1, 1, 127], [-127, 127, -127, 127, 127]]
    assert WEIGHT_LIMITS == {4: 7, 8: 127, 16: 32767}


@pytest.mark.parametrize("count", range(1, 8))
def test_a_median_is_that_of_numpy(count: int) -> None:
    numbers = np.random.default_rng(count).normal(size=count)
    assert median(numbers) == float(np.median(numbers))


@pytest.mark.parametrize(
    ("largest", "exponent"),
    [
        (1.0, 14),
        (0.51, 15),
        (32767.0, 0),
        (32768.0, -1),
        (2.0**-19, 33),
        (2.0**-21, 34),
        (1e-9, 34),
    ],
)
def test_the_largest_scale_has_a_multiplier_of_15_bits(largest: float, exponent: int) -> None:
    steps = np.array([largest, largest / 3.0])
    assert multiplier_exponent(steps) == exponent
    assert multipliers(steps, exponent).max() <= 32767


def test_a_multiplier_is_the_smallest_that_reaches_its_scale() -> None:
    """But for what float32 leaves of a number, and never 0."""
    steps = np.array([0.5, 0.5 * (1 + BIT), 0.5 * (1 + 4 * BIT), 0.3, 1e-9])
    found = multipliers(steps, 15)
    assert found.dtype == np.int64
    assert found.tolist() == [16384, 16384, 16385, 9831, 1]


def test_a_scale_becomes_the_next_power_of_two() -> None:
    steps = np.array([0.5, 0.5 * (1 + BIT), 0.5 * (1 + 4 * BIT), 0.3, 3.0])
    assert power_of_two_scales(steps).tolist() == [0.5, 0.5, 1.0, 0.5, 4.0]


@pytest.mark.parametrize(
    ("reach", "bits"), [(1.0, 0), (1.001, 1), (2.0, 1), (0.5, -1), (0.51, 0), (1024.0, 10)]
)
def test_bits_above_reach_a_number_and_no_further(reach: float, bits: int) -> None:
    assert bits_above(reach) == bits


def test_two_bits_of_headroom_end_at_what_a_kernel_splits() -> None:
    assert [bits_with_headroom(bits) for bits in (12, 13, 14, 16)] == [14, 15, 15, 16]


EIGHT = (-128, 127)


@pytest.mark.parametrize(
    ("bits", "largest", "bound", "scale", "ends"),
    [
        (8, 2.0, inf, 2.2 / 127, EIGHT),
        (8, 2.0, 1.5, 1.5 / 127, EIGHT),
        (8, 0.0, inf, 1.1 * 2.0**-10 / 127, EIGHT),
        (12, 1.0, 4.0, 2.0**-9, (-2048, 2048)),
        (12, 1.0, 4.001, 2.0**-10, (-8192, 8191)),
        (12, 1.0, inf, 2.0**-10, (-8192, 8191)),
        (12, 0.9, inf, 2.0**-11, (-8192, 8191)),
        (12, 0.01, 1.0, 2.0**-11, (-2048, 2048)),
        (12, 0.01, 1.001, 2.0**-17, (-8192, 8191)),
        (12, 0.0, 0.0, 2.0**-21, (-2048, 2048)),
        (14, 1.0, inf, 2.0**-11, (-16384, 16383)),
        (14, 1.0, 1.0, 2.0**-13, (-8192, 8192)),
        (16, 1.0, 2.0, 2.0**-14, (-32768, 32767)),
        (16, 1.0, inf, 2.0**-12, (-32768, 32767)),
    ],
)
def test_an_activation_has_the_bound_or_room_above_what_was_seen(
    bits: int, largest: float, bound: float, scale: float, ends: tuple[int, int]
) -> None:
    fmt = activation_format(bits, largest, bound)
    assert fmt.scale == pytest.approx(scale, rel=1e-12)
    assert (fmt.storage, fmt.low, fmt.high) == ("int8" if bits == 8 else "int16", *ends)
    assert activation_format(12, largest, bound, power_of_two=True) == activation_format(
        12, largest, bound
    )


@pytest.mark.parametrize(("bound", "scale"), [(inf, 2.0**-5), (2.0, 2.0**-6), (2.001, 2.0**-5)])
def test_8_bits_with_a_power_of_two_hold_all_but_the_last_128th(bound: float, scale: float) -> None:
    assert activation_format(8, 2.0, bound, power_of_two=True) == Format("int8", scale, -128, 127)
