"""`compile --input-scale`: the C takes raw integers, and what it says of itself is true."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import lstm_edge
from tests.support.command import done, refused

STATUS = 1
SCALE = ("--input-scale", "0.0625", "--input-zero", "-3")


def digits(project_root: Path) -> tuple[Path, Path]:
    folder = project_root / "examples" / "digits"
    return folder / "digits.onnx", folder / "calibration.npz"


@pytest.mark.parametrize("scheme", ["int8", "fixed", "float32"])
def test_raw_numbers_of_an_input_have_a_function(
    scheme: str, project_root: Path, tmp_path: Path
) -> None:
    model, data = digits(project_root)
    given = ("compile", model, "--target", "host", "--calibration", data, "--scheme", scheme)
    done(*given, *SCALE, "-o", tmp_path)
    header = (tmp_path / "digits.h").read_text()
    assert "void digits_quantize_rows_from_int16(const int16_t *raw, digits_rows_t *s" in header
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["inputs"][0]["raw"] == {"scale": 0.0625, "zero": -3.0}
    assert "input_scale=0.0625 input_zero=-3.0" in manifest["options"]
    done(*given, "-o", tmp_path / "without")
    assert "from_int16" not in (tmp_path / "without" / "digits.h").read_text()


def test_the_identity_is_that_of_the_file(project_root: Path, tmp_path: Path) -> None:
    model, data = digits(project_root)
    done("compile", model, "--target", "host", "--calibration", data, "-o", tmp_path)
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    options = json.loads((tmp_path / "manifest.json").read_text())["options"]
    text = f"lstm-edge {lstm_edge.__version__}; model digits; sha256 {digest}; {options}"
    assert f'digits_identity[] = "{text}";' in (tmp_path / "digits_weights.c").read_text()
    assert f'"{digest}"' in (tmp_path / "digits.h").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--input-scale", "0"), "--input-scale 0 of input 'rows': expected a positive"),
        (("--input-scale", "x=1"), "no input 'x'; inputs of real numbers: rows"),
        (("--input-scale", "much"), "--input-scale much: expected a number"),
        (("--input-zero", "5"), "give --input-scale"),
    ],
)
def test_what_has_no_meaning_is_told_in_a_line(
    options: tuple[str, ...], message: str, project_root: Path, tmp_path: Path
) -> None:
    model, data = digits(project_root)
    given = ("compile", model, "--target", "host", "--calibration", data, "-o", tmp_path / "b")
    assert message in refused(STATUS, *given, *options)
    assert not (tmp_path / "b").exists()


def test_the_api_takes_a_number_or_one_by_input(project_root: Path) -> None:
    model, _ = digits(project_root)
    one, named = (
        lstm_edge.compile(model, target="host", input_scale=scale, input_zero=7).bundle.files
        for scale in (0.5, {"rows": 0.5})
    )
    assert b"quantize_rows_from_int16" in one["digits.h"]
    assert one["digits.h"] == named["digits.h"].replace(b"input_scale=rows=0.5", b"input_scale=0.5")
