"""Data that tell nothing of the error, or little: no figure then, and what is wrong by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import DIGITS, FIXTURES, done, load, refused, save

MODEL, CALIBRATION = DIGITS / "digits.onnx", DIGITS / "calibration.npz"
ROWS = load(CALIBRATION)["rows"]


@pytest.fixture(autouse=True)
def _tools(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without calibration."""
    folder = tmp_path_factory.mktemp("drawn") / "bundle"
    result = done("compile", MODEL, "--target", "host", "-o", folder)
    assert len(result.stderr.splitlines()) == 1
    assert "dB" not in result.stdout
    assert "  error  not known, no calibration data: give --calibration" in result.stdout
    return folder


def test_nothing_is_told_of_the_error_on_made_up_data(drawn: Path) -> None:
    manifest = json.loads((drawn / "manifest.json").read_text())
    assert "accuracy" not in manifest
    assert "report.txt" not in manifest["files"]
    result = done("verify", drawn, "--on", "host")
    assert "numpy == host: identical, bit for bit" in result.stdout
    assert result.stdout.startswith("digits for host, 12 made-up samples of 8 steps\n")
    assert "error against float not known, no calibration data: give --inputs" in result.stdout
    assert "dB" not in result.stdout
    found = json.loads(done("verify", drawn, "--on", "host", "--json").stdout)
    assert (found["bit_exact"], found["made_up_inputs"]) == (True, True)
    assert found["error_unknown"].startswith("not known, no calibration data")
    assert (found["outputs"], found["layers"], found["warnings"]) == ({}, [], [])


def test_the_error_on_data_of_the_users_is_told(drawn: Path) -> None:
    words = ("verify", drawn, "--on", "host", "--json", "--inputs", DIGITS / "test.npz")
    found = json.loads(done(*words).stdout)
    assert found["error_unknown"] is None
    assert found["outputs"]["logits"]["sqnr_db"] > 20.0


def test_a_report_of_made_up_data_says_no_figure(drawn: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done("report", drawn, "-o", page)
    text = page.read_text()
    assert "Error not known" in text
    assert "12 made-up samples of 8 steps" in text
    assert "Error of each output against float" not in text


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["--max-error", "30"], "--max-error"),
        (["--weights", "auto"], "--weights auto"),
        (["--activations", "auto"], "--activations auto"),
    ],
)
def test_a_bound_of_an_error_that_is_not_known_is_refused(
    words: list[str], option: str, tmp_path: Path
) -> None:
    base = ("compile", MODEL, "--target", "host", "-o", tmp_path / "out", *words)
    assert f"Error: {option}: there is no --calibration" in refused(1, *base)
    same = save(tmp_path / "same.npz", rows=np.repeat(ROWS[:1], 20, axis=0))
    line = refused(1, *base, "--calibration", same)
    assert f"Error: {option}: the calibration data are all alike" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("array", [np.zeros_like(ROWS), np.repeat(ROWS[:1], 20, axis=0)])
def test_calibration_that_is_all_alike_gives_no_figure(array: object, tmp_path: Path) -> None:
    data = save(tmp_path / "c.npz", rows=np.asarray(array))
    out = tmp_path / "out"
    result = done("compile", MODEL, "--target", "host", "--calibration", data, "-o", out)
    assert "record typical data" in result.stderr
    assert "  error  not known, calibration data are all alike: give typical data" in result.stdout
    assert "accuracy" not in json.loads((out / "manifest.json").read_text())
    text = done("verify", out, "--on", "host").stdout
    assert "not known, calibration data are all alike: give --inputs" in text
    assert "dB" not in text


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.concatenate([ROWS[:16]] * 5), "were calibrated on, too, since the data repeat"),
        (ROWS[:6], "40 steps to calibrate on, and below 48 weights are rounded to nearest"),
        (ROWS[:1], "one sample, so none is held back"),
    ],
)
def test_data_that_tell_little_are_named(array: object, says: str, tmp_path: Path) -> None:
    data = save(tmp_path / "c.npz", rows=np.asarray(array))
    words = ("--target", "host", "--calibration", data, "-o", tmp_path / "out")
    assert says in done("compile", MODEL, *words).stderr


@pytest.mark.all_cases
def test_what_is_held_back_and_unlike_the_rest_is_named(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(100, 1, 3))
    x[80:] *= 0.1
    words = ("--target", "host", "-o", tmp_path / "out", "--calibration")
    model = FIXTURES / "one_step.legacy.onnx"
    found = done("compile", model, *words, save(tmp_path / "c.npz", x=x)).stderr
    assert "input x moves only 0.0" in found or "input x moves only 0.1" in found
    mixed = np.random.default_rng(1).permutation(x)
    assert done("compile", model, *words, save(tmp_path / "m.npz", x=mixed)).stderr == ""


@pytest.mark.all_cases
def test_of_few_samples_each_part_is_held_back_in_turn(tmp_path: Path) -> None:
    """And `verify`, which has the last part alone, says what that gave."""
    x = np.random.default_rng(0).normal(size=(100, 1, 3))
    out = tmp_path / "out"
    words = ("--target", "host", "-o", out, "--calibration", save(tmp_path / "c.npz", x=x))
    text = " ".join(done("compile", FIXTURES / "one_step.legacy.onnx", *words).stdout.split())
    assert " on 100 samples of 1 step, a fifth of them held back in turn" in text
    told = json.loads((out / "manifest.json").read_text())["accuracy"]
    assert (told["samples"], told["streams"], told["in_turn"]) == (20, 1, 5)
    found = " ".join(done("verify", out, "--on", "host").stdout.split())
    assert f"compile found y {told['outputs']['y']['sqnr_db']:.1f} dB" in found


def test_an_error_that_hangs_on_one_sample_says_so(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[np.flatnonzero(np.arange(len(rows)) % 5 == 4)[3]] *= 12.0
    data = save(tmp_path / "c.npz", rows=rows)
    words = ("--target", "host", "--calibration", data, "-o", tmp_path / "out")
    text = " ".join(done("compile", MODEL, *words).stdout.split())
    assert "% of the squared error is of one sample" in text
