"""Features of audio as numpy computes them: held against their textbook definitions."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.errors import DataError
from lstm_edge.features import Mel, cosines, hann_window, log_mel, mel_filters, mel_power, mfcc

MEL = Mel(frame=64, hop=20, bands=6, window=50, low=100.0, high=7000.0)


def direct(samples: np.ndarray, mel: Mel) -> np.ndarray:
    """Power by the sum that defines a transform, frame by frame."""
    window = np.zeros(mel.frame)
    before = (mel.frame - mel.window) // 2
    for n in range(mel.window):
        window[before + n] = np.sin(np.pi * n / mel.window) ** 2
    found = []
    for start in range(0, len(samples) - mel.frame + 1, mel.hop):
        frame = samples[start : start + mel.frame] * window
        k = np.arange(mel.frame // 2 + 1)[:, None]
        bins = (frame * np.exp(-2j * np.pi * k * np.arange(mel.frame) / mel.frame)).sum(axis=1)
        found.append(mel_filters(mel) @ (bins.real**2 + bins.imag**2))
    return np.array(found)


def test_power_is_that_of_the_definition() -> None:
    samples = np.random.default_rng(0).normal(size=500)
    exact = direct(samples, MEL)
    assert exact.shape == (22, 6)
    assert np.allclose(mel_power(samples, MEL), exact, rtol=1e-10)
    assert np.allclose(mel_power(np.stack([samples] * 2), MEL)[1], exact, rtol=1e-10)
    assert np.allclose(log_mel(samples, MEL), np.log(np.maximum(exact, 1e-6)), rtol=1e-9)
    quiet = log_mel(samples * 1e-6, MEL)
    assert (quiet == np.log(1e-6)).all()


def test_filters_are_triangles_of_height_1_that_overlap_by_a_half() -> None:
    weights = mel_filters(Mel(bands=20, frame=2048))
    assert weights.shape == (20, 1025)
    assert weights.min() == 0.0
    assert (weights.max(axis=1) > 0.8).all()
    inner = slice(int(weights[0].argmax()), int(weights[-1].argmax()))
    assert np.allclose(weights.sum(axis=0)[inner][1:], 1.0)


def test_coefficients_are_those_of_an_orthonormal_transform() -> None:
    matrix = cosines(6, 6)
    assert np.allclose(matrix @ matrix.T, np.eye(6))
    assert np.allclose(matrix[0], 6.0**-0.5)
    samples = np.random.default_rng(1).normal(size=300)
    assert np.allclose(mfcc(samples, MEL, 4), log_mel(samples, MEL) @ matrix[:4].T)


def test_a_window_lies_in_the_middle_of_a_frame() -> None:
    window = hann_window(MEL)
    assert (window[:8] == 0.0).all()
    assert (window[-6:] == 0.0).all()
    assert window[7 + 25] == 1.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"frame": 400}, "a power of two"),
        ({"window": 600}, "0 to frame"),
        ({"hop": 0}, "1 or more"),
        ({"least": 0.0}, "above 0"),
        ({"low": 5000.0, "high": 4000.0}, "low < high"),
        ({"high": 9000.0}, "rate / 2"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Mel(**given)  # type: ignore[arg-type]


def test_too_few_samples_and_coefficients_are_refused() -> None:
    with pytest.raises(DataError, match="64 or more"):
        mel_power(np.zeros(63), MEL)
    with pytest.raises(DataError, match="1 to 6"):
        mfcc(np.zeros(100), MEL, 7)
