"""The example in examples/digits: as accurate in integers as in float."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import DIGITS, done, load, save
from tests.support.programs import Array

POINT = 0.01


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / "bundle"
    calibration = DIGITS / "calibration.npz"
    done("compile", DIGITS / "digits.onnx", "--target", "cortex-m4", "--calibration", calibration,
         "-o", folder)  # fmt: skip
    return folder


def logits(bundle: Path, where: str, folder: Path) -> Array:
    """What `run` computes of the test images, [360, 10]."""
    rows = save(folder / "rows.npz", rows=load(DIGITS / "test.npz")["rows"])
    done("run", bundle, "--inputs", rows, "--on", where, "-o", folder / f"{where}.npz")
    return load(folder / f"{where}.npz")["logits"][:, 0]


def accuracy(found: Array) -> float:
    return float(np.mean(found.argmax(axis=-1) == load(DIGITS / "test.npz")["label"]))


def test_integers_are_within_a_point_of_float_on_host_and_cortex_m4(
    digits: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")
    found = {where: logits(digits, where, tmp_path) for where in ("float", "host", "qemu")}
    assert all(a.shape == (360, 10) for a in found.values())
    assert np.array_equal(found["host"], found["qemu"])
    assert not np.array_equal(found["host"], found["float"])
    float_accuracy = accuracy(found["float"])
    assert float_accuracy > 0.95
    assert accuracy(found["host"]) >= float_accuracy - POINT
    assert accuracy(found["qemu"]) >= float_accuracy - POINT


@pytest.mark.parametrize(
    "options",
    [("--activations", "8"), ("--activations", "16"), ("--cell-state", "16"), ("--no-data",)],
    ids=" ".join,
)
def test_other_widths_are_within_a_point_of_float(options: tuple[str, ...], tmp_path: Path) -> None:
    data = () if options == ("--no-data",) else ("--calibration", DIGITS / "calibration.npz")
    words = () if options == ("--no-data",) else options
    bundle = tmp_path / "bundle"
    done("compile", DIGITS / "digits.onnx", "--target", "host", *data, *words, "-o", bundle)
    assert accuracy(logits(bundle, "numpy", tmp_path)) >= (
        accuracy(logits(bundle, "float", tmp_path)) - POINT
    )


def test_calibration_and_test_images_are_different_ones() -> None:
    seen = {row.tobytes() for row in load(DIGITS / "calibration.npz")["rows"]}
    assert len(seen) == 128
    assert not seen & {row.tobytes() for row in load(DIGITS / "test.npz")["rows"]}


def test_the_example_is_small() -> None:
    sizes = [path.stat().st_size for path in DIGITS.rglob("*") if path.is_file()]
    assert sum(sizes) < 300_000
