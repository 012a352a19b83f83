"""Trained models of public projects, where the folder of them lies beside the repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import done, load, save
from tests.support.programs import Array, sqnr_db


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


STREAMED = {
    "silero_vad_lstm128_stream": ("x", "prob", ("h0", "c0")),
    "dtln_model_1": ("input_2", "activation_2", ("input_3",)),
}
"""Input, output, and inputs that set states."""


@pytest.mark.all_cases
@pytest.mark.parametrize(
    "name",
    ["silero_vad_lstm128_stream", pytest.param("dtln_model_1", marks=pytest.mark.all_cases)],
)
def test_streaming_models_go_on_from_chunk_to_chunk(
    name: str, shared_dir: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """Silero VAD and the first part of DTLN: sound in chunks, the state kept between them."""
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")
    model = shared_dir / "models" / f"{name}.onnx"
    if not model.is_file():
        pytest.skip(f"the shared folder has no {name}")
    x, y, states = STREAMED[name]
    arrays = load(model.with_suffix(".npz"))
    calibration = save(tmp_path / "c.npz", **{x: arrays[f"calib__{x}"]})
    bundle = tmp_path / "bundle"
    done("compile", model, "--target", "cortex-m4", "--calibration", calibration, "-o", bundle)
    first = {f"init__{state}": arrays[f"init__{state}"] for state in states}
    assert not any(array.any() for array in first.values())

    def run(where: str, chunks: int, *options: str, **more: Array) -> dict[str, Array]:
        inputs = save(tmp_path / "x.npz", **{x: arrays[x][:, :chunks]}, **more)
        output = tmp_path / f"{where}.npz"
        words = ("run", bundle, "--inputs", inputs, "--stream", "--on", where, "-o", output)
        done(*words, *options)
        return load(output)

    chunks = arrays[x].shape[1]
    wanted = arrays[f"expected__{y}"]
    real = run("float", chunks, **first)
    np.testing.assert_allclose(real[y], wanted, atol=1e-4)
    for key, array in arrays.items():
        if key.startswith("expected_final__"):
            shown = real[key.removeprefix("expected_final__")]
            np.testing.assert_allclose(shown[:, -1], array, atol=1e-4)
    ours = run("host", chunks, **first)
    assert ours[y].shape == wanted.shape
    assert sqnr_db(wanted, ours[y]) >= 30.0
    assert np.mean((ours[y] > 0.5) == (wanted > 0.5)) >= 0.97
    zero = run("host", chunks)
    assert all(np.array_equal(zero[output], ours[output]) for output in ours)
    raw = run("numpy", chunks, "--raw")
    host, few = run("host", chunks, "--raw"), run("qemu", 6, "--raw")
    for output, numbers in raw.items():
        assert np.array_equal(host[output], numbers), output
        assert np.array_equal(few[output], numbers[:, :6]), output
