"""Warnings name where an error arises and what helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_edge.accuracy.advice import advice
from lstm_edge.accuracy.measure import measure
from lstm_edge.accuracy.results import (
    Accuracy,
    InputAccuracy,
    LayerAccuracy,
    OutputAccuracy,
    ValueAccuracy,
)
from lstm_edge.accuracy.tally import Error, Used
from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.program import Program, Settings
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized

NARROW = Program("net", "int8", (), (), (), {}, {}, (), None, settings=Settings(activations=12))


def error(sqnr: float, **figures: Any) -> Error:
    noise = 10.0 ** (-sqnr / 20.0)
    plain = Error(3.0 * noise, noise, 1.0, sqnr, {0: noise}, None, None, 100)
    return replace(plain, **figures)


def layer(name: str, sqnr: float, reads: str, scale: float = 1e-9, **figures: Any) -> LayerAccuracy:
    value = ValueAccuracy(f"{name}.y", "-", scale, error(sqnr, **figures), Used((1,), 0))
    return LayerAccuracy(name, (value,), {}, {}, (reads,))


def found(*layers: LayerAccuracy, x: float = 60.0) -> Accuracy:
    """A chain of layers behind the input x; the last one is the output y."""
    fed = InputAccuracy("x", 100, 0, 0, 0, 0.0, -1.0, 1.0, error(x))
    last = layers[-1]
    output = OutputAccuracy("y", last.name, last.values[0].error, 1.0, None, 0, True)
    return Accuracy(4, 25, (fed,), layers, (output,), {})


def warned(accuracy: Accuracy, program: Program = NARROW, **options: Any) -> str:
    """The only warning."""
    (text,) = advice(accuracy, program, **{"calibrated": True, **options})
    return text


def test_an_output_of_28_db_or_more_is_not_warned_about() -> None:
    assert advice(found(layer("a", 28.0, "input x")), NARROW, calibrated=True) == ()
    assert "27.9 dB, below 28 dB" in warned(found(layer("a", 27.9, "input x")))


@pytest.mark.parametrize("worst", ["a", "b", "c"])
def test_the_layer_that_adds_most_of_the_noise_is_named(worst: str) -> None:
    good = {"a": 50.0, "b": 45.0, "c": 40.0}
    low = {name: 20.0 if name >= worst else good[name] for name in good}
    layers = [
        layer(name, low[name], reads) for name, reads in (("a", "input x"), ("b", "a"), ("c", "b"))
    ]
    text = warned(found(*layers))
    assert text.startswith("output y: SQNR 20.0 dB")
    before = {"a": "60.0", "b": "50.0", "c": "45.0"}[worst]
    assert f"arises in layer {worst} ({before} dB before it, 20.0 dB after)" in text


def test_an_input_that_is_rounded_too_much_is_named() -> None:
    assert "arises in input x (exact before it, 25.0 dB after)" in warned(
        found(layer("a", 24.0, "input x"), x=25.0)
    )


def test_no_width_is_named_that_was_not_tried() -> None:
    rounding = 10.0 ** (-20.0 / 20.0) * np.sqrt(12.0)
    for program in (NARROW, replace(NARROW, settings=Settings(activations=12, weights=4))):
        text = warned(found(layer("a", 20.0, "input x", rounding)), program)
        assert text.endswith("arises in layer a (60.0 dB before it, 20.0 dB after)")


def test_without_calibration_data_the_remedy_is_to_give_some() -> None:
    text = warned(found(layer("a", 20.0, "input x")), calibrated=False)
    assert "--calibration FILE.npz" in text


def test_a_drift_names_the_layer() -> None:
    drifting = layer("a", 29.0, "input x", drift=5.0, sqnr_drop=14.0)
    text = warned(found(drifting))
    assert text.startswith("layer a: the error of a.y drifts, it is 5.0 times as large")
    growing = layer("a", 29.0, "input x", drift=5.0, sqnr_drop=1.0)
    assert advice(found(growing), NARROW, calibrated=True) == ()


def test_float_programs_are_never_warned_about() -> None:
    real = replace(NARROW, scheme="float32")
    assert advice(found(layer("a", 3.0, "input x")), real, calibrated=True) == ()


def narrow(factor: float) -> tuple[str, ...]:
    """The advice for a model that was calibrated on inputs `factor` times too small."""
    model = random_model(
        5,
        cell="rnn",
        hidden=(6,),
        direction="forward",
        front=("dense", "relu"),
        read="steps",
        head=("dense",),
        also=(),
        norm="",
        cut=(),
        weights="normal",
        steps=12,
        initial=False,
    )
    inputs = random_inputs(model, 8)
    small = {name: (a * factor).astype(np.float32) for name, a in inputs.items()}
    program = quantized(model, small, Options(8, 32))
    accuracy = measure(program, lower_real(model), Feed.of_samples(inputs)).accuracy
    return advice(accuracy, program, calibrated=True)


def test_a_calibration_that_is_too_narrow_is_named_by_its_input() -> None:
    texts = narrow(0.05)
    assert texts[0].startswith("input x: ")
    assert "beyond the stored range" in texts[0]
    assert "calibrate with data that covers" in texts[0]
    assert any("input x saturates" in text for text in texts if text.startswith("output "))
    assert not any("beyond" in text for text in narrow(1.0))


def test_few_numbers_a_little_beyond_are_left_out_where_asked() -> None:
    fed = InputAccuracy("x", 10_000, 2, 2, 3, 1.05, -1.0, 1.0, error(60.0))
    accuracy = replace(found(layer("a", 40.0, "input x")), inputs=(fed,))
    assert "feature 3" in warned(accuracy)
    assert advice(accuracy, NARROW, calibrated=True, only_noticeable=True) == ()
    for far in (replace(fed, farthest=1.3), replace(fed, beyond=20)):
        noticed = replace(accuracy, inputs=(far,))
        assert advice(noticed, NARROW, calibrated=True, only_noticeable=True) != ()


def test_a_layer_that_saturates_is_named_with_what_and_how_often() -> None:
    clipped = replace(layer("a", 40.0, "input x"), saturations={"a.c": 12}, numbers={"a.c": 400})
    text = warned(found(clipped))
    assert text.startswith("layer a: 12 of 400 numbers (3 %) of a.c saturate: calibrate")
