"""Unrolled loops that begin with what the graph computes: of the first step, or of all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.frontend import load
from tests.oracle.cell_graphs import Net, model
from tests.oracle.compared import difference
from tests.oracle.entire import entire
from tests.oracle.graphs import saved
from tests.oracle.test_step_unrolled import SIZES, STEPS, compiled, layers_with_states
from tests.oracle.unrolled_graphs import CELLS, INPUTS, UNITS, Loop, dense, stacked, steps_of


def average(net: Net, steps: list[str], weight: float, start: str, shown: bool = False) -> str:
    """m = (1 - weight) m + weight x of all steps [1, T, I]; shown: the first is `start` itself."""
    new, kept = net.constant(weight), net.constant(1.0 - weight)
    found = [start] if shown else []
    for x in steps[shown:]:
        start = net.add("Add", net.add("Mul", start, kept), net.add("Mul", x, new))
        found.append(start)
    return stacked(net, found, 1)


def fast_and_slow(net: Net, steps: list[str]) -> str:
    """The difference of two averages that begin with the first sample."""
    return net.add("Sub", *(average(net, steps, w, steps[0]) for w in (0.5, 0.1)))


AVERAGES: dict[str, Callable[[Net, list[str]], str]] = {
    "the first sample": lambda net, steps: average(net, steps, 0.2, steps[0]),
    "the first sample, shown": lambda net, steps: average(net, steps, 0.2, steps[0], True),
    "the first sample, twice": fast_and_slow,
    "the mean": lambda net, steps: average(
        net, steps, 0.2, net.add("ReduceMean", "x", net.constant([1]), keepdims=0)
    ),
}


@pytest.mark.parametrize("name", AVERAGES)
def test_an_average_may_begin_with(name: str, tmp_path: Path) -> None:
    net = Net()
    averages = AVERAGES[name](net, steps_of(net, "gather1", STEPS))
    result = dense(net, net.add("Sub", "x", averages), INPUTS)
    loaded = compiled(net, [result], tmp_path, SIZES["1"])
    assert layers_with_states(loaded) == 1 + (name.endswith("twice") or name == "the mean")


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("kind", ["ugrnn", "coupled"])
def test_a_state_may_begin_as_a_function_of_the_first_step(
    kind: str, batch: int, tmp_path: Path
) -> None:
    net = Net()
    loop = Loop(net, kind)
    steps = steps_of(net, "gather1", STEPS)
    starts = tuple(
        net.add("Tanh", dense(net, steps[0], INPUTS, UNITS, seed=k))
        for k, _ in enumerate(loop.states())
    )
    results, _ = loop.run(steps, starts)
    file = saved(model(net, {"x": [batch, STEPS, INPUTS]}, [stacked(net, results, 1)]), tmp_path)
    loaded = load(file)
    assert difference(file, loaded) < 1e-5
    assert layers_with_states(loaded) == 1


def test_a_state_may_begin_as_a_function_of_all_steps(tmp_path: Path) -> None:
    net = Net()
    loop = Loop(net, "ugrnn")
    mean = net.add("ReduceMean", "x", net.constant([1]), keepdims=0)
    start = net.add("Tanh", dense(net, mean, INPUTS, UNITS, seed=1))
    results, _ = loop.run(steps_of(net, "gather1", STEPS), (start,))
    entire(model(net, {"x": SIZES["1"]}, [stacked(net, results, 1)]), tmp_path)


def test_a_step_of_another_kind_than_the_average_stays_apart(tmp_path: Path) -> None:
    net = Net()
    steps = steps_of(net, "gather1", STEPS)
    other = net.add("Mul", steps[0], net.constant(0.9))
    loaded = compiled(
        net, [dense(net, average(net, steps, 0.2, other, True), INPUTS)], tmp_path, SIZES["1"]
    )
    assert not layers_with_states(loaded)


@pytest.mark.parametrize("start", [0.0, 0.7])
def test_what_a_constant_state_gives_may_be_added_to_data(start: float, tmp_path: Path) -> None:
    """By a Gemm, of which the first step has no data but what it adds."""
    net = Net()
    h, results = net.constant(np.full((1, UNITS), start)), []
    matrix = net.constant(np.random.default_rng(0).normal(size=(UNITS, UNITS)) * 0.6)
    for x in steps_of(net, "gather1", STEPS):
        data = dense(net, x, INPUTS, UNITS)
        h = net.add("Tanh", net.add("Gemm", h, matrix, data, transB=1, alpha=0.5, beta=2.0))
        results.append(h)
    assert layers_with_states(compiled(net, [stacked(net, results, 1)], tmp_path, SIZES["1"])) == 1


def test_a_quotient_may_begin_with_a_constant_above(tmp_path: Path) -> None:
    """(h + 1) / a * b, as the gain of a Kalman filter: of constants, that is (1 * b) / a."""
    net = Net()
    h, one, results = net.constant(np.zeros((1, UNITS))), net.constant(1.0), []
    for x in steps_of(net, "gather1", STEPS):
        a, b = (dense(net, x, INPUTS, UNITS, seed=k) for k in (0, 1))
        gain = net.add("Div", net.add("Add", h, one), net.add("Softplus", a))
        h = net.add("Tanh", net.add("Mul", gain, b))
        results.append(h)
    assert layers_with_states(compiled(net, [stacked(net, results, 1)], tmp_path, SIZES["1"])) == 1


def test_a_state_that_is_rounded_may_begin_at_one(tmp_path: Path) -> None:
    """No slope says so: the first step has no gate at all."""
    net = Net()
    loop = Loop(net, "skipping")
    first, *rest = steps_of(net, "gather1", STEPS)
    new, (h,) = CELLS["ugrnn"](net, loop.weights, first, (net.constant(np.zeros((1, UNITS))),))
    more = net.add("Mul", net.add("Sigmoid", h), net.constant(0.4))
    results, _ = loop.run(rest, (h, more))
    file = saved(
        model(net, {"x": [1, STEPS, INPUTS]}, [stacked(net, [new, *results], 1)]), tmp_path
    )
    loaded = load(file)
    assert difference(file, loaded) < 1e-5
    assert layers_with_states(loaded) == 1


def test_a_sum_may_begin_behind_a_maximum_that_leaves_nothing_of_it(tmp_path: Path) -> None:
    """s e^(m + w - n) + v e^(k - n), n = max(m + w, k), m at first -30: attention without softmax
    over all steps so far.
    """
    net = Net()
    m, s, results = net.constant(np.full((1, UNITS), -30.0)), net.constant(np.zeros((1, UNITS))), []
    decay = net.constant(-np.linspace(0.2, 1.5, UNITS))
    for x in steps_of(net, "gather1", STEPS):
        k, v = (dense(net, x, INPUTS, UNITS, seed=n) for n in (0, 1))
        old = net.add("Add", m, decay)
        m = net.add("Max", old, k)
        parts = [(s, old), (v, k)]
        terms = [net.add("Mul", y, net.add("Exp", net.add("Sub", e, m))) for y, e in parts]
        s = net.add("Add", *terms)
        results.append(s)
    loaded = compiled(net, [stacked(net, results, 1)], tmp_path, SIZES["1"])
    assert layers_with_states(loaded) == 2
    assert not loaded.warnings


@pytest.mark.parametrize("op", ["Reciprocal", "LpNormalization"])
def test_a_first_step_of_constants_is_computed_as_it_is(op: str, tmp_path: Path) -> None:
    """From states below 0: their inverse, where a search from zeros meets infinity, and their parts
    of the sum of magnitudes.
    """
    net = Net()
    state, shown = net.constant(np.full((1, INPUTS), -0.4, np.float32)), []
    weights = net.constant(np.random.default_rng(3).normal(size=(INPUTS, INPUTS)))
    for x in steps_of(net, "gather1", STEPS):
        read = net.add(op, state, **({"axis": -1, "p": 1} if op != "Reciprocal" else {}))
        state = net.add("Tanh", net.add("Add", net.add("MatMul", x, weights), read))
        shown.append(state)
    compiled(net, [stacked(net, shown, 1)], tmp_path, SIZES["1"])


def test_what_a_first_step_alone_shows_of_a_state_is_what_the_body_makes(tmp_path: Path) -> None:
    """Units of a state that only others of the next step read, from -0.4: which begin with what."""
    net = Net()
    state, shown = net.constant(np.full((1, 4), -0.4, np.float32)), []
    weights = net.constant(np.random.default_rng(3).normal(size=(INPUTS, 4)))
    bounds = [net.constant([k]) for k in (1, 3, 1)]
    zeros = net.constant([0, 0, 0, 2])
    for x in steps_of(net, "gather1", 4):
        read = net.add("Pad", net.add("Slice", state, *bounds), zeros)
        state = net.add("Tanh", net.add("Add", net.add("MatMul", x, weights), read))
        shown.append(state)
    compiled(net, [stacked(net, shown, 1)], tmp_path, [1, 4, INPUTS])
