"""Layer normalization in integers against the formula, for x of any width, size and magnitude."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.formats import fixed
from lstm_edge.interpret.execute import run
from lstm_edge.ir.program import Port, Program, Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.lower_layer_norm import lower_layer_norm
from lstm_edge.passes.prove import prove

Doubles = npt.NDArray[np.float64]

SIZES = (2, 3, 4, 5, 16, 33, 100, 512)
KINDS = {
    "normal": lambda v: v,
    "one far from the others": lambda v: np.where(np.arange(v.shape[1]) == 0, 1.0, v * 0.1),
    "far from zero": lambda v: v * 0.2 + 1.0,
}
"""Vectors [samples, n] of magnitude 1 from normal ones."""


def port(value: Value) -> Port:
    scale = np.full(value.length, value.format.unit)
    points = np.zeros(value.length, np.int64)
    axes = ("time", "feature")
    return Port(value.name, value.name, axes, (-1, value.length), True, scale, points)


def program_of(n: int, bits: int, fraction: int, epsilon: float) -> Program:
    b = Builder()
    half = 2 ** (bits - 1)
    x = b.value("x", n, fixed(fraction, -half, half - 1, "int32"))
    y = lower_layer_norm(b, x, epsilon, "y")
    b.close_block("norm", 0)
    blocks = tuple(b.blocks)
    return Program("p", "int8", (port(x),), (port(y),), (), b.values, b.constants, blocks, None)


def normalized(program: Program, q: npt.NDArray[np.int64]) -> Doubles:
    """Real results of stored vectors [samples, n]."""
    prove(program)
    found, _ = run(program, {"x": q[:, None, :]})
    return np.asarray(found["y"][:, 0] * program.outputs[0].scale)


def stored(v: Doubles, bits: int, fraction: int) -> npt.NDArray[np.int64]:
    half = 2 ** (bits - 1)
    return np.clip(np.floor(v * 2.0**fraction + 0.5), -half, half - 1).astype(np.int64)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_75_db_from_4_to_512_units_of_12_to_32_bits_and_any_magnitude(kind: str, n: int) -> None:
    v = KINDS[kind](np.random.default_rng(n).normal(size=(40, n)))
    for bits in (12, 16, 24, 32):
        for magnitude in (-8, -3, 0, 8):
            fraction = bits - 4 - magnitude
            for epsilon in (1e-12, 1e-5, 1e-3):
                q = stored(v * 2.0**magnitude, bits, fraction)
                x = q * 2.0**-fraction
                spread = np.sqrt(x.var(axis=1, keepdims=True) + epsilon)
                exact = (x - x.mean(axis=1, keepdims=True)) / spread
                error = normalized(program_of(n, bits, fraction, epsilon), q) - exact
                found = 10.0 * np.log10(np.sum(exact**2) / np.sum(error**2))
                assert found > 75.0, (bits, magnitude, epsilon)


@pytest.mark.parametrize("n", [1, 2, 7, 512])
def test_a_constant_vector_gives_zeros(n: int) -> None:
    for bits in (8, 16, 32):
        half = 2 ** (bits - 1)
        q = np.array([-half, -half + 1, -1, 0, 1, half - 2, half - 1])[:, None].repeat(n, axis=1)
        for epsilon in (0.0, 1e-5, 1.0):
            assert not normalized(program_of(n, bits, 8, epsilon), q).any()


@pytest.mark.parametrize("n", [2, 3, 100, 512])
def test_the_ends_of_a_format_are_normalized_too(n: int) -> None:
    for bits in (8, 16, 32):
        half = 2 ** (bits - 1)
        q = np.random.default_rng(n).choice([-half, half - 1], (20, n))
        q[0], q[1] = -half, half - 1
        q[0, -1], q[1, 0] = half - 1, -half
        x = q * 2.0**-8
        exact = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        found = normalized(program_of(n, bits, 8, 1e-5), q)
        np.testing.assert_allclose(found, exact, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("n", [1, 2, 3, 64, 65, 1000, 4096, 100_000])
def test_any_number_of_units_is_proved(n: int) -> None:
    for bits in (8, 16, 32):
        for fraction in (-4, 0, 15, 30):
            for epsilon in (0.0, 1e-12, 1e-5, 1.0, 1e6):
                prove(program_of(n, bits, fraction, epsilon))
