"""`compile(inputs_like=)` and `--inputs-like`: inputs that are stored as another model has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import lstm_edge
from lstm_edge import Compiled
from tests.support.command import FIXTURES, done, refused

Array = npt.NDArray[Any]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DIGITS = EXAMPLES / "digits" / "digits.onnx"


@pytest.fixture(scope="module")
def images() -> Array:
    with np.load(EXAMPLES / "digits" / "calibration.npz") as file:
        return file["rows"][:40]


@pytest.fixture(scope="module")
def bright(images: Array) -> Compiled:
    """Calibrated on images that are eight times as bright."""
    return lstm_edge.compile(DIGITS, target="host", calibration=8.0 * images)


@pytest.mark.all_cases
def test_inputs_are_stored_as_there(images: Array, bright: Compiled, tmp_path: Path) -> None:
    own = lstm_edge.compile(DIGITS, target="host", calibration=images)
    folder = bright.save(tmp_path / "bright")
    (wanted,), (before,) = bright.program.inputs, own.program.inputs
    for like in (bright, str(folder)):
        made = lstm_edge.compile(DIGITS, target="host", calibration=images, inputs_like=like)
        (found,) = made.program.inputs
        assert np.array_equal(found.scale, wanted.scale)
        assert np.array_equal(found.zero_point, wanted.zero_point)
        assert not np.array_equal(found.scale, before.scale)
        assert made.program.values[found.value].format == bright.program.values[wanted.value].format
        assert (
            f"inputs_like=digits@{bright.manifest['model_sha256'][:12]}"
            in (made.manifest["options"])
        )
    assert made.verify(images[:3], on="host").exact == {"host": True}


def test_the_command_line_takes_a_folder(images: Array, bright: Compiled, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", images)
    bright.save(tmp_path / "bright")
    data = ("--calibration", tmp_path / "images.npy", "--target", "host")
    like = ("--inputs-like", tmp_path / "bright", "-o", tmp_path / "made")
    done("compile", DIGITS, *data, *like)
    made = lstm_edge.open(tmp_path / "made")
    assert np.array_equal(made.program.inputs[0].scale, bright.program.inputs[0].scale)


def test_inputs_of_integers_stay(images: Array) -> None:
    characters = EXAMPLES / "characters" / "characters.onnx"
    made = lstm_edge.compile(characters, target="host")
    again = lstm_edge.compile(characters, target="host", inputs_like=made)
    assert again.program.inputs[0].limit == made.program.inputs[0].limit == 40


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"activations": 8}, lstm_edge.QuantizationError, "give the --activations"),
        ({"scheme": "fixed"}, lstm_edge.QuantizationError, "no powers of two"),
        ({"scheme": "float32"}, lstm_edge.DataError, "--inputs-like has no meaning"),
    ],
    ids=["width", "fixed", "float32"],
)
def test_options_that_do_not_fit_are_refused(
    options: dict[str, Any], error: type[Exception], message: str, images: Array, bright: Compiled
) -> None:
    with pytest.raises(error, match=message):
        lstm_edge.compile(DIGITS, target="host", calibration=images, inputs_like=bright, **options)


def test_data_beyond_the_range_are_refused(images: Array, bright: Compiled) -> None:
    with pytest.raises(lstm_edge.DataError, match=r"'rows' go from .* leave the option out"):
        lstm_edge.compile(DIGITS, target="host", calibration=1000.0 * images, inputs_like=bright)


def test_another_model_is_refused(images: Array, bright: Compiled, tmp_path: Path) -> None:
    other = FIXTURES / "lstm_open.legacy.onnx"
    with pytest.raises(lstm_edge.DataError, match="digits has no input 'x'; it has rows"):
        lstm_edge.compile(other, target="host", inputs_like=bright)
    wide = lstm_edge.load(other, rename={"x": "rows"})
    with pytest.raises(lstm_edge.DataError, match="has 3 features of real numbers, but 8 features"):
        lstm_edge.compile(wide, target="host", inputs_like=bright)
    plain = lstm_edge.compile(DIGITS, target="host", scheme="float32")
    with pytest.raises(lstm_edge.DataError, match="digits is float32"):
        lstm_edge.compile(DIGITS, target="host", calibration=images, inputs_like=plain)
    nowhere = ("compile", DIGITS, "--target", "host", "--inputs-like", tmp_path / "nowhere")
    assert "nowhere" in refused(1, *nowhere)
    with pytest.raises(lstm_edge.DataError, match="--inputs-like int: expected a compiled model"):
        lstm_edge.compile(DIGITS, target="host", inputs_like=3)  # type: ignore[arg-type]
