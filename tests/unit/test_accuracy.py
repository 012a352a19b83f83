"""The error of a program against float: hand-computed figures, and the way through a sequence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_edge.accuracy.measure import measure
from lstm_edge.accuracy.results import Accuracy, ValueAccuracy
from lstm_edge.accuracy.tally import RangeTally, Tally, joined
from lstm_edge.accuracy.text import output_sqnr
from lstm_edge.formats import FLOAT32, Format
from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.program import Block, Port, Program, Value
from lstm_edge.ir.serialize import from_bytes, to_bytes
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized

SEEDS = range(12)


def vectors(*numbers: float) -> Any:
    """One sample of one unit, step by step: [1, steps, 1]."""
    return np.array(numbers, np.float64)[None, :, None]


def tallied(real: Any, ours: Any, backward: bool = False) -> Any:
    tally = Tally(real.shape[1], backward)
    tally.add(real, ours, 0)
    return tally.error()


def test_figures_of_an_error_are_those_computed_by_hand() -> None:
    error = tallied(vectors(3.0, 4.0, 0.0, 0.0), vectors(3.0, 4.5, 0.0, -0.5))
    assert error.max_abs == 0.5
    assert error.rms == np.sqrt(0.5 / 4)
    assert error.signal == 2.5
    assert error.sqnr_db == pytest.approx(10.0 * np.log10(25.0 / 0.5), abs=1e-12)
    assert error.by_step == {0: 0.0, 1: 0.5, 2: 0.0, 3: 0.5}
    assert error.numbers == 4
    assert not error.exact


def test_what_cannot_be_told_in_decibels_is_none() -> None:
    same = tallied(vectors(1.0, 2.0), vectors(1.0, 2.0))
    assert (same.exact, same.sqnr_db, same.max_abs) == (True, None, 0.0)
    silent = tallied(vectors(0.0, 0.0), vectors(1.0, 0.0))
    assert (silent.exact, silent.sqnr_db, silent.max_abs) == (False, None, 1.0)
    endless = tallied(vectors(np.inf, 0.0), vectors(1.0, 0.0))
    assert (endless.exact, endless.sqnr_db, endless.max_abs, endless.rms) == (
        False,
        None,
        None,
        None,
    )


def test_decibels_without_the_mean_are_those_of_what_moves() -> None:
    """20 degrees with a swing of 1: the mean of each unit is taken away, and a bias counts."""
    swing = np.array([1.0, -1.0] * 8)[None, :, None]
    real = np.concatenate([20.0 + swing, -5.0 - swing], axis=-1)
    error = tallied(real, real + 0.1)
    assert error.without_mean_db == pytest.approx(10.0 * np.log10(1.0 / 0.01))
    assert error.sqnr_db == pytest.approx(10.0 * np.log10((401.0 + 26.0) / 2.0 / 0.01))
    assert output_sqnr(error) == "43.3 dB (20.0 dB without its mean)"
    assert output_sqnr(tallied(swing, swing + 0.1)) == "20.0 dB"
    assert tallied(real * 0.0 + 20.0, real).without_mean_db is None
    large = tallied(1e8 + swing, 1e8 + swing + 0.1)
    assert large.without_mean_db == pytest.approx(20.0, abs=1e-3)


def test_parts_have_the_error_of_all_of_them_together() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(2, 5, 3))
    ours = real + rng.normal(size=real.shape) * 0.1
    whole = tallied(real, ours)
    parts = joined([tallied(real[k : k + 1], ours[k : k + 1]) for k in range(2)])
    for name in ("max_abs", "rms", "signal", "sqnr_db", "numbers"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name)), name
    assert parts.by_step == {}
    exact = joined([tallied(real, real), whole])
    assert exact.moving == pytest.approx(whole.moving), "a part without an error moves, too"
    assert exact.without_mean_db == pytest.approx((whole.without_mean_db or 0.0) + 3.0103)
    endless = tallied(vectors(np.inf, 0.0), vectors(1.0, 0.0))
    assert joined([endless, whole]).sqnr_db is None


def test_drift_is_the_last_quarters_error_over_the_firsts_in_the_order_of_computation() -> None:
    real = vectors(*[10.0] * 8)
    ours = real + vectors(1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 4.0, 4.0)
    assert tallied(real, ours).drift == 4.0
    assert tallied(real, ours, backward=True).drift == 0.25
    assert tallied(real, ours).sqnr_drop == pytest.approx(20.0 * np.log10(4.0))
    assert tallied(real[:, :3], ours[:, :3]).drift is None


def test_numbers_added_step_by_step_give_what_all_at_once_gives() -> None:
    rng = np.random.default_rng(0)
    real, ours = (rng.integers(-8, 8, (5, 40, 3)).astype(float) for _ in range(2))
    tally = Tally(40)
    for t in range(40):
        tally.add(real[:, t : t + 1], ours[:, t : t + 1], t)
    assert tally.error() == tallied(real, ours)


def test_the_error_is_kept_at_sixteen_steps_however_long_the_sequence() -> None:
    tally = Tally(100_000)
    tally.add(np.ones((1, 100_000, 1)), np.zeros((1, 100_000, 1)), 0)
    by_step = tally.error().by_step
    assert len(by_step) == 16
    assert (min(by_step), max(by_step)) == (0, 99_999)


def test_the_used_range_counts_numbers_by_their_unused_bits() -> None:
    used = RangeTally(127)
    used.add(np.array([[63, -32, 1], [0, 16, 31]]))
    assert used.used().bins == (0, 2, 2, 0, 0, 0, 1, 1)
    assert used.used().unused_bits == 1


def port(name: str, value: str) -> Port:
    return Port(
        name, value, ("batch", "time", "feature"), (1, -1, 1), True, np.ones(1), np.zeros(1)
    )


def clipping(low: int = -128, high: int = 127) -> tuple[Program, Program]:
    """y = x, limited to 4 bits, and its reference: y = x + 0. low, high: of x."""
    byte, wide = Format("int8", 1.0, low, high), Format("int32", 1.0, -8, 7)
    made = {
        "int8": (byte, wide, Op("saturate", "y", ("x",), n=4), {}),
        "float32": (FLOAT32, FLOAT32, Op("add", "y", ("x", "zero")), {"zero": np.zeros(1)}),
    }
    ours, real = (
        Program(
            name="clipping",
            scheme=scheme,
            inputs=(port("in", "x"),),
            outputs=(port("out", "y"),),
            states=(),
            values={n: Value(n, 1, fmt) for n, fmt in (("x", x), ("y", y), ("zero", x))},
            constants=constants,
            blocks=(Block("clip", 0, (op,)),),
            steps=None,
        )
        for scheme, (x, y, op, constants) in made.items()
    )
    return replace(ours, stands_for={"x": "x", "y": "y"}), real


@pytest.mark.parametrize(("low", "high", "count"), [(-8, 8, 0), (-9, 9, 1), (-10, 8, 1)])
def test_what_cannot_be_more_than_a_unit_beyond_is_not_clipped(
    low: int, high: int, count: int
) -> None:
    """A bound of 1 is 128 of int8, and is stored as 127."""
    program, reference = clipping(low, high)
    x = np.array([0.0, 8.0, -8.0, 3.0], np.float32).reshape(1, 1, 4, 1)
    found = measure(program, reference, Feed({"in": x})).accuracy
    assert dict(found.layers[0].saturations) == {"y": count}


def test_a_clipped_value_is_counted_with_its_layer_and_its_error() -> None:
    program, reference = clipping()
    x = np.array([1.0, 20.0, -30.0, 3.0], np.float32).reshape(1, 1, 4, 1)
    found = measure(program, reference, Feed({"in": x})).accuracy
    (layer,), (output,), (fed,) = found.layers, found.outputs, found.inputs
    assert (layer.name, layer.reads) == ("clip", ("input in",))
    assert (dict(layer.saturations), dict(layer.numbers)) == ({"y": 2}, {"y": 4})
    assert layer.values[0].error.max_abs == 22.0
    assert layer.values[0].error.rms == np.sqrt((13.0**2 + 22.0**2) / 4)
    assert layer.values[0].error.by_step == {0: 0.0, 1: 13.0, 2: 22.0, 3: 0.0}
    assert (output.name, output.layer, output.saturations) == ("out", "clip", 2)
    assert output.error == layer.values[0].error
    assert (fed.numbers, fed.saturations, fed.beyond) == (4, 0, 0)


def test_an_input_beyond_its_range_is_found_with_its_feature_and_distance() -> None:
    program, reference = clipping()
    x = np.array([127.0, 127.4, 500.0, -129.5], np.float32).reshape(1, 1, 4, 1)
    (fed,) = measure(program, reference, Feed({"in": x})).accuracy.inputs
    assert (fed.saturations, fed.beyond, fed.feature) == (4, 2, 0)
    assert (fed.farthest, fed.low, fed.high) == (500.0, -128.0, 127.0)


def measured(model: Any, inputs: Any, feed: Feed | None = None) -> Accuracy:
    program = quantized(model, inputs)
    return measure(program, lower_real(model), feed or Feed.of_samples(inputs)).accuracy


def value(found: Accuracy, name: str) -> ValueAccuracy:
    return next(v for layer in found.layers for v in layer.values if v.name == name)


def recurrent(**choices: Any) -> Any:
    """One LSTM of which each hidden state is the output."""
    plain: dict[str, Any] = {
        "cell": "plain",
        "hidden": (5,),
        "direction": "forward",
        "front": (),
        "read": "steps",
        "head": (),
        "also": (),
        "norm": "",
        "cut": (),
        "weights": "normal",
        "initial": False,
    }
    return random_model(3, **{**plain, **choices})


def state_of(found: Accuracy, state: str) -> ValueAccuracy:
    return next(v for layer in found.layers for v in layer.values if v.name.endswith(f".{state}"))


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"direction": "reverse", "steps": 9},
        {"front": ("strided_conv",)},
        {"front": ("conv",), "steps": 18},
        {"hidden": (4, 5)},
    ],
    ids=["forward", "backward", "strided", "padded", "two layers"],
)
def test_a_layers_error_by_step_is_that_of_the_output_that_shows_it(choices: Any) -> None:
    """The output's figures come from whole arrays in the order of time, the layer's from ticks."""
    model = recurrent(**choices)
    found = measured(model, random_inputs(model, 4, model.steps or 18))
    (output,) = found.outputs
    shown = next(v for v in found.layers[-1].values if v.name.endswith(".h"))
    assert shown.error.by_step == output.error.by_step
    assert shown.error.max_abs == output.error.max_abs
    assert shown.error.drift == pytest.approx(output.error.drift)
    assert len(shown.error.by_step) > 6


def test_a_strided_layer_has_the_figures_of_its_own_steps() -> None:
    model = recurrent(front=("strided_conv",))
    found = measured(model, random_inputs(model, 4, 18))
    conv, lstm = found.layers[0], found.layers[-1]
    assert len(conv.values) == 1
    assert max(conv.values[0].error.by_step) == 8
    assert lstm.values[0].error.numbers == 4 * 9 * 5


def test_steps_are_counted_on_over_the_calls_of_a_stream() -> None:
    model = recurrent(steps=None)
    inputs = random_inputs(model, 3, 24)
    whole = measured(model, inputs)
    calls = Feed({name: a.reshape(3, 6, 4, a.shape[-1]) for name, a in inputs.items()})
    cut = measured(model, inputs, calls)
    assert (cut.samples, cut.steps) == (18, 4)
    assert state_of(cut, "h").error == state_of(whole, "h").error
    assert cut.outputs[0].error == whole.outputs[0].error


@pytest.mark.parametrize("seed", SEEDS)
def test_every_value_that_is_compared_means_the_same_in_both_programs(seed: int) -> None:
    """A wrong name or scale would leave hardly any signal above the noise."""
    front = [("conv",), ("strided_max_pool",), ("dense", "relu"), ()][seed % 4]
    model = random_model(seed, weights="normal", front=front, steps=12, also=())
    found = measured(model, random_inputs(model, 8))
    figures = [v.error for layer in found.layers for v in layer.values]
    assert figures
    assert all(e.sqnr_db is None or e.sqnr_db > 15.0 for e in figures)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_an_integer_value_stands_for_is_there_in_both_programs(seed: int) -> None:
    model = random_model(seed)
    program, reference = quantized(model, random_inputs(model, 4)), lower_real(model)
    assert program.stands_for
    for ours, real in program.stands_for.items():
        assert program.values[ours].length == reference.values[real].length
    for state in program.states:
        if not state.accumulator:
            assert state.name in program.stands_for
            assert state.next in program.stands_for
    assert from_bytes(to_bytes(program)).stands_for == program.stands_for


def test_sums_of_products_stand_for_nothing_before_they_are_requantized() -> None:
    """No format says what they mean: the layer's result stands for the float sum."""
    model = recurrent(read="flat", steps=6)
    inputs = random_inputs(model, 8)
    program, reference = quantized(model, inputs), lower_real(model)
    ops = [op for block in program.blocks for op in block.ops]
    sums = {op.dest for op in ops if OPERATIONS[op.kind].multiplies}
    assert any(op.kind == "matvec_over_time" for op in ops)
    assert not sums & program.stands_for.keys()
    found = measure(program, reference, Feed.of_samples(inputs)).accuracy
    (flat,) = found.layers[-1].values
    assert flat.name.endswith(".sum_next")
    assert flat.error.max_abs == found.outputs[0].error.max_abs


def test_narrow_formats_cost_more_in_every_layer() -> None:
    model = recurrent(hidden=(4, 5))
    inputs = random_inputs(model, 8)
    reference, feed = lower_real(model), Feed.of_samples(inputs)
    coarse, fine = (
        measure(quantized(model, inputs, Options(bits, 32, bits)), reference, feed).accuracy
        for bits in (8, 16)
    )
    for one, other in zip(coarse.layers, fine.layers, strict=True):
        assert one.name == other.name
        for a, b in zip(one.values, other.values, strict=True):
            assert a.error.rms is not None
            assert b.error.rms is not None
            assert a.error.rms > b.error.rms
