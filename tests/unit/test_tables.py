"""The tables against the functions that they stand for, in units of what they feed (2**-15)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.operations import curves
from lstm_edge.operations.record import Ints
from lstm_edge.passes.tables import (
    EXP_OFFSET,
    EXP_RANGE_BITS,
    SIGMOID_RANGE_BITS,
    exp_table,
    log_table,
    sigmoid_table,
)

Doubles = npt.NDArray[np.float64]

TABLES = {"sigmoid": sigmoid_table(), "exp": exp_table(), "log": log_table()}
each = pytest.mark.parametrize("name", TABLES)
FRACTIONS = pytest.mark.parametrize("fraction", [6, 12, 18])
"""Fewest and most fractional bits of what enters a table, and the usual number."""


def arguments(fraction: int, range_bits: int) -> Ints:
    """Fixed-point numbers all over the range of a table."""
    half = 1 << (fraction + range_bits)
    return np.arange(-half, half, max(1, half >> 15) | 1)


def interpolated(entries: Ints, a: Ints, fraction: int, bits: int) -> Doubles:
    return curves.table(a, entries, fraction + bits + 1 - 9).astype(np.float64)


@each
def test_a_table_has_513_entries_that_c_keeps_in_int16(name: str) -> None:
    entries = TABLES[name]
    assert entries.shape == (curves.TABLE_SEGMENTS + 1,)
    assert np.abs(entries).max() <= 32767


@each
def test_the_entries_of_a_table_never_fall(name: str) -> None:
    assert np.all(np.diff(TABLES[name]) >= 0)


@each
def test_a_table_is_the_same_each_time(name: str) -> None:
    again = {"sigmoid": sigmoid_table, "exp": exp_table, "log": log_table}[name]()
    assert np.array_equal(TABLES[name], again)


def test_the_sigmoid_s_table_is_1_2_at_0_and_never_0_or_1() -> None:
    """It holds sigmoid - 1/2, raised by up to half a unit, so the two halves differ by one."""
    entries = TABLES["sigmoid"]
    sums = entries + entries[::-1]
    assert sums.min() == 0
    assert sums.max() == 1
    assert entries[256] == 0
    assert (entries[0], entries[-1]) == (-32766, 32766)


@FRACTIONS
def test_sigmoid_is_within_three_of_its_finer_units(fraction: int) -> None:
    """h**2 / 16 * |f''| = 1.5 units of 2**-16, half a unit of rounding, half of what floor takes;
    two at the ends, which are never 0 or 1.
    """
    a = arguments(fraction, SIGMOID_RANGE_BITS)
    found = interpolated(TABLES["sigmoid"], a, fraction, SIGMOID_RANGE_BITS)
    error = found - 2**16 * (1.0 / (1.0 + np.exp(-a * 2.0**-fraction)) - 0.5)
    assert np.abs(error).max() < 2.6


@FRACTIONS
def test_tanh_from_the_sigmoid_s_table_is_within_three_units(fraction: int) -> None:
    a = arguments(fraction, SIGMOID_RANGE_BITS - 1)
    found = interpolated(TABLES["sigmoid"], a, fraction, SIGMOID_RANGE_BITS - 1)
    error = found - np.tanh(a * 2.0**-fraction) * 2**15
    assert np.abs(error).max() < 2.6


@pytest.mark.parametrize("gate", [0.99, 0.9975, 0.999])
def test_the_sigmoid_is_neither_too_small_nor_too_large_on_average(gate: float) -> None:
    """Rounding down would take half a unit, which a slow forget gate adds up: at 0.999 it is 1/130
    of what is forgotten.
    """
    middle = np.log(gate / (1.0 - gate))
    a = np.arange(int((middle - 0.5) * 2**15), int((middle + 0.5) * 2**15))
    found = interpolated(TABLES["sigmoid"], a, 15, SIGMOID_RANGE_BITS)
    error = found - 2**16 * (1.0 / (1.0 + np.exp(-a * 2.0**-15)) - 0.5)
    assert abs(error.mean()) < 0.12


@FRACTIONS
def test_exp_is_within_three_units(fraction: int) -> None:
    """h**2 / 16 * f'' is 2 units at the top."""
    a = arguments(fraction, EXP_RANGE_BITS)
    found = interpolated(TABLES["exp"], a, fraction, EXP_RANGE_BITS)
    error = found - np.exp(a * 2.0**-fraction - EXP_OFFSET) * 2**15
    assert error.min() > -2.9
    assert error.max() < 2.1


def test_the_log_s_entries_are_within_half_a_unit_of_the_function() -> None:
    exact = np.log1p(np.linspace(0.0, 1.0, 513)) * 2**15
    assert np.abs(TABLES["log"] - exact).max() <= 0.51
    assert TABLES["log"][0] == 0
    assert TABLES["log"][-1] == curves.LN2_Q15
