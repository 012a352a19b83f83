"""Trained models of public projects, where the folder of them lies beside the repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import done, load, save


@pytest.mark.parametrize("calibrated", [True, False], ids=["calibrated", "without data"])
def test_mnist_lstm_knows_its_ten_digits_on_a_cortex_m4(
    calibrated: bool, shared_dir: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """The example of TensorFlow Lite Micro: an LSTM over 28 rows, all steps into a dense layer."""
    tool_or_skip("arm-none-eabi-gcc", "qemu-system-arm")
    model = shared_dir / "models" / "mnist_lstm.onnx"
    if not model.is_file():
        pytest.skip("the shared folder has no mnist_lstm")
    arrays = load(model.with_suffix(".npz"))
    options = []
    if calibrated:
        options = ["--calibration", save(tmp_path / "c.npz", input=arrays["calib__input"])]
    bundle = tmp_path / "bundle"
    done("compile", model, "--target", "cortex-m4", *options, "-o", bundle)
    inputs = save(tmp_path / "x.npz", input=arrays["input"])
    done("run", bundle, "--inputs", inputs, "--on", "qemu", "-o", tmp_path / "y.npz")
    found = load(tmp_path / "y.npz")["probs"]
    wanted = arrays["expected__probs"]
    assert found.shape == wanted.shape == (10, 1, 10)
    assert np.array_equal(found[:, 0].argmax(axis=-1), arrays["label__y"])
    assert np.abs(found - wanted).max() < 0.01
    assert np.abs(found - wanted).max() > 0.0
