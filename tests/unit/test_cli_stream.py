"""From the command line: errors of a model that streams, and `verify --stream`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_edge
from lstm_edge.labels import Score
from tests.oracle.graphs import saved
from tests.oracle.state_graphs import N, T, single
from tests.support.command import DIGITS, FIXTURES, done, load, refused, save
from tests.support.programs import Array, sqnr_db

ONE_STEP = FIXTURES / "one_step.legacy.onnx"
RNG = np.random.default_rng(7)
FRAMES = np.cumsum(RNG.normal(size=(400, 1, 3)), axis=0).astype(np.float32) % 4.0 - 2.0
STREAMS = FRAMES[:60].reshape(3, 20, 1, 1, 3)


@pytest.fixture(autouse=True)
def _tools(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


@pytest.fixture(scope="module")
def one_step(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A step a call; calibrated on frames in a row, of which the last 80 are held back."""
    folder = tmp_path_factory.mktemp("one_step")
    data = save(folder / "c.npz", x=FRAMES)
    done("compile", ONE_STEP, "--target", "host", "--calibration", data, "-o", folder / "bundle")
    return folder / "bundle"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / "bundle"
    model, data = DIGITS / "digits.onnx", DIGITS / "calibration.npz"
    done("compile", model, "--target", "host", "--calibration", data, "-o", folder)
    return folder


def verified(bundle: Path, *words: object) -> Any:
    return json.loads(done("verify", bundle, "--on", "host", "--json", *words).stdout)


def streamed(bundle: Path, folder: Path, array: Array) -> dict[str, dict[str, Array]]:
    """What `run --stream` gives in float and in integers."""
    inputs, found = save(folder / "streamed.npz", x=array), {}
    for where in ("float", "numpy"):
        out = folder / f"{where}.npz"
        done("run", bundle, "--inputs", inputs, "--stream", "--on", where, "-o", out)
        found[where] = load(out)
    return found


@pytest.mark.all_cases
def test_compile_tells_the_error_of_a_whole_stream(one_step: Path, tmp_path: Path) -> None:
    """As `run --stream` gives it, and as `verify` tells it; single steps have another."""
    manifest = json.loads((one_step / "manifest.json").read_text())
    told = manifest["accuracy"]
    assert (told["samples"], told["steps"], told["streams"]) == (80, 1, 1)
    found = streamed(one_step, tmp_path, FRAMES[320:].reshape(1, 80, 1, 1, 3))
    wanted = sqnr_db(found["float"]["y"], found["numpy"]["y"])
    assert told["outputs"]["y"]["sqnr_db"] == pytest.approx(wanted, abs=0.01)
    report = (one_step / "report.txt").read_text()
    assert report.startswith("one_step_legacy, 1 held-back stream of 80 steps\n")
    text = done("verify", one_step, "--on", "host").stdout
    assert text.startswith("one_step_legacy for host, 1 held-back stream of 80 steps\n")
    assert verified(one_step)["outputs"]["y"]["sqnr_db"] == told["outputs"]["y"]["sqnr_db"]
    singly = verified(one_step, "--inputs", save(tmp_path / "x.npz", x=FRAMES[320:]))
    assert abs(singly["outputs"]["y"]["sqnr_db"] - wanted) > 0.1


def test_recordings_are_told_as_streams(tmp_path: Path) -> None:
    parts = {f"x__{k}": RNG.normal(size=(30, 3)).astype(np.float32) for k in range(10)}
    data = save(tmp_path / "c.npz", **parts)
    model = FIXTURES / "lstm_open.legacy.onnx"
    words = ("--target", "host", "--calibration", data, "-o", tmp_path / "out")
    assert " on 2 held-back streams of 30 steps" in " ".join(
        done("compile", model, *words).stdout.split()
    )


@pytest.mark.parametrize("shape", [(3, 20, 1, 1, 3), (3, 20, 1, 3), (3, 20, 3)])
def test_verify_takes_streams_as_run_does(
    shape: tuple[int, ...], one_step: Path, tmp_path: Path
) -> None:
    inputs = save(tmp_path / "x.npz", x=STREAMS.reshape(shape))
    found = verified(one_step, "--inputs", inputs, "--stream")
    assert (found["samples"], found["steps"], found["streams"]) == (60, 1, 3)
    assert found["warnings"] == []
    real = streamed(one_step, tmp_path, STREAMS)
    for output, figures in found["outputs"].items():
        wanted = sqnr_db(real["float"][output], real["numpy"][output])
        assert figures["sqnr_db"] == pytest.approx(wanted, abs=0.01)
    text = done("verify", one_step, "--on", "host", "--inputs", inputs, "--stream").stdout
    assert text.startswith("one_step_legacy for host, 3 streams of 20 steps\n")


@pytest.mark.parametrize("shape", [(60, 1, 1, 3), (60, 1, 3), (60, 3)])
def test_samples_in_a_row_are_one_stream(
    shape: tuple[int, ...], one_step: Path, tmp_path: Path
) -> None:
    row = save(tmp_path / "row.npz", x=STREAMS.reshape(shape))
    one = save(tmp_path / "one.npz", x=STREAMS.reshape(1, 60, 1, 1, 3))
    found, wanted = (verified(one_step, "--inputs", x, "--stream") for x in (row, one))
    assert found["streams"] == 1
    assert found == wanted


def test_a_state_that_is_reset_before_each_call_is_warned_about(
    one_step: Path, digits: Path, tmp_path: Path
) -> None:
    inputs = save(tmp_path / "x.npz", x=FRAMES[:60])
    (warning,) = verified(one_step, "--inputs", inputs)["warnings"]
    assert warning.startswith("each of the 60 samples began at the reset state")
    assert "give --stream" in warning
    assert verified(one_step, "--inputs", inputs, "--stream")["warnings"] == []
    assert verified(one_step)["warnings"] == []
    assert verified(digits, "--inputs", DIGITS / "test.npz")["warnings"] == []


def test_labels_are_scored_over_a_stream(one_step: Path, tmp_path: Path) -> None:
    """Labels that float gives over streams: all right there, and wrong where calls begin anew."""
    real = streamed(one_step, tmp_path, STREAMS)["float"]["y"]
    best = real.reshape(3, 20, -1).argmax(axis=-1)
    for labels in (best, best.reshape(60), best.reshape(3, 20, 1)):
        path = save(tmp_path / "l.npz", x=STREAMS, label__y=labels)
        score = verified(one_step, "--labels", path, "--stream")["labels"]["y"]
        assert score["float_percent"] == 100.0
    path = save(tmp_path / "l.npz", x=STREAMS.reshape(60, 1, 3), y=best.reshape(60))
    assert verified(one_step, "--labels", path)["labels"]["y"]["float_percent"] < 100.0
    path = save(tmp_path / "r.npz", x=STREAMS, y=real)
    score = verified(one_step, "--labels", path, "--stream")["labels"]["y"]
    assert (score["kind"], score["float_percent"]) == ("r2", pytest.approx(100.0))
    wrong = (best + 1) % real.shape[-1]
    score = lstm_edge.open(one_step).score(STREAMS, {"y": wrong}, stream=True)
    assert isinstance(score, Score)
    assert score.float_percent == 0.0
    short = save(tmp_path / "s.npz", x=STREAMS, y=best[:, :5])
    assert "of 3 samples" in refused(1, "verify", one_step, "--labels", short, "--stream")


def test_a_regression_score_says_that_its_unit_is_the_outputs(
    one_step: Path, tmp_path: Path
) -> None:
    real = streamed(one_step, tmp_path, STREAMS)["float"]["y"]
    path = save(tmp_path / "l.npz", x=STREAMS, y=real)
    words = ("verify", one_step, "--on", "host", "--labels", path, "--stream")
    assert " in the output's own unit" in " ".join(done(*words).stdout.split())


def test_streams_that_are_none_are_refused(one_step: Path, digits: Path, tmp_path: Path) -> None:
    bad = save(tmp_path / "bad.npz", x=np.zeros((2, 3, 4, 5, 6, 7), np.float32))
    line = refused(1, "verify", one_step, "--inputs", bad, "--stream")
    assert "array 'x' is [2, 3, 4, 5, 6, 7], expected [streams, calls, 1, 3]" in line
    assert "samples in a row" in line
    line = refused(1, "verify", digits, "--stream")
    assert "the held-back samples do not follow each other" in line
    assert verified(one_step, "--stream") == verified(one_step)


@pytest.mark.all_cases
def test_a_first_state_is_that_of_each_stream(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    path = saved(single("LSTM").model, tmp_path)
    data = save(tmp_path / "c.npz", x=rng.normal(size=(64, T, 1, N)))
    bundle = tmp_path / "bundle"
    done("compile", path, "--target", "host", "--calibration", data, "-o", bundle)
    ports = json.loads((bundle / "manifest.json").read_text())["state_inputs"]
    x = rng.normal(size=(12, T, 1, N))
    first = {f"init__{p['name']}": rng.uniform(-0.9, 0.9, (1, *p["shape"])) for p in ports}
    zero = verified(bundle, "--stream", "--inputs", save(tmp_path / "x.npz", x=x))
    given = verified(bundle, "--stream", "--inputs", save(tmp_path / "y.npz", x=x, **first))
    assert given["streams"] == zero["streams"] == 1
    assert given["outputs"] != zero["outputs"]
    arrays, out = {"x": x[None], **first}, tmp_path / "y.npz"
    inputs = save(tmp_path / "z.npz", **arrays)
    done("run", bundle, "--inputs", inputs, "--stream", "--on", "float", "-o", out)
    name = json.loads((bundle / "manifest.json").read_text())["outputs"][0]["name"]
    labels = save(tmp_path / "l.npz", **arrays, **{f"label__{name}": load(out)[name]})
    score = verified(bundle, "--stream", "--labels", labels)["labels"][name]
    assert score["float_percent"] == pytest.approx(100.0, abs=1e-6)
