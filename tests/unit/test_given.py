"""Data as people have them: which array is which input, with which axes, in which streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_edge.data import load_data
from lstm_edge.errors import DataError
from lstm_edge.frontend import load
from lstm_edge.interpret import batches
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.interpret.given import answers, feeds_of, given, together
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate, chained
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.graphs import saved
from tests.oracle.state_graphs import N, T, single
from tests.support.command import DIGITS, FIXTURES, save
from tests.support.programs import Array

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 1, 7, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def series() -> Program:
    """x [1, any, 3]; y [1, any, 5] and the last h and c."""
    return lower_real(load(FIXTURES / "lstm_open.legacy.onnx"))


@pytest.fixture(scope="module")
def one_step() -> Program:
    """x [1, 1, 3]; y [1, 1, 5]: a step a call."""
    return lower_real(load(FIXTURES / "one_step.legacy.onnx"))


@pytest.fixture(scope="module")
def digits() -> Program:
    """rows [1, 8, 8]; logits [1, 10]."""
    return lower_real(load(DIGITS / "digits.onnx"))


def outputs(program: Program, data: Any, **options: bool) -> dict[str, Array]:
    found = given(program, data)
    return answers(program, found, lambda feed: run_numpy(program, feed), **options)


def test_an_array_without_the_batch_axis_is_the_one_with_it(series: Program) -> None:
    full, bare = outputs(series, {"x": X}), outputs(series, {"x": X[:, 0]})
    assert full["y"].shape == (4, 1, 7, 5)
    assert bare["y"].shape == (4, 7, 5)
    assert np.array_equal(full["y"][:, 0], bare["y"])


def test_calls_of_a_stream_lack_the_axis_as_well(series: Program, one_step: Program) -> None:
    calls = X[:, 0].reshape(2, 2, 7, 3)
    bare = outputs(series, {"x": calls}, stream=True)["y"]
    full = outputs(series, {"x": calls[:, :, None]}, stream=True)["y"]
    assert bare.shape == (2, 2, 7, 5)
    assert np.array_equal(bare, full[:, :, 0])
    steps = outputs(one_step, X[:, 0], stream=True)["y"]
    whole = outputs(one_step, X[:, 0].reshape(4, 7, 1, 1, 3), stream=True)["y"]
    assert np.array_equal(steps.reshape(whole.shape), whole)


def test_one_feature_needs_no_axis(series: Program) -> None:
    port = replace(series.inputs[0], shape=(1, -1, 1))
    one = replace(series, inputs=(port,))
    narrow = feed_of_shapes(one, np.zeros((4, 7)))
    assert narrow == feed_of_shapes(one, np.zeros((4, 7, 1)))
    assert narrow == feed_of_shapes(one, np.zeros((4, 1, 7)))
    assert narrow == [4, 1, 7, 1]


def feed_of_shapes(program: Program, array: Array) -> list[int]:
    from lstm_edge.interpret.shapes import by_name, fitted

    found, _ = fitted(program, by_name(program, {"x": array}), 1)
    return list(found["x"].shape)


def test_an_array_with_two_meanings_is_refused_with_both(series: Program) -> None:
    port = replace(series.inputs[0], shape=(1, -1, 1))
    one = replace(series, inputs=(port,))
    with pytest.raises(DataError, match=r"7 samples of \[1, 1, 1\], or one sample of \[1, 7, 1\]"):
        feed_of_shapes(one, np.zeros((7, 1)))


def test_a_stream_that_was_meant_is_named(one_step: Program) -> None:
    with pytest.raises(DataError, match="with --stream it is 4 streams of 7 calls"):
        feed_of(one_step, {"x": X[:, 0]}, stream=False)


def test_one_array_of_one_input_needs_no_name(series: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "named_wrongly.npz.npy", X)
    files = [save(tmp_path / "a.npz", data=X), tmp_path / "x.npy"]
    wanted = outputs(series, {"x": X})["y"]
    for data in (X, X[:, 0], {"anything": X}, *files):
        assert np.array_equal(outputs(series, data)["y"].reshape(wanted.shape), wanted)
    with pytest.raises(DataError, match="no array 'x' for the model's input; the file has a, b"):
        outputs(series, {"a": X, "b": X})


def test_the_name_in_the_models_file_is_taken_too(series: Program) -> None:
    renamed = lower_real(load(FIXTURES / "lstm_open.legacy.onnx", rename={"x": "audio"}))
    other = np.zeros(3)
    for name in ("x", "audio"):
        assert outputs(renamed, {name: X, "other": other})["y"].shape == (4, 1, 7, 5)
    with pytest.raises(DataError, match="'x' is the same as 'audio'"):
        outputs(renamed, {"audio": X, "x": X})


LENGTHS = (3, 9, 9, 2, 7, 8)
RECORDINGS = [RNG.normal(size=(t, 3)).astype(np.float32) for t in LENGTHS]


def test_each_recording_starts_anew_and_is_not_padded(series: Program, tmp_path: Path) -> None:
    path = save(tmp_path / "r.npz", **{f"x__{k}": a for k, a in enumerate(RECORDINGS)})
    for data in (RECORDINGS, {"x": RECORDINGS}, path, [{"x": a} for a in RECORDINGS]):
        found = outputs(series, data)
        assert {f"y__{k}" for k in range(6)} <= found.keys()
        for k, recording in enumerate(RECORDINGS):
            alone = outputs(series, recording[None])["y"][0]
            assert found[f"y__{k}"].shape == (LENGTHS[k], 5)
            assert np.array_equal(found[f"y__{k}"], alone)


def test_a_recording_of_single_steps_is_a_stream(one_step: Program) -> None:
    found = outputs(one_step, RECORDINGS)
    for k, recording in enumerate(RECORDINGS):
        stream = outputs(one_step, recording[None], stream=True)["y"][0]
        assert np.array_equal(found[f"y__{k}"], stream)


@pytest.mark.parametrize("which", ["series", "one_step"])
def test_calibration_sees_all_of_each_recording_and_nothing_else(
    which: str, request: pytest.FixtureRequest
) -> None:
    """The ranges are the extremes over recordings that are run one by one."""
    program: Program = request.getfixturevalue(which)
    data = load_data(RECORDINGS, program)
    assert [feed.shape[1] * feed.shape[2] for feed in data.recordings] == [3, 9, 9, 2, 8]
    assert sorted(data.raw_held_back) == ["x__0"]
    assert data.held.tolist() == [4]
    ranges = calibrate(program, data.calibration, from_data=True, recordings=data.recordings)
    single = [
        calibrate(program, feeds_of(program, given(program, [a]))[0], from_data=True)
        for k, a in enumerate(RECORDINGS)
        if k != 4
    ]
    for name, low in ranges.low.items():
        assert np.array_equal(low, np.min([each.low[name] for each in single], axis=0)), name
        assert np.array_equal(
            ranges.high[name], np.max([each.high[name] for each in single], axis=0)
        )


def test_recordings_are_cut_to_most_numbers_without_padding(series: Program) -> None:
    cut = together(series, feeds_of(series, given(series, RECORDINGS)))
    assert cut.shape == (4, 1, 7)
    kept = [a[:7] for a in RECORDINGS if len(a) >= 7]
    assert np.array_equal(cut.inputs["x"][:, 0], np.stack(kept))


def test_a_list_of_batches_is_no_list_of_recordings(digits: Program, series: Program) -> None:
    rows = RNG.normal(size=(6, 8, 8)).astype(np.float32)
    with pytest.raises(DataError, match=r"item 1 of the list holds 2 samples, .*numpy.concat"):
        given(digits, [rows[0], rows[1:3]])
    assert len(given(digits, [rows[0], rows[1]]).recordings) == 2
    assert len(given(series, [X[:2], X[2:]]).recordings) == 2
    both = given(digits, {"rows__0": rows[:2], "rows__1": rows[2:]})
    assert len(both.recordings) == 2


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["x__0", "x__2"], r"numbered \[0, 2\], expected 0 to 1"),
        (["x", "x__0"], "give samples or recordings, not both"),
    ],
)
def test_recordings_that_are_not_clear_are_refused(
    names: list[str], says: str, series: Program, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=says):
        given(series, save(tmp_path / "x.npz", **dict.fromkeys(names, RECORDINGS[0])))


class Tensor:
    """What a tensor of PyTorch is to a reader: numbers behind three methods."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.detached = False

    def detach(self) -> Tensor:
        self.detached = True
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> Array:
        assert self.detached, "a tensor that requires a gradient gives no array"
        return self.array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        raise RuntimeError("requires grad")


@pytest.mark.parametrize("form", ["array", "pair", "dict", "tensor"])
def test_batches_of_a_loader_are_samples(form: str, series: Program) -> None:
    forms = {
        "array": lambda a: a,
        "pair": lambda a: (a, np.zeros(len(a))),
        "dict": lambda a: {"x": a},
        "tensor": lambda a: [Tensor(a), Tensor(np.zeros(len(a)))],
    }
    found = given(series, (forms[form](X[k : k + 2]) for k in (0, 2)))
    assert np.array_equal(found.arrays["x"], X)
    assert found.notes == ()


def test_reading_stops_at_the_limit_and_says_so(
    series: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LARGEST_GIVEN", 3 * X.nbytes)
    taken = 0

    def endless() -> Iterator[Array]:
        nonlocal taken
        while True:
            taken += 1
            yield X

    found = given(series, endless())
    assert taken == 4
    assert len(found.arrays["x"]) == 12
    assert "12 samples" in found.notes[0]
    assert found.notes[0] in load_data(endless(), series).notes


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ((X, X), "a tuple of 2 was given"),
        (3, "int was given"),
        (iter([]), "no batch was given"),
        (iter([X, X[:, :, :3]]), "give a list of recordings"),
        (np.array(["a"]), "an array of <U1 was given"),
        ([X[0, 0], X[0, 0, :, :2]], "recording 1: array 'x' is"),
    ],
)
def test_what_is_no_data_is_refused(data: Any, says: str, series: Program) -> None:
    with pytest.raises(DataError, match=says):
        feeds_of(series, given(series, data))


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((8, 7, 3)), "is 0 throughout"),
        (np.full((8, 7, 3), 2.5), "is 2.5 throughout"),
        (np.tile(X[:1, 0], (8, 1, 1)), "has 8 samples that are all the same"),
        ([RECORDINGS[0]] * 3, "has 3 recordings that are all the same"),
    ],
)
def test_data_that_say_nothing_are_warned_about_with_what_helps(
    array: Any, says: str, series: Program
) -> None:
    notes = load_data(array, series).notes
    assert len(notes) == 1
    assert says in notes[0]
    assert "record typical data" in notes[0]


def test_data_that_differ_are_not_warned_about(series: Program) -> None:
    assert load_data(RNG.normal(size=(8, 7, 3)), series).notes == ()
    many = [RNG.normal(size=(t, 3)) for t in LENGTHS * 2]
    assert load_data(many, series).notes == ()
    assert load_data(None, series).notes == ()


@pytest.mark.parametrize("size", [1e-40, 1e-37])
def test_numbers_too_small_for_a_scale_are_refused(size: float, series: Program) -> None:
    tiny = X * np.array([1.0, size, 0.0])
    with pytest.raises(DataError, match="in feature 1, too small for float32 to scale"):
        load_data(tiny, series)
    with pytest.raises(DataError, match="in feature 1, too small for float32 to scale"):
        load_data([a[0] for a in tiny], series)


def test_recordings_of_a_model_that_is_fed_its_states_are_not_chained(tmp_path: Path) -> None:
    """Samples are calls of a stream there; one recording does not go on where another ends."""
    program = lower_real(load(saved(single("LSTM").model, tmp_path)))
    shape = (T, 1, N)
    samples = feed_of(program, {"x": RNG.normal(size=(6, *shape))}, stream=False)
    assert chained(program, samples).shape == (1, 6, T)
    recordings = feeds_of(program, given(program, [RNG.normal(size=(1, *shape))] * 6))
    assert chained(program, together(program, recordings)).shape == (6, 1, T)
    data = load_data([RNG.normal(size=(k, *shape)) for k in (2, 3, 3)], program)
    assert data.held.tolist() == [2]
    assert [feed.shape for feed in data.recordings] == [(1, 2, T), (1, 3, T)]
