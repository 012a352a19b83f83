"""Long streams in segments: each goes on where the float program was."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.interpret.feed import Feed, run_numpy, stored_feed
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes import calibrate as calibrating
from lstm_edge.passes import segments
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.quantize import quantize
from lstm_edge.passes.real_run import RealRun
from lstm_edge.passes.segments import in_segments, segments_of
from tests.support.choices import PLAIN
from tests.support.models import random_model
from tests.support.programs import Array, sqnr_db

SEGMENT, REST = 32, 7


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT", SEGMENT)


def model_of(**choices: object) -> Model:
    plain = {
        **PLAIN,
        "cut": (),
        "also": (),
        "head": ("dense",),
        "norm": "",
        "layout": "batch_first",
    }
    return random_model(
        982, **{**plain, "head": ("dense",), **choices}, hidden=(6, 5), features=4, classes=3
    )


def stream(streams: int = 1, count: int = 8) -> Feed:
    steps = count * SEGMENT + REST
    noise = np.random.default_rng(2).normal(size=(streams, 1, steps, 4))
    return Feed({"x": np.cumsum(noise, axis=2).astype(np.float32) * 0.1})


def outputs(program: Program, feed: Feed) -> Array:
    return np.asarray(run_numpy(program, feed).outputs["y"])


@pytest.mark.parametrize("cell", ["plain", "gru", "projected"])
@pytest.mark.parametrize("streams", [1, 3])
def test_segments_give_what_the_whole_stream_gives(cell: str, streams: int) -> None:
    program, whole = lower_real(model_of(cell=cell)), stream(streams)
    cut = in_segments(program, whole)
    assert cut.shape == (8 * streams, 1, SEGMENT)
    wanted = outputs(program, whole)[:, :, : 8 * SEGMENT].reshape(8 * streams, 1, SEGMENT, -1)
    np.testing.assert_allclose(outputs(program, cut), wanted, atol=2e-6)
    forgetful = Feed(cut.inputs)
    assert not np.allclose(outputs(program, forgetful), wanted, atol=1e-3)


@pytest.mark.parametrize("streams", [1, 3])
def test_calibration_sees_the_states_where_segments_begin(
    monkeypatch: pytest.MonkeyPatch, streams: int
) -> None:
    """Of few streams at once, however long they are."""
    monkeypatch.setattr(calibrating, "CHUNK_VALUES", 1)
    program, whole = lower_real(model_of()), stream(streams)
    ranges = calibrate(program, whole, from_data=True)
    assert ranges.passed is not None
    again = in_segments(program, whole)
    known = in_segments(program, whole, ranges.passed)
    assert known.states.keys() == again.states.keys() != set()
    for name, states in known.states.items():
        np.testing.assert_array_equal(states, again.states[name])


@pytest.mark.all_cases
def test_a_program_made_of_segments_is_as_near_as_one_made_of_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, whole = model_of(), stream(count=16)
    reference = lower_real(model)
    ranges = calibrate(reference, whole, from_data=True)
    fresh = stream(5, 3)
    wanted = outputs(reference, fresh)

    def decibels() -> float:
        program = quantize(model, ranges, Options(8, 32, 4), RealRun(reference, whole))
        (port,) = program.outputs
        ours = outputs(program, stored_feed(program, fresh)) * port.scale
        return sqnr_db(wanted, ours)

    cut = decibels()
    monkeypatch.setattr(segments, "SEGMENT", 10**9)
    assert cut > decibels() - 1.0


@pytest.mark.parametrize(
    ("choices", "feed"),
    [
        ({}, stream(count=1)),
        ({}, Feed({"x": stream().inputs["x"].reshape(1, -1, 1, 4)})),
        ({"direction": "reverse"}, stream()),
        ({"read": "mean"}, stream()),
        ({"front": ("causal_conv",)}, stream()),
    ],
    ids=["short", "calls", "reverse", "a mean over time", "a window"],
)
def test_what_cannot_be_cut_stays_whole(choices: dict[str, object], feed: Feed) -> None:
    program = lower_real(model_of(**choices))
    assert segments_of(program, feed) == 0
    assert in_segments(program, feed) is feed
