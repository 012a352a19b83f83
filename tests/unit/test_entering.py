"""Weights are rounded for what enters the integer program; never for worse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.interpret.feed import Feed, run_numpy, stored_feed
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.passes import quantize as quantizing
from lstm_edge.passes.calibrate import Ranges, calibrate
from lstm_edge.passes.entering import Entered, Product, entering
from lstm_edge.passes.lower_integer import Lowered, lowered
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.moments import Moments
from lstm_edge.passes.options import Options
from lstm_edge.passes.quantize import decibels_of_each, quantize
from lstm_edge.passes.real_run import RealRun
from tests.support.choices import PLAIN
from tests.support.models import random_inputs, random_model
from tests.support.programs import Array, quantized
from tests.support.schemes import sampled_model

STREAMS = 24
CHOOSING = np.arange(STREAMS) % 4 == 3
OPTIONS = (Options(8, 32, 4), Options(12, 32, 8), Options(8, 16, 4, True), Options(16, 32, 16))


@dataclass(frozen=True)
class Made:
    """A model, what it was calibrated on, its first program and what enters that."""

    model: Model
    reference: Program
    feed: Feed
    ranges: Ranges
    first: Lowered
    known: Mapping[str, tuple[Moments, ...]]

    def chosen(self, options_at: int) -> Program:
        return quantize(
            self.model, self.ranges, OPTIONS[options_at], RealRun(self.reference, self.feed)
        )


def stacked() -> Model:
    choices = {**PLAIN, "front": ("dense", "relu"), "cut": (), "also": ()}
    return random_model(980, **choices, hidden=(6, 5), features=4, classes=6, head=("dense",))


@cache
def made(number: int, options_at: int) -> Made:
    """Of the stack above where the number is -1, else of a sampled model."""
    model = stacked() if number < 0 else sampled_model(number)
    reference = lower_real(model)
    feed = Feed.of_samples(random_inputs(model, STREAMS, seed=4))
    ranges = calibrate(reference, feed, from_data=True)
    first = lowered(model, ranges, OPTIONS[options_at])
    known = entering(RealRun(reference, feed), first.program, first.products).moments
    return Made(model, reference, feed, ranges, first, known)


def recorded(program: Program, feed: Feed, real: bool) -> dict[str, Array]:
    """What each matrix reads, as real numbers [steps, streams, columns]: by its name, or (of the
    float program) by that of the sum.
    """
    found: dict[str, list[Array]] = {}

    def observe(op: Op, args: tuple[Array, ...], _: Array) -> None:
        if op.kind != "matvec":
            return
        for name, matrix, numbers in zip(op.args, op.matrices, args, strict=True):
            value = program.values[name]
            scale = value.format.scales(value.length)
            zero = value.format.zero_points(value.length)
            meant = numbers if real else (numbers - zero) * scale
            found.setdefault(f"{op.dest} {matrix}" if real else matrix, []).append(meant)

    run_numpy(program, feed if real else stored_feed(program, feed), observe)
    return {name: np.stack(parts).astype(np.float64) for name, parts in found.items()}


def flat(array: Array, which: npt.NDArray[np.bool_]) -> Array:
    return array[:, which].reshape(-1, array.shape[-1])


@pytest.mark.parametrize("options_at", range(len(OPTIONS)))
def test_later_layers_see_what_the_integers_of_earlier_ones_are(options_at: int) -> None:
    """Means and covariances are those of a run of the integer program, recorded here."""
    one = made(-1, options_at)
    ours = recorded(one.first.program, one.feed, real=False)
    compared = set()
    for op in (op for block in one.first.program.blocks for op in block.ops):
        if not OPERATIONS[op.kind].multiplies:
            continue
        (moments,) = one.known[op.matrices[0]]
        vectors = np.concatenate([ours[matrix] for matrix in op.matrices], axis=-1)
        made_from, held = flat(vectors, ~CHOOSING), flat(vectors, CHOOSING)
        np.testing.assert_allclose(moments.mean, made_from.mean(axis=0), atol=1e-9)
        np.testing.assert_allclose(moments.covariance, np.cov(made_from.T, bias=True), atol=1e-9)
        around = held - made_from.mean(axis=0)
        np.testing.assert_allclose(moments.held_back, around.T @ around / len(held), atol=1e-9)
        compared.add(op.dest.split(".")[0])
    assert len(compared) == 4, "both LSTMs and both dense layers"


@pytest.mark.parametrize("options_at", range(len(OPTIONS)))
def test_what_is_wanted_is_the_mean_of_the_float_program(options_at: int) -> None:
    one = made(-1, options_at)
    real = recorded(one.reference, one.feed, real=True)
    differ = 0
    for product in one.first.products:
        (moments,) = one.known[product.matrix]
        read = [a for name, a in real.items() if name.split()[0] == product.real]
        vectors = flat(np.concatenate(read, axis=-1), ~CHOOSING)[:, product.columns]
        np.testing.assert_allclose(moments.wanted, vectors.mean(axis=0), atol=1e-6)
        differ += not np.allclose(moments.wanted, moments.mean, atol=1e-6)
    assert differ > 4, "operands have errors"


def output_error(program: Program, one: Made) -> Array:
    """Mean error of each unit of the output on what the rounding is made from."""
    part = one.feed.pick(np.flatnonzero(~CHOOSING))
    (port,) = program.outputs
    wanted = run_numpy(one.reference, part, exact=False).outputs[port.name]
    ours = run_numpy(program, stored_feed(program, part)).outputs[port.name] * port.scale
    error = np.asarray(ours - wanted, np.float64)
    return np.asarray(np.abs(error.reshape(-1, error.shape[-1]).mean(axis=0)))


@pytest.mark.parametrize("options_at", range(len(OPTIONS)))
def test_the_bias_takes_back_what_errors_of_operands_add_up_to(options_at: int) -> None:
    """Of the dense layer at the end, all before it as they were: what is left of the mean error is
    half a unit of its sums, and of its results.
    """
    one = made(-1, options_at)
    last = one.first.products[-1].matrix
    assert last.startswith("fc")
    known = {last: one.known[last]}
    after = lowered(one.model, one.ranges, OPTIONS[options_at], known).program
    (port,) = after.outputs
    sums = (after.values[product.dest] for product in after.products)
    dense = next(value for value in sums if value.name.startswith(last.split(".")[0]))
    scale = dense.format.scales(dense.length)
    before, now = output_error(one.first.program, one), output_error(after, one)
    assert np.all(now <= 0.5 * scale + 0.55 * port.scale)
    assert now.mean() < 0.5 * before.mean()


def streams_to_choose_by(one: Made) -> Feed:
    return one.feed.pick(np.flatnonzero(CHOOSING))


def nearness(program: Program, one: Made) -> float:
    kept = streams_to_choose_by(one)
    real = run_numpy(one.reference, kept, exact=False)
    ours = run_numpy(program, stored_feed(program, kept))
    return float(np.mean(decibels_of_each(program, real, ours, kept.shape)))


@pytest.mark.parametrize("number", [-1, *range(10)])
def test_the_program_is_never_further_off_than_the_first_one(number: int) -> None:
    at = number % len(OPTIONS)
    one = made(number, at)
    chosen = one.chosen(at)
    assert nearness(chosen, one) >= nearness(one.first.program, one)


def test_a_later_program_is_taken_where_it_is_nearer() -> None:
    gains = []
    for number in range(8):
        one = made(number, 0)
        chosen = one.chosen(0)
        gains.append(nearness(chosen, one) - nearness(one.first.program, one))
    assert max(gains) > 0.5


def test_a_later_program_that_is_worse_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is rounded for operands that never occur."""
    one = made(-1, 0)

    def moved(m: Moments) -> Moments:
        return Moments(m.mean + 3.0, m.covariance, m.held_back, m.wanted)

    elsewhere = {name: tuple(moved(m) for m in each) for name, each in one.known.items()}

    def misled(real: RealRun, program: Program, products: Iterable[Product] = ()) -> Entered:
        return Entered(entering(real, program).results, elsewhere)

    monkeypatch.setattr(quantizing, "entering", misled)
    chosen = one.chosen(0)
    worse = lowered(one.model, one.ranges, OPTIONS[0], elsewhere).program
    assert nearness(worse, one) < nearness(one.first.program, one)
    assert all(
        np.array_equal(a, chosen.constants[n]) for n, a in one.first.program.constants.items()
    )


def test_of_an_output_of_fewer_steps_the_last_ones_count() -> None:
    """Pooling over time halves them: what counts from the last step on is the last one of these."""
    seeing = {"front": ("strided_max_pool",), "read": "steps", "steps": 8}
    choices = {**PLAIN, **seeing, "also": (), "cut": ()}
    model = random_model(1, **choices)
    program = quantized(model, random_inputs(model, 6), Options())
    feed = Feed({name: array[:, None] for name, array in random_inputs(model, 4, seed=1).items()})
    real = run_numpy(lower_real(model), feed, exact=False)
    ours = run_numpy(program, stored_feed(program, feed))
    name = program.outputs[0].name
    assert real.outputs[name].shape[2] == 4
    found = [decibels_of_each(program, real, ours, feed.shape, first) for first in (6, 7)]
    assert [port.name for port in program.outputs] == [name]
    last = [replace(r, outputs={name: r.outputs[name][:, :, -1:]}) for r in (real, ours)]
    kept = decibels_of_each(program, last[0], last[1], feed.shape)
    assert found == [kept, kept]
