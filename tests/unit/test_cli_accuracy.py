"""What `compile` and `verify` say about accuracy: text, JSON, report, manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.command import DIGITS, done, load, refused, save

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

MODEL, CALIBRATION, TEST = (
    DIGITS / name for name in ("digits.onnx", "calibration.npz", "test.npz")
)


@pytest.fixture(autouse=True)
def _tools(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / "bundle"
    done("compile", MODEL, "--target", "host", "--calibration", CALIBRATION, "-o", folder)
    return folder


def verified(bundle: Path, *options: object) -> Any:
    result = done("verify", bundle, "--json", *options)
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_json_has_each_layer_with_its_states_and_results(digits: Path) -> None:
    found = verified(digits)
    assert [layer["name"] for layer in found["layers"]] == ["lstm", "fc"]
    lstm, fc = found["layers"]
    assert (lstm["reads"], fc["reads"]) == (["input rows"], ["lstm"])
    assert list(lstm["values"]) == ["lstm.c", "lstm.h"]
    assert lstm["saturations"] == {"lstm.c": 0}
    for figures in (*lstm["values"].values(), *fc["values"].values()):
        assert figures["sqnr_db"] > 40.0
        assert 0.0 < figures["rms"] < figures["max_abs"]
        assert sum(figures["numbers_by_unused_bits"]) > 0
        assert figures["numbers_by_unused_bits"][figures["unused_bits"]] > 0
    assert list(lstm["values"]["lstm.h"]["rms_by_step"]) == [str(t) for t in range(8)]
    assert found["outputs"]["logits"]["layer"] == "fc"
    assert fc["values"]["fc.y"]["max_abs"] == found["outputs"]["logits"]["max_abs"]
    assert (found["labels"], found["warnings"]) == ({}, [])


def test_text_has_a_line_for_each_output_and_each_value_of_a_layer(digits: Path) -> None:
    lines = done("verify", digits).stdout.splitlines()
    assert any(line.startswith("  output logits: against float SQNR 4") for line in lines)
    heading = next(line for line in lines if line.startswith("  layer "))
    rows = lines[lines.index(heading) + 1 :][:3]
    assert [row.split()[:2] for row in rows] == [["lstm", "c"], ["lstm", "h"], ["fc", "y"]]
    assert all(row[heading.index("SQNR") :].split()[1] == "dB" for row in rows)
    assert any(line.startswith("  lstm.h  rms by step  0: ") for line in lines)
    assert not any("Warning" in line for line in lines)


def test_the_report_is_what_verify_prints_without_the_places(digits: Path) -> None:
    report = (digits / "report.txt").read_text().splitlines()
    printed = done("verify", digits).stdout.splitlines()
    assert report[0] == "digits, 25 held-back samples of 8 steps"
    assert printed[1] == "  numpy == host: identical, bit for bit"
    assert " ".join(report[1:]).split() == " ".join(printed[2:]).split()


def test_the_manifest_keeps_the_figures(digits: Path) -> None:
    manifest = json.loads((digits / "manifest.json").read_text())
    found = manifest["accuracy"]
    assert (found["samples"], found["steps"], found["warnings"]) == (25, 8, [])
    outputs = verified(digits)["outputs"]
    assert found["outputs"]["logits"]["sqnr_db"] == outputs["logits"]["sqnr_db"]
    assert set(found["layers"]) == {"lstm", "fc"}
    assert "report.txt" in manifest["files"]


def test_compile_says_the_error_of_each_output(tmp_path: Path) -> None:
    words = ["compile", MODEL, "--target", "host", "-o", tmp_path / "out"]
    result = done(*words, "--calibration", CALIBRATION)
    assert re.search(r"  error  logits: SQNR 4[5-8]\.\d dB, max 0\.0", result.stdout)
    assert " on 25 held-back samples" in result.stdout
    few = save(tmp_path / "few.npz", rows=load(CALIBRATION)["rows"][:4])
    told = " ".join(done(*words, "--calibration", few).stdout.split())
    assert " on 4 samples of 8 steps, a quarter of them held back in turn" in told
    result = done(*words, "--scheme", "float32")
    assert "  error  " not in result.stdout
    assert not (tmp_path / "out" / "report.txt").exists()
    assert "accuracy" not in json.loads((tmp_path / "out" / "manifest.json").read_text())


def test_a_calibration_that_does_not_cover_the_inputs_is_warned_about(tmp_path: Path) -> None:
    rows = load(CALIBRATION)["rows"]
    pale = save(tmp_path / "pale.npz", rows=rows * np.float32(0.05))
    words = ["--target", "host", "--calibration", pale, "-o", tmp_path / "out"]
    assert done("compile", MODEL, *words).stderr == ""
    found = verified(tmp_path / "out", "--inputs", TEST)
    assert found["inputs"]["rows"]["beyond"] > 1000
    first, *others = found["warnings"]
    assert first.startswith("input rows: ")
    assert "calibrate with data that covers" in first
    assert any(text.startswith("output logits: SQNR ") for text in others)
    text = done("verify", tmp_path / "out", "--inputs", TEST).stdout
    assert f"Warning: {first}" in " ".join(text.split())


def test_held_back_samples_that_leave_the_range_are_warned_about_at_compile(tmp_path: Path) -> None:
    rows = load(CALIBRATION)["rows"]
    held_back = np.arange(len(rows)) % 5 == 4
    rows[~held_back] *= np.float32(0.05)
    data = save(tmp_path / "data.npz", rows=rows)
    words = ["--target", "host", "--calibration", data, "-o", tmp_path / "out"]
    result = done("compile", MODEL, *words)
    lines = result.stderr.splitlines()
    assert lines[0].startswith("Warning: calibration: input rows moves 4.04 times as far ")
    assert lines[1].startswith("Warning: input rows: ")
    assert any(" SQNR " in line and "below 28 dB" in line for line in lines)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [f"Warning: {text}" for text in manifest["warnings"]] == lines


def test_labels_are_scored_with_the_inputs_of_their_own_file(digits: Path) -> None:
    found = verified(digits, "--labels", TEST)
    assert found["samples"] == 360
    score = found["labels"]["logits"]
    assert score["kind"] == "accuracy"
    assert score["float_percent"] == score["integer_percent"] == pytest.approx(100 * 352 / 360)
    assert score["points"] == 0.0
    for sample in score["changed"]:  # wrong in float, too
        assert sample["label"] not in (sample["float_class"], sample["integer_class"])
    text = done("verify", digits, "--labels", TEST).stdout
    assert "  labels logits: float 97.78 %, integers 97.78 % right (+0.00 points)" in text


def test_labels_of_a_file_of_their_own_belong_to_the_inputs(digits: Path, tmp_path: Path) -> None:
    test = load(TEST)
    rows = save(tmp_path / "rows.npz", rows=test["rows"])
    names = ("logits", "label__logits")
    for name in names:
        labels = save(tmp_path / "labels.npz", **{name: test["label"]})
        found = verified(digits, "--inputs", rows, "--labels", labels)
        assert found["labels"]["logits"]["float_percent"] == pytest.approx(100 * 352 / 360)


def test_samples_that_are_decided_otherwise_are_listed(tmp_path: Path) -> None:
    """One input is fed too large, so that integers saturate: the first ten in text, all in JSON."""
    folder = tmp_path / "out"
    pale = save(tmp_path / "pale.npz", rows=load(CALIBRATION)["rows"] * np.float32(0.05))
    done("compile", MODEL, "--target", "host", "--calibration", pale, "-o", folder)
    score = verified(folder, "--labels", TEST)["labels"]["logits"]
    changed = score["changed"]
    assert len(changed) > 10
    assert score["points"] < -1.0
    assert all(c["float_class"] != c["integer_class"] for c in changed)
    label = load(TEST)["label"]
    assert all(c["label"] == label[c["sample"]] for c in changed)
    text = done("verify", folder, "--labels", TEST).stdout
    first = changed[0]
    assert (
        f"    sample {first['sample']}: label {first['label']}, float {first['float_class']}, "
        f"integers {first['integer_class']}"
    ) in text
    assert text.count("    sample ") == 10
    assert f"    and {len(changed) - 10} more, see --json" in text


def test_labels_that_do_not_fit_are_refused_in_one_line(digits: Path, tmp_path: Path) -> None:
    test = load(TEST)
    short = save(tmp_path / "short.npz", rows=test["rows"], logits=test["label"][:7])
    line = refused(1, "verify", digits, "--labels", short)
    assert "'logits' are of 7 samples, input rows of 360" in line
    alone = save(tmp_path / "alone.npz", logits=test["label"])
    assert "give --inputs" in refused(1, "verify", digits, "--labels", alone)
    assert "leave --inputs out" in refused(1, "verify", digits, "--labels", TEST, "--inputs", TEST)
    none = save(tmp_path / "none.npz", rows=test["rows"])
    assert "no labels among the arrays rows" in refused(1, "verify", digits, "--labels", none)
    (tmp_path / "text.npz").write_text("labels")
    assert "text.npz" in refused(1, "verify", digits, "--labels", tmp_path / "text.npz")
    assert "absent.npz" in refused(1, "verify", digits, "--labels", tmp_path / "absent.npz")
