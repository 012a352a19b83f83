"""What does not depend on the widths of numbers is computed once for all programs of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lstm_edge.data import load_data
from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op
from lstm_edge.passes import real_run, round_weights
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lowered
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.moments import Sums
from lstm_edge.passes.options import Options
from lstm_edge.passes.real_run import RealRun, runs_of
from lstm_edge.search.program import Calibrated
from tests.support.choices import PLAIN
from tests.support.models import random_inputs, random_model
from tests.support.programs import Array
from tests.support.schemes import sampled_model

STREAMS = 24
GATES, DAMPINGS = 4, 2


def lstm() -> Model:
    choices = {**PLAIN, "cut": (), "also": (), "norm": "", "layout": "batch_first"}
    return random_model(981, **choices, hidden=(6,), features=4)


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[Any]:
    """The first arguments of all calls of a function from now on."""
    function: Callable[..., Any] = getattr(module, name)
    calls: list[Any] = []

    def watched(first: Any, *rest: Any, **named: Any) -> Any:
        calls.append(first)
        return function(first, *rest, **named)

    monkeypatch.setattr(module, name, watched)
    return calls


def test_a_hessian_is_factorised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all gates that read it, and for all widths of weights that are tried on it."""
    model = lstm()
    ranges = calibrate(
        lower_real(model), Feed.of_samples(random_inputs(model, STREAMS, seed=4)), from_data=True
    )
    factorised = counted(monkeypatch, round_weights, "inverse_factor")
    for weights in (8, 4, 16, 8):
        made = lowered(model, ranges, Options(weights=weights))
    distinct = {matrix.tobytes() for matrix in factorised}
    assert len(factorised) == len(distinct)
    assert len(made.products) >= GATES
    operands = {(p.real.split(".")[0], p.columns.tobytes()) for p in made.products}
    assert len(factorised) == DAMPINGS * len(operands) < DAMPINGS * len(made.products)


def test_the_float_program_is_run_once_for_all_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    model = lstm()
    reference = lower_real(model)
    samples = np.random.default_rng(3).normal(size=(40, 1, 20, 4)).astype(np.float32)
    data = load_data({"x": samples}, reference)
    calibrated = Calibrated(
        model, reference, calibrate(reference, data.calibration, from_data=True), data
    )
    runs = counted(monkeypatch, real_run, "run_numpy")
    calibrated.program(Options())
    once = len(runs)
    assert once > 0
    assert all(program is reference for program in runs)
    calibrated.program(Options(weights=4))
    calibrated.program(Options(8, 16, 8))
    assert len(runs) == once


@pytest.mark.parametrize("number", range(12))
def test_how_often_an_operation_is_run_is_known_before(number: int) -> None:
    """Where blocks have clocks, too."""
    model = sampled_model(number)
    program = lower_real(model)
    feed = Feed.of_samples(random_inputs(model, 3, seed=4))
    assert found(program, feed) == {n: k for n, k in runs_of(program, feed).items() if k}


def found(program: Program, feed: Feed) -> dict[str, int]:
    counts: Counter[str] = Counter()

    def observe(op: Op, args: tuple[Array, ...], result: Array) -> None:
        counts[op.dest] += 1

    real_run.run_numpy(program, feed, observe)
    return dict(counts)


@pytest.mark.parametrize("sizes", [[1] * 700, [300, 1, 299, 2], [5]])
def test_sums_do_not_depend_on_how_vectors_come(sizes: list[int]) -> None:
    vectors = np.random.default_rng(1).normal(7.0, 2.0, (sum(sizes), 5))
    sums = Sums()
    for part in np.split(vectors, np.cumsum(sizes)[:-1]):
        sums.add(part)
    assert sums.count == len(vectors)
    np.testing.assert_allclose(sums.mean, vectors.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(sums.covariance, np.cov(vectors.T, bias=True), atol=1e-11)


def test_a_real_run_of_few_streams_is_in_one_part() -> None:
    model = lstm()
    feed = Feed.of_samples(random_inputs(model, 2, seed=4))
    real = RealRun(lower_real(model), feed)
    assert [part.shape for _, part in real.parts()] == [feed.shape]
