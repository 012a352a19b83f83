"""The Fourier transform in integers, power in block floating point, and sums over bands."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.formats import INT32_MAX
from lstm_edge.operations import fourier
from lstm_edge.operations.call import Op
from lstm_edge.operations.spectrum import (
    BAND_PLACES,
    LOST_BITS,
    band_power,
    bands,
    power_float,
    raised_power,
    rfft,
    rfft_float,
    rfft_reach,
)
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.lower_spectrum import whole_factors
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from tests.support.programs import quantized, real_outputs, sqnr_db
from tests.support.spectra import exact_mel, hann, mel_model, speech

FRAMES = (16, 32, 64, 128, 256, 512, 1024, 2048)
FULL = 2**15


def drawn(frame: int, loudest: int, count: int = 40) -> tuple[np.ndarray, np.ndarray, Op]:
    """Samples, a window, and the operation, with the bits that products lose."""
    rng = np.random.default_rng(frame)
    samples = rng.integers(-loudest, loudest, (count, frame + 3))
    window, _ = whole_factors(hann(frame).astype(np.float64), 1.0)
    tried = (Op("rfft", "y", ("x",), n=n, count=frame) for n in range(1, 31))
    most = np.full(frame, FULL)
    return samples, window, next(op for op in tried if rfft_reach(most, window, op) <= INT32_MAX)


def parts(bins: np.ndarray) -> np.ndarray:
    """Real and imaginary parts in turn."""
    return np.stack([bins.real, bins.imag], axis=-1).reshape(*bins.shape[:-1], -1)


@pytest.mark.parametrize("frame", FRAMES)
def test_a_transform_is_that_of_numpy(frame: int) -> None:
    for loudest, least in ((FULL, 110.0), (FULL >> 6, 70.0)):
        samples, window, op = drawn(frame, loudest)
        exact = parts(np.fft.rfft(samples[:, :frame] * window / 2.0**op.n))
        assert sqnr_db(exact, rfft(samples, window, op)) > least


@pytest.mark.parametrize("taps", [1, 3])
def test_a_frame_of_sums_with_zeros_behind(taps: int) -> None:
    """Of 50 samples from the third on, each and those behind it times numbers of its own."""
    rng = np.random.default_rng(taps)
    samples = rng.integers(-FULL, FULL, (20, 60))
    window = rng.integers(-(2**13), 2**13, (taps, 50))
    op = Op("rfft", "y", ("x",), n=6, count=64, stride=3)
    exact = np.zeros((20, 64))
    for k in range(50):
        exact[:, k] = (samples[:, 3 + k : 3 + k + taps] * window[:, k]).sum(axis=1) / 2.0**6
    found = rfft(samples, window if taps > 1 else window[0], op)
    assert sqnr_db(parts(np.fft.rfft(exact)), found) > 110.0
    reach = rfft_reach(np.full(60, FULL), window, op)
    assert np.abs(found).max() <= reach
    real = rfft_float(samples.astype(np.float32), window.astype(np.float32), op)
    assert sqnr_db(parts(np.fft.rfft(exact)) * 2.0**6, real) > 130.0


@pytest.mark.parametrize("frame", FRAMES)
def test_a_transform_in_float32_is_that_of_numpy(frame: int) -> None:
    samples = np.random.default_rng(frame).normal(size=(40, frame + 3)).astype(np.float32)
    window = hann(frame)
    exact = parts(np.fft.rfft(samples[:, :frame].astype(np.float64) * window))
    found = rfft_float(samples, window, Op("rfft", "y", ("x",), count=frame))
    assert found.dtype == np.float32
    assert sqnr_db(exact, found) > 130.0


@pytest.mark.parametrize("frame", FRAMES)
def test_nothing_on_the_way_is_larger_than_its_bound(frame: int) -> None:
    """Full cosines of each bin, and signs that add up at one: as large as it gets."""
    _, window, op = drawn(frame, 2)
    angles = 2.0 * np.pi * np.outer(np.arange(frame // 2 + 1), np.arange(frame)) / frame
    waves = [np.sign(f(angles + p) + 1e-9) for f in (np.cos, np.sin) for p in (0.0, 0.4)]
    samples = np.where(np.concatenate([np.ones((1, frame)), *waves]) > 0, FULL - 1, -FULL)
    seen = [0]

    def watched(a: np.ndarray) -> np.ndarray:
        seen.append(int(np.abs(a).max()))
        return a >> 1

    def turned(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(int(max(np.abs(a).max(), np.abs(b).max())))
        return fourier.turn_integers(a, b, c)

    entering = samples * window + (1 << (op.n - 1)) >> op.n
    result = fourier.transformed(entering, fourier.waves(frame), turned, watched)
    reach = rfft_reach(np.full(frame, FULL), window, op)
    assert max(*seen, int(np.abs(result).max())) <= reach <= INT32_MAX
    assert max(seen) > reach // 3


def test_power_has_as_many_bits_as_a_frame_needs() -> None:
    rng = np.random.default_rng(1)
    loud = rng.integers(-(2**30), 2**30, (20, 66))
    for places in (0, 7, 20):
        spectrum = loud >> places
        found = raised_power(spectrum)
        mantissas, shifts = found[:, :-1], found[:, -1:]
        exact = power_float(spectrum.astype(np.float64))
        assert sqnr_db(exact, mantissas * 2.0 ** (32 - 2 * shifts)) > 90.0
        assert mantissas.max() <= INT32_MAX
        assert mantissas.min() >= 0
    assert raised_power(np.zeros((1, 66), np.int64)).tolist() == [[0] * 33 + [30]]
    assert raised_power(np.full((1, 66), -INT32_MAX)).max() <= INT32_MAX


def test_sums_of_power_are_exact_to_30_bits() -> None:
    rng = np.random.default_rng(2)
    weights = np.maximum(rng.integers(-(2**14), 2**14, (9, 33)), 0)
    weights[3] = 0
    weights[:, 20:] = 0
    for places in (0, 11, 25):
        spectrum = rng.integers(-(2**30), 2**30, (20, 66)) >> places
        found = band_power(spectrum, weights)
        mantissas, pairs = found[:, :9], found[:, 9:]
        exact = power_float(spectrum.astype(np.float64)) @ weights.T
        real = mantissas * 2.0**LOST_BITS * 4.0 ** (BAND_PLACES - pairs)
        assert np.abs(real - exact).max() <= exact.max() * 2.0**-27
        assert (np.abs(real - exact) <= exact * 2.0**-26 + 1.0).all()
        assert ((mantissas >= 2**29) | (mantissas == 0)).all()
        assert (mantissas[:, 3] == 0).all()


def test_sums_over_bands_are_rounded_to_nearest_and_limited() -> None:
    rng = np.random.default_rng(3)
    weights = rng.integers(-(2**15), 2**15, (5, 12))
    x = rng.integers(-(2**31), 2**31, (30, 12))
    exact = np.floor((x.astype(object) @ weights.T.astype(object)) / 2**17 + 0.5)
    assert (bands(x, weights, 17) == exact.astype(np.float64)).all()
    assert bands(np.full((1, 12), INT32_MAX), np.full((1, 12), 32767), 1).tolist() == [[INT32_MAX]]


@pytest.mark.parametrize("root", [False, True], ids=["power", "magnitude"])
@pytest.mark.parametrize("loudness", [0.9, 0.1, 0.02])
def test_mel_bands_in_integers(loudness: float, root: bool) -> None:
    model = mel_model(root=root)
    program = quantized(model, {"x": speech(3, 25, 160, 0.7, seed=1)}, Options(16))
    prove(program)
    x = speech(2, 25, 160, loudness, seed=2)
    exact = exact_mel(x, 512, 40, root=root)
    assert sqnr_db(exact, real_outputs(lower_real(model), {"x": x})["y"]) > 120.0
    assert sqnr_db(exact, real_outputs(program, {"x": x})["y"]) > 60.0


@pytest.mark.parametrize("least", [1e-6, 1e-10])
@pytest.mark.parametrize("loudness", [0.9, 0.05, 0.001])
def test_logarithms_of_mel_bands_in_integers(loudness: float, least: float) -> None:
    """Also of frames that are 60 dB quieter than what was calibrated."""
    model = mel_model(least=least)
    program = quantized(model, {"x": speech(3, 25, 160, 0.7, seed=1)}, Options(16))
    prove(program)
    x = speech(2, 25, 160, loudness, seed=2)
    exact = np.log(np.maximum(exact_mel(x, 512, 40), least))
    assert sqnr_db(exact, real_outputs(program, {"x": x})["y"]) > 55.0


@pytest.mark.parametrize("added", ["sum", "bias"])
@pytest.mark.parametrize("loudness", [0.9, 0.05, 0.001])
def test_logarithms_of_mel_bands_and_a_little_more(loudness: float, added: str) -> None:
    """log(mel + 1e-6), the sum an operation of its own or the bias of the filters."""
    model = mel_model(least=1e-6, added=added)
    program = quantized(model, {"x": speech(3, 25, 160, 0.7, seed=1)}, Options(16))
    prove(program)
    x = speech(2, 25, 160, loudness, seed=2)
    exact = np.log(exact_mel(x, 512, 40) + 1e-6)
    assert sqnr_db(exact, real_outputs(program, {"x": x})["y"]) > 55.0


def test_silence_has_the_logarithm_of_the_least() -> None:
    model = mel_model(least=1e-6)
    program = quantized(model, {"x": speech(3, 25, 160, 0.7, seed=1)}, Options(16))
    found = real_outputs(program, {"x": np.zeros((1, 6, 160), np.float32)})["y"]
    assert np.abs(found - np.log(1e-6)).max() < 1e-3
