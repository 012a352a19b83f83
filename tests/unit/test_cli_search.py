"""`compile` with widths to choose, and with bounds to hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_edge.data import MEASURED_SAMPLES
from tests.support.command import FIXTURES, done, load, refused, save

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits"
MODEL = EXAMPLE / "digits.onnx"
TRIED = "  tried  constants  instructions    worst  points lost  weights, activations"
BASE = ("compile", MODEL, "--target", "cortex-m4", "--calibration", EXAMPLE / "calibration.npz")


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


def test_auto_holds_the_bound_and_says_what_was_tried(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("--weights", "auto", "--activations", "auto", "--max-error", "44")
    text = done(*BASE, *words, "-o", out).stdout
    found = manifest(out)
    (chosen,) = [each for each in found["search"] if each["chosen"]]
    assert chosen["sqnr_db"] >= 44.0
    cheaper = [each for each in found["search"] if each["flash"] < chosen["flash"]]
    assert cheaper
    assert all(each["sqnr_db"] < 44.0 for each in cheaper)
    assert chosen["options"] in found["options"]
    rows: list[list[str]] = []
    for line in text.splitlines()[text.splitlines().index(TRIED) + 1 :]:
        words_of = line.split()
        if "dB" in words_of:
            rows.append(words_of)
        else:  # what does not fit into the line before
            rows[-1] += words_of
    assert len(rows) == len(found["search"])
    for row, each in zip(rows, found["search"], strict=True):
        assert (row[0] == "*") == each["chosen"]
        assert f"{each['flash']:,}" in row
        assert f"{each['instructions']:,}" in row
        words = each["options"].replace("weights=", "").replace("activations=", "").split()
        assert [word.strip(",") for word in row[-len(words) :]] == words
    assert found["accuracy"]["outputs"]["logits"]["sqnr_db"] == pytest.approx(
        chosen["sqnr_db"], abs=0.02
    )


@pytest.mark.all_cases
def test_auto_alone_holds_40_db(tmp_path: Path) -> None:
    """With some matrices of the LSTM in 4 bits, where that pays."""
    done(*BASE, "--weights", "auto", "-o", tmp_path / "out")
    tried = manifest(tmp_path / "out")["search"]
    (chosen,) = [each for each in tried if each["chosen"]]
    assert chosen["sqnr_db"] >= 40.0
    for each in tried:
        if each["options"] in ("weights=int4 activations=12", "weights=int8 activations=12"):
            assert each is chosen or each["sqnr_db"] < 40.0 or each["flash"] > chosen["flash"]


@pytest.mark.all_cases
def test_auto_with_a_limit_of_flash_is_the_best_that_fits(tmp_path: Path) -> None:
    """Less than 40 dB, since no more was asked for; and an error where nothing fits."""
    done(*BASE, "--weights", "auto", "--max-flash", "9200", "-o", tmp_path / "out")
    found = manifest(tmp_path / "out")
    assert sum(n or 0 for n in found["flash"].values()) <= 9200
    (chosen,) = [each for each in found["search"] if each["chosen"]]
    assert chosen["sqnr_db"] == max(
        each["sqnr_db"] for each in found["search"] if each["flash"] <= chosen["flash"]
    )
    words = ("--weights", "auto", "--max-flash", "4000", "-o", tmp_path / "none")
    told = refused(3, *BASE, *words)
    assert "no widths fit: the smallest, weights=int4 activations=12" in told


def test_labels_say_that_int4_will_do(tmp_path: Path) -> None:
    """The test images bring their own inputs."""
    out = tmp_path / "out"
    words = ("--weights", "auto", "--max-drop", "1", "--labels", EXAMPLE / "test.npz")
    done(*BASE, *words, "-o", out)
    found = manifest(out)
    assert "weights=int4" in found["options"]
    assert found["search"][0]["points_lost"] <= 1.0
    assert found["flash"]["weights"] < 4000


def test_labels_of_the_calibration_samples_count_where_these_are_held_back(tmp_path: Path) -> None:
    """Labels that are wrong wherever a sample is calibrated on change nothing."""
    inputs = load(EXAMPLE / "calibration.npz")["rows"]
    done("compile", MODEL, "--target", "host", "--scheme", "float32", "-o", tmp_path / "float")
    save(tmp_path / "x.npz", rows=inputs)
    done("run", tmp_path / "float", "--inputs", tmp_path / "x.npz", "-o", tmp_path / "y.npz")
    right = load(tmp_path / "y.npz")["logits"].reshape(len(inputs), -1).argmax(axis=-1)
    held = np.arange(len(inputs)) % 5 == 4
    words = ("--weights", "int8", "--max-drop", "0")
    for name, labels in (
        ("right", right),
        ("half", np.where(held, right, (right + 1) % 10)),
    ):
        path = save(tmp_path / f"{name}.npz", label=labels)
        done(*BASE, *words, "--labels", path, "-o", tmp_path / name)
    first, second = (manifest(tmp_path / name)["search"] for name in ("right", "half"))
    assert first == second
    assert first[0]["points_lost"] == 0.0


@pytest.mark.all_cases
def test_what_is_chosen_holds_the_bound_on_all_held_back_samples(tmp_path: Path) -> None:
    """Also on one that the report, which is measured on the first of them, does not see."""
    rows = load(EXAMPLE / "calibration.npz")["rows"]
    many = np.concatenate([rows * np.float32(1.0 - 0.01 * k) for k in range(6)])
    held = np.flatnonzero(np.arange(len(many)) % 5 == 4)
    assert len(held) > MEASURED_SAMPLES
    many[held[-1]] *= 30.0
    out = tmp_path / "out"
    path = save(tmp_path / "many.npz", rows=many)
    words = ("compile", MODEL, "--target", "host", "--calibration", path, "-o", out)
    line = refused(3, *words, "--max-error", "40")
    assert "do not hold an SQNR of 40 dB: the worst output has " in line
    done(*words, "--max-error", "3")
    found = json.loads(done("verify", out, "--on", "host", "--json").stdout)
    told = manifest(out)["search"][0]["sqnr_db"]
    assert found["outputs"]["logits"]["sqnr_db"] == pytest.approx(told, abs=0.02)
    assert manifest(out)["accuracy"]["outputs"]["logits"]["sqnr_db"] > told + 10.0


def test_inputs_beside_their_labels_count_where_calibration_did_not_see_them(
    tmp_path: Path,
) -> None:
    rows = load(EXAMPLE / "calibration.npz")["rows"]
    label = np.arange(len(rows)) % 10
    for name, arrays in (("with", {"rows": rows, "label": label}), ("without", {"label": label})):
        path = save(tmp_path / f"{name}.npz", **arrays)
        done(*BASE, "--max-drop", "50", "--labels", path, "-o", tmp_path / name)
    first, second = (manifest(tmp_path / name)["search"] for name in ("with", "without"))
    assert first == second


def test_a_bound_judged_by_calibration_samples_is_warned_about(tmp_path: Path) -> None:
    few = save(tmp_path / "few.npz", rows=load(EXAMPLE / "calibration.npz")["rows"][:4])
    words = ("compile", MODEL, "--target", "host", "--calibration", few, "-o", tmp_path / "out")
    assert "too few calibration samples" in done(*words, "--max-error", "10").stderr


def test_labels_without_inputs_need_calibration(tmp_path: Path) -> None:
    labels = save(tmp_path / "labels.npz", label=np.zeros(64, np.int64))
    words = ("--max-drop", "1", "--labels", labels, "-o", tmp_path / "out")
    assert "give --calibration" in refused(1, "compile", MODEL, "--target", "host", *words)


def test_a_bound_is_a_gate_for_given_widths_too(tmp_path: Path) -> None:
    out = tmp_path / "out"
    line = refused(3, *BASE, "--weights", "int4", "--max-error", "40", "-o", out)
    assert "do not hold an SQNR of 40 dB: the worst output has " in line
    assert "weights=int4" in line
    assert not out.exists()
    done(*BASE, "--max-error", "40", "-o", out)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--max-drop", "1"], "--max-drop has no meaning without --labels"),
        (["--labels", "LABELS"], "--labels has no meaning without --max-drop"),
        (["--scheme", "float32", "--weights", "auto"], "--weights has no meaning"),
        (["--scheme", "float32", "--max-error", "40"], "--max-error has no meaning"),
        (["--max-drop", "1", "--labels", "SHORT"], "labels 'label' are of 3 samples"),
        (["--max-drop", "1", "--labels", "OTHER"], "no labels among the arrays"),
        (["--max-drop", "1", "--labels", "HELD"], "are all below 0"),
        (["--max-error", "nan"], "--max-error nan: expected a number"),
    ],
)
def test_what_cannot_be_judged_is_refused(words: list[str], says: str, tmp_path: Path) -> None:
    files = {
        "LABELS": save(tmp_path / "labels.npz", label=np.zeros(128, np.int64)),
        "SHORT": save(tmp_path / "short.npz", label=np.zeros(3, np.int64)),
        "HELD": save(tmp_path / "held.npz", label=np.where(np.arange(128) % 5 == 4, -1, 0)),
        "OTHER": save(tmp_path / "other.npz", other=np.zeros(128, int), more=np.zeros(128)),
    }
    line = refused(1, *BASE, *(files.get(w, w) for w in words), "-o", tmp_path / "out")
    assert says in line
    assert not (tmp_path / "out").exists()


@pytest.mark.all_cases
def test_the_choice_is_the_same_each_time(tmp_path: Path) -> None:
    words = ("--weights", "auto", "--activations", "auto", "--max-error", "30")
    for name in ("a", "b"):
        done(*BASE, *words, "-o", tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_a_study_may_ask_for_cycles_and_stack(
    tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    pytest.importorskip("optuna")
    tool_or_skip("arm-none-eabi-gcc", "qemu-system-arm")
    widths = ("--weights", "int8", "--activations", "12", "--cell-state", "32")
    words = ("--target", "cortex-m4", "--study", tmp_path / "study", *widths, "--json")
    asked = ("--objectives", "error,cycles", "--max-stack", "4K")
    found = json.loads(done("search", FIXTURES / "head_last.legacy.onnx", *words, *asked).stdout)
    (point,) = found["front"]
    assert point["cycles"] > point["instructions"] > 0
    assert 0 < point["stack"] <= 4096


def test_json_of_a_study_is_json_however_long_a_line_is(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    words = ("--weights", "int4,int8", "--activations", "8", "--cell-state", "32", "--json")
    study = ("--target", "cortex-m4", "--study", tmp_path / "study")
    result = done("search", FIXTURES / "head_last.legacy.onnx", *study, *words)
    found = json.loads(result.stdout)
    assert any(len(line) > 80 for line in result.stdout.splitlines())
    assert all("\n" not in each["options"] for each in found["front"])
