"""From the command line: names, shapes and recordings, through compile, run and verify."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.support.command import DIGITS, FIXTURES, done, load, refused, save

OPEN = FIXTURES / "lstm_open.legacy.onnx"
RNG = np.random.default_rng(4)
RECORDINGS = {
    f"x__{k}": RNG.normal(size=(t, 3)).astype(np.float32) for k, t in enumerate((9, 4, 9, 6, 5, 7))
}


@pytest.fixture(autouse=True)
def _tools(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibrated on recordings, with names of its own."""
    folder = tmp_path_factory.mktemp("renamed")
    data = save(folder / "recordings.npz", **RECORDINGS)
    words = ("--rename", "input0=audio", "--rename", "output0=level", "--calibration", data)
    done("compile", OPEN, "--target", "host", *words, "-o", folder / "bundle")
    return folder / "bundle"


def test_new_names_are_in_the_c_and_the_files_names_in_the_manifest(renamed: Path) -> None:
    manifest = json.loads((renamed / "manifest.json").read_text())
    assert [(p["name"], p["file_name"]) for p in manifest["inputs"]] == [("audio", "x")]
    assert next((p["name"], p["file_name"]) for p in manifest["outputs"]) == ("level", "84")
    header = next(renamed.glob("*.h")).read_text()
    assert "_quantize_audio(" in header
    assert "_dequantize_level(" in header


def test_recordings_go_through_run_and_verify(renamed: Path, tmp_path: Path) -> None:
    data = save(tmp_path / "x.npz", **RECORDINGS)
    found = {}
    for where in ("numpy", "host"):
        out = tmp_path / f"{where}.npz"
        done("run", renamed, "--inputs", data, "--on", where, "--raw", "-o", out)
        found[where] = load(out)
    assert found["numpy"].keys() == found["host"].keys()
    for name, array in found["numpy"].items():
        assert np.array_equal(array, found["host"][name]), name
    assert found["host"]["level__3"].shape == (6, 5)
    for words in ([], ["--inputs", data]):
        verified = json.loads(done("verify", renamed, *words, "--on", "host", "--json").stdout)
        assert verified["exact"] == {"host": True}


def test_labels_of_recordings_are_refused_with_what_to_give(renamed: Path, tmp_path: Path) -> None:
    data = save(tmp_path / "x.npz", **RECORDINGS)
    labels = save(tmp_path / "y.npz", level=np.zeros(6, np.int64))
    words = ("--inputs", data, "--labels", labels, "--on", "host")
    assert "give samples [N, ...]" in refused(1, "verify", renamed, *words)


def test_an_npy_file_and_axes_that_are_missing_run_in_kind(tmp_path: Path) -> None:
    done("compile", DIGITS / "digits.onnx", "--target", "host", "-o", tmp_path / "bundle")
    rows = load(DIGITS / "test.npz")["rows"][:8]
    np.save(tmp_path / "rows.npy", rows[:, 0])
    full = save(tmp_path / "rows.npz", rows=rows)
    found = []
    for data in (full, tmp_path / "rows.npy"):
        done("run", tmp_path / "bundle", "--inputs", data, "--on", "host", "-o", tmp_path / "y.npz")
        found.append(load(tmp_path / "y.npz")["logits"])
    assert found[0].shape == (8, 1, 10)
    assert found[1].shape == (8, 10)
    assert np.array_equal(found[0][:, 0], found[1])
    labels = save(tmp_path / "l.npz", classes=np.arange(8))
    words = ("--inputs", tmp_path / "rows.npy", "--labels", labels, "--on", "host", "--json")
    assert json.loads(done("verify", tmp_path / "bundle", *words).stdout)["exact"]["host"]


@pytest.mark.parametrize("words", ["x", "=x", "x="])
def test_a_rename_has_two_names(words: str) -> None:
    refusal = refused_usage("compile", OPEN, "--target", "host", "--rename", words)
    assert "expected OLD=NEW" in refusal


def refused_usage(*words: object) -> str:
    from tests.support.command import call

    result = call(*words)
    assert result.exit_code == 2
    return result.stderr


def test_calibration_of_zeros_is_warned_about(tmp_path: Path) -> None:
    data = save(tmp_path / "x.npz", x=np.zeros((10, 7, 3), np.float32))
    result = done("compile", OPEN, "--target", "host", "--calibration", data, "-o", tmp_path / "b")
    assert "input x is 0 throughout" in result.stderr


def test_features_that_never_change_are_warned_about(tmp_path: Path) -> None:
    numbers = np.random.default_rng(1).normal(size=(20, 7, 3)).astype(np.float32)
    numbers[..., 1] = 4.0
    data = save(tmp_path / "x.npz", x=numbers)
    words = ("--calibration", data, "--target", "host", "-o", tmp_path / "b")
    (line,) = (text for text in done("compile", OPEN, *words).stderr.splitlines() if " x " in text)
    assert "input x never changes in 1 of 3 features" in line
    assert ": 1 (4) from " in line
    assert "never changes" not in done("compile", OPEN, *words, "--scheme", "float32").stderr


def test_symbols_that_never_come_are_told(tmp_path: Path) -> None:
    ids = np.random.default_rng(1).integers(0, 2, (20, 7))
    data = save(tmp_path / "x.npz", x=np.eye(3, dtype=np.float32)[ids])
    words = ("--calibration", data, "--target", "host", "-o", tmp_path / "b")
    result = done("compile", OPEN, *words)
    assert "never changes" not in result.stderr
    assert "input  x: 1 of 3 symbols (one-hot) never seen" in " ".join(result.stdout.split(" "))
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    expected = {"input": "x", "kind": "one-hot", "first": 0, "symbols": 3, "never_seen": 1}
    assert manifest["symbols"] == [expected]
    assert "never seen" not in done("compile", OPEN, *words, "--scheme", "float32").stdout
    done("compile", OPEN, "--target", "host", "-o", tmp_path / "b")
    assert "symbols" not in json.loads((tmp_path / "b" / "manifest.json").read_text())


def test_a_state_that_was_baked_into_a_file_of_one_step_is_warned_about(tmp_path: Path) -> None:
    model = onnx.load(FIXTURES / "learned_state.legacy.onnx")
    assert "starts from numbers" not in done("inspect", FIXTURES / "one_step.legacy.onnx").stderr
    path = tmp_path / "baked.onnx"
    onnx.save(baked(onnx.load(FIXTURES / "one_step.legacy.onnx")), path)
    assert "starts from numbers in the file that are not 0" in done("inspect", path).stderr
    assert model.graph.node
    assert "starts from" not in done("inspect", FIXTURES / "learned_state.legacy.onnx").stderr


def baked(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with first states of its LSTM that are constants, as TorchScript keeps a buffer."""
    layer = next(node for node in model.graph.node if node.op_type == "LSTM")
    hidden = next(a.i for a in layer.attribute if a.name == "hidden_size")
    state = numpy_helper.from_array(np.full((1, 1, hidden), 0.25, np.float32), "baked")
    model.graph.initializer.append(state)
    names = [*layer.input, *[""] * (7 - len(layer.input))]
    names[5:7] = ["baked", "baked"]
    del layer.input[:]
    layer.input.extend(names)
    return model
