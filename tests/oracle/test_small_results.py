"""Sigmoids and softmaxes that outputs show, against numpy in float64: relative errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.formats import fixed
from lstm_edge.interpret.execute import run
from lstm_edge.ir.program import Port, Program, Value
from lstm_edge.passes import exponential
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.lower_function import lower_exponential, lower_fine_sigmoid
from lstm_edge.passes.lower_softmax import lower_fine_softmax
from lstm_edge.passes.prove import prove

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Lowered = Callable[[Builder, Value], Value]
UNIT = 2.0**-31
RELATIVE, FEW = 1.5e-4, 1e-5
"""The relative error of a result of FEW or more, and half a unit and more below that."""
FRACTIONS = (3, 8, 12, 16, 17, 18, 20, 26)


def sigmoid(b: Builder, x: Value) -> Value:
    return lower_fine_sigmoid(b, x, "y", "")


def softmax(b: Builder, x: Value) -> Value:
    return lower_fine_softmax(b, x, "layer", "y")


def program_of(
    lowered: Lowered, length: int, fraction: int, limit: int, unit: float = UNIT
) -> Program:
    """One curve, proved; x: `length` numbers within +-limit."""
    b = Builder()
    x = b.value("x", length, fixed(fraction, -limit, limit, "int32"))
    y = lowered(b, x)
    b.close_block("layer", 0)

    def port(value: Value) -> Port:
        scale, zero = np.full(length, value.format.unit), np.zeros(length, np.int64)
        return Port(value.name, value.name, ("time", "feature"), (-1, length), True, scale, zero)

    program = Program(
        "net", "int8", (port(x),), (port(y),), (), b.values, b.constants, tuple(b.blocks), None
    )
    prove(program)
    assert b.values[y.name].format.unit == unit
    return program


def results(program: Program, x: Ints) -> Doubles:
    """Of x [samples, length], each a step of its own."""
    found, _ = run(program, {"x": x[:, None]})
    return found["y"][:, 0] * UNIT


def assert_near(found: Doubles, real: Doubles) -> None:
    """Relatively, but for the last unit, by which results are rounded down."""
    error = found - real
    assert np.all(np.abs(error) <= RELATIVE * real + UNIT)
    enough = real >= 1e-6
    assert np.all(np.abs(error[enough]) <= 6e-4 * real[enough])
    assert np.all(np.abs(error[real >= FEW]) <= RELATIVE * real[real >= FEW])


@pytest.mark.parametrize("fraction", FRACTIONS)
def test_a_sigmoid_over_all_its_range(fraction: int) -> None:
    limit = min(2**31 - 1, 40 << fraction)
    x = np.unique(np.linspace(-limit, limit, 40_001).astype(np.int64))
    found = results(program_of(sigmoid, 1, fraction, limit), x[:, None])[:, 0]
    real = 1.0 / (1.0 + np.exp(-x * 2.0**-fraction))
    assert_near(found, real)
    assert found[0] < 1e-5
    assert np.all(np.diff(found) > -RELATIVE * real[1:])


@pytest.mark.parametrize("fraction", [-2, 3, 16, 26])
@pytest.mark.parametrize("largest", [0.01, 50.0, 2.0**29])
def test_an_exponential_up_to_where_it_saturates(largest: float, fraction: int) -> None:
    power = max(0, int(np.ceil(np.log2(largest))))
    limit = int(min(2**31 - 1, 40 * 2.0**fraction))
    x = np.unique(np.linspace(-limit, limit, 10_001).astype(np.int64))

    def exp(b: Builder, x: Value) -> Value:
        return lower_exponential(b, x, largest, "y", "")

    program = program_of(exp, 1, fraction, limit, UNIT * 2.0**power)
    real = np.exp(np.minimum(x * 2.0**-fraction - power * np.log(2.0), 0.0))
    assert_near(results(program, x[:, None])[:, 0], real)


def test_every_sum_of_a_stretch_where_the_exponential_changes_its_places() -> None:
    """All numbers with 16 fractional bits from -0.75 to 0.75, and around exp(-x) = 2**-20."""
    around = int(20 * np.log(2.0) * 2**16)
    for first, last in ((-49_152, 49_152), (-around - 25_000, -around + 25_000)):
        x = np.arange(first, last)
        found = results(program_of(sigmoid, 1, 16, 20 << 16), x[:, None])[:, 0]
        assert_near(found, 1.0 / (1.0 + np.exp(-x * 2.0**-16)))


@pytest.mark.parametrize("limit", [2**31 - 1, 2**20])
@pytest.mark.parametrize("fraction", [-9, -2, 0])
def test_a_sigmoid_of_a_sum_that_is_coarse(fraction: int, limit: int) -> None:
    x = np.array([-limit, -(2**14), -1, 0, 1, 2**14, limit])
    found = results(program_of(sigmoid, 1, fraction, limit), x[:, None])[:, 0]
    with np.errstate(over="ignore"):
        assert_near(found, 1.0 / (1.0 + np.exp(-x * 2.0**-fraction)))


@pytest.mark.parametrize("fraction", [3, 12, 17, 24])
@pytest.mark.parametrize("length", [1, 2, 10, 61, 1000])
def test_a_softmax(length: int, fraction: int) -> None:
    rng = np.random.default_rng(length)
    steps = max(20, 10_000 // length)
    spread = rng.uniform(0.5, 6.0, (steps, 1))
    real = rng.normal(size=(steps, length)) * spread
    real[:3] = 0.0
    real[1, 0], real[2, -1] = 18.0, -18.0
    limit = 31 << fraction
    x = np.clip(np.round(real * 2.0**fraction), -limit, limit).astype(np.int64)
    found = results(program_of(softmax, length, fraction, limit), x)
    power = np.exp((x - x.max(-1, keepdims=True)) * 2.0**-fraction)
    shares = power / power.sum(-1, keepdims=True)
    assert_near(found, shares)
    assert np.all(np.abs(found.sum(-1) - 1.0) < 2e-4)


def test_a_softmax_of_numbers_as_far_apart_as_int32_allows() -> None:
    limit = 2**31 - 1
    for fraction in (0, 20, 28):
        x = np.array([[limit, -limit, 0], [-limit, -limit, -limit], [0, limit, limit]])
        found = results(program_of(softmax, 3, fraction, limit), x)
        apart = np.array([[1, 0, 0], [1 / 3] * 3, [0, 1 / 2, 1 / 2]])
        assert np.abs(found[1] - apart[1]).max() < 1e-4
        if fraction < 28:
            assert np.abs(found - apart).max() < 1e-4


def test_the_exponential_s_polynomial_is_as_near_as_it_says() -> None:
    x = np.linspace(0.0, 1.0, 10_001)
    value = np.zeros_like(x)
    for fraction, number in exponential.COEFFICIENTS:
        value = value * x + number * 2.0**-fraction
    assert np.abs(value * 2.0**x - 1.0).max() < 2.7e-6
    assert value.max() < 1.0
