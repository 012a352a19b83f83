"""Learned steps and learned rounding: what they give, their gradients, and that compiling keeps
both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import lstm_edge
from lstm_edge.fake_quantization import fake_quant, fake_quant_gradients
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.ir.weights import float_weights, stored_weights
from lstm_edge.passes.given_formats import with_stored_inputs
from lstm_edge.passes.options import Options
from lstm_edge.rounding import WEIGHT_LIMITS
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized
from tests.unit.test_fake_quant_compiled import CHOICES, products, with_params
from tests.unit.test_fake_quant_compiled import stored_weights as by_multipliers

Doubles = npt.NDArray[np.float64]
Integers = dict[tuple[str, ...], npt.NDArray[Any]]

SHAPE = (12, 9)
COLUMNS = np.exp2(np.random.default_rng(9).uniform(-11.0, -9.0, SHAPE[1]))
COARSE = {"columns": COLUMNS, "gates": 4}


def weights(seed: int) -> Doubles:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=SHAPE) * np.exp2(rng.uniform(-1.0, 1.0, (SHAPE[0], 1))))


def clips(seed: int) -> Doubles:
    return np.random.default_rng([seed, 1]).uniform(0.3, 1.0, SHAPE[0])


def offsets(seed: int, *, hard: bool) -> Doubles:
    drawn = np.random.default_rng([seed, 2]).uniform(0.0, 1.0, SHAPE)
    return np.rint(drawn) if hard else drawn


def in_steps(real: Doubles, bits: int, **options: Any) -> tuple[Doubles, Doubles]:
    """Weights in steps of their rows, before and after; from the largest that a row can take."""
    made = fake_quant(real, bits, **options)
    nearest = fake_quant(real, bits, **{**options, "rounding": None})
    steps = np.abs(nearest * COLUMNS).max(axis=1, keepdims=True) / WEIGHT_LIMITS[bits]
    return real * COLUMNS / steps, made * COLUMNS / steps


@pytest.mark.parametrize("bits", [4, 8])
def test_rounding_is_down_for_0_up_for_1_and_between_in_between(bits: int) -> None:
    given = offsets(0, hard=False)
    given[0], given[1] = 0.0, 1.0
    wanted, found = in_steps(weights(0), bits, rounding=given, clip=clips(0), **COARSE)
    ends = np.abs(np.floor(wanted + 0.5)) >= WEIGHT_LIMITS[bits]
    assert ends.any(axis=1).all()
    np.testing.assert_allclose(found[~ends], (np.floor(wanted) + given)[~ends], atol=1e-9)
    assert np.array_equal(np.abs(np.rint(found[ends])), np.full(ends.sum(), WEIGHT_LIMITS[bits]))


def test_rounding_to_nearest_is_what_there_is_without() -> None:
    real = weights(1)
    plain = fake_quant(real, 4, clip=clips(1), **COARSE)
    wanted, _ = in_steps(real, 4, clip=clips(1), **COARSE)
    nearest = (wanted - np.floor(wanted) >= 0.5).astype(float)
    assert np.array_equal(fake_quant(real, 4, clip=clips(1), rounding=nearest, **COARSE), plain)


@pytest.mark.parametrize("seed", range(5))
def test_what_was_learned_is_its_own_result_with_the_whole_range(seed: int) -> None:
    options = {"clip": clips(seed), "rounding": offsets(seed, hard=True)}
    once = fake_quant(weights(seed), 4, **options, **COARSE)
    np.testing.assert_allclose(fake_quant(once, 4, **COARSE), once, rtol=1e-15, atol=0.0)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_of_a_step_is_that_of_lsq(seed: int, bits: int) -> None:
    """Equation 3 of Esser et al.: -v/s + round(v/s) within the range, +-Q beyond it."""
    real, clip = weights(seed), clips(seed)
    upstream = np.random.default_rng([seed, 3]).normal(size=SHAPE)
    wanted, levels = in_steps(real, bits, clip=clip, **COARSE)
    limit = WEIGHT_LIMITS[bits]
    by_step = np.where(np.abs(wanted) < limit, np.rint(levels) - wanted, limit * np.sign(wanted))
    steps_by_clip = np.abs(real * COLUMNS).max(axis=1) / limit
    expected = (upstream / COLUMNS * by_step).sum(axis=1) * steps_by_clip
    found = fake_quant_gradients(upstream, real, bits, clip=clip, **COARSE)
    np.testing.assert_allclose(found.clip, expected, rtol=2e-3, atol=1e-3)
    assert np.array_equal(found.weights, np.where(np.abs(wanted) < limit, upstream, 0.0))
    assert found.rounding is None


def test_the_gradient_of_a_step_is_a_difference_where_all_is_clipped_or_on_the_grid() -> None:
    """There rounding adds nothing, so the step is all that changes the result."""
    real = np.array([[4.0, -4.0, 8.0, 0.0]])
    upstream = np.array([[1.0, 0.5, -2.0, 3.0]])

    def loss(clip: float) -> float:
        made = fake_quant(real, 16, clip=clip, columns=1.0)
        return float((upstream * made).sum())

    found = fake_quant_gradients(upstream, real, 16, clip=0.25, columns=1.0)
    difference = (loss(0.26) - loss(0.24)) / 0.02
    assert found.clip[0] == pytest.approx(difference, rel=1e-3)
    assert difference == pytest.approx((0.5 - 2.0) * 8.0, rel=1e-3)
    assert found.weights.tolist() == [[0.0, 0.0, 0.0, 3.0]]


def test_the_gradient_of_rounding_is_a_difference() -> None:
    real, given = weights(4), offsets(4, hard=False)
    options = {"clip": clips(4), **COARSE}
    upstream = np.random.default_rng(4).normal(size=SHAPE)
    found = fake_quant_gradients(upstream, real, 4, rounding=given, **options).rounding
    assert found is not None
    for place in np.ndindex(*SHAPE):
        moved = given.copy()
        moved[place] = 1.0 - given[place]
        change = fake_quant(real, 4, rounding=moved, **options) - fake_quant(
            real, 4, rounding=given, **options
        )
        by_one = (upstream * change).sum() / (moved - given)[place]
        assert found[place] == pytest.approx(by_one, rel=1e-6, abs=1e-9), place
    assert (found == 0.0).any()


def test_gradients_have_the_type_of_the_weights() -> None:
    real = weights(5).astype(np.float32)
    given = offsets(5, hard=False)
    found = fake_quant_gradients(np.ones(SHAPE, np.float32), real, 4, rounding=given)
    assert found.rounding is not None
    assert found.weights.dtype == found.rounding.dtype == np.float32
    assert found.weights.all()


def learned(model: Model, program: Program, **options: Any) -> tuple[Model, Integers]:
    """The model with weights as `fake_quant` has them, and their integers by matrices."""
    new, trained = dict[str, Any](), dict[tuple[str, ...], Any]()
    stored = {each.matrices: each for each in stored_weights(program)}
    for op, real in products(model, program):
        columns, widths = stored[op.matrices].columns, stored[op.matrices].widths
        drawn = {name: draw(real.shape) for name, draw in options.items()}
        made = fake_quant(real, 4, columns=columns, **drawn).astype(np.float32)
        new |= dict(zip(op.matrices, np.split(made, np.cumsum(widths)[:-1], axis=1), strict=True))
        steps = np.abs(made * columns).max(axis=1, keepdims=True) / 7
        trained[op.matrices] = np.rint(made * columns / steps)
    return with_params(model, new), trained


@pytest.mark.parametrize("cell", ["plain", "gru", "gru_reset_after", "rnn"])
@pytest.mark.parametrize("seed", range(2))
def test_what_was_learned_compiles_to_the_integers_that_it_is(cell: str, seed: int) -> None:
    """Whatever steps and rounding training finds, with inputs that stay as they were stored. Where
    other matrices share scales at the end, their rows are put on the grids of that.
    """
    model, options = random_model(seed, cell=cell, weights="normal", **CHOICES), Options(weights=4)
    inputs, rng = random_inputs(model, samples=12), np.random.default_rng(seed)
    before = quantized(model, inputs, options)
    now, trained = learned(
        model,
        before,
        clip=lambda shape: rng.uniform(0.6, 1.0, shape[0]),
        rounding=lambda shape: rng.integers(0, 2, shape),
    )
    for _ in range(3):
        after = quantized(with_stored_inputs(now, before), inputs, options)
        found = {each.matrices: each.integers for each in stored_weights(after)}
        if found.keys() == trained.keys():
            break
        now, trained = learned(now, after)
    assert found.keys() == trained.keys()
    for names, integers in trained.items():
        assert np.array_equal(found[names], integers), names
    assert np.array_equal(after.inputs[0].scale, before.inputs[0].scale)


def test_stored_weights_are_the_constants_of_the_program() -> None:
    model = random_model(3, cell="plain", weights="normal", **CHOICES)
    program = quantized(model, random_inputs(model, samples=4), Options(weights=4))
    known, found = float_weights(model), stored_weights(program)
    for op, real in products(model, program):
        (stored,) = (w for w in found if w.matrices == op.matrices)
        integers, units, columns = by_multipliers(program, op)
        assert np.array_equal(stored.integers, integers)
        assert np.array_equal(stored.scale, units)
        assert np.array_equal(stored.columns, columns)
        assert np.array_equal(np.concatenate([known[m] for m in op.matrices], axis=1), real)
        assert np.abs(stored.real - real).max() < 0.6 * np.abs(real).max()
        assert stored.bits == 4


@pytest.mark.parametrize(
    ("message", "options"),
    [
        (r"rounding: shape \(9,\), expected \[12, 9\]", {"rounding": np.ones(9)}),
        ("rounding: expected numbers from 0 to 1", {"rounding": np.full(SHAPE, 1.01)}),
        ("rounding: expected numbers from 0 to 1", {"rounding": np.full(SHAPE, np.nan)}),
        ("clip: expected finite numbers above 0", {"clip": np.zeros(12)}),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(
    message: str, options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        fake_quant(weights(0), 4, **options)
    with pytest.raises(ValueError, match=f"^{message}"):
        fake_quant_gradients(np.ones(SHAPE), weights(0), 4, **options)


@pytest.mark.parametrize(
    ("message", "upstream"),
    [
        (r"upstream: shape \(12,\), expected \[12, 9\]", np.ones(12)),
        ("upstream: holds a number that is not finite", np.full(SHAPE, np.inf)),
    ],
)
def test_an_upstream_gradient_that_does_not_fit_is_refused(message: str, upstream: Any) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        fake_quant_gradients(upstream, weights(0), 4)


def test_the_package_offers_the_gradients() -> None:
    assert lstm_edge.fake_quant_gradients is fake_quant_gradients
