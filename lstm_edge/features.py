"""Features of audio, by the definition that compiled models have: mel bands, their logarithm, MFCC.

    mel = Mel(rate=16000, frame=512, hop=160, bands=40)
    log_mel(samples, mel)                       numpy, to look at
    net = nn.Sequential(torch_log_mel(mel), ...)

A network that begins with such a module is trained on samples, exports to ONNX with its features
in it, and compiles to C that takes samples hop by hop: what was trained on and what runs cannot
differ. Frames begin at each hop and none goes beyond the end (`center=False`), so that a stream has
them as it comes. docs/audio.md has the whole way.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import DataError

Doubles = npt.NDArray[np.float64]

FRAMES = tuple(2**k for k in range(4, 12))
"""Lengths that a frame may have."""


@dataclass(frozen=True)
class Mel:
    """How samples become mel bands.

    rate: samples a second. frame: of a transform, a power of two from 16 to 2048. hop: samples from
    one frame to the next. bands: triangles that overlap by a half, evenly apart on the mel scale
    (HTK's) from `low` to `high` Hz; None: half of the rate. window: samples that a Hann window
    covers, in the middle of the frame; 0: all. least: what logarithms take a smaller band for.
    DataError where these do not fit together.
    """

    rate: int = 16000
    frame: int = 512
    hop: int = 160
    bands: int = 40
    low: float = 0.0
    high: float | None = None
    window: int = 0
    least: float = 1e-6

    def __post_init__(self) -> None:
        if self.frame not in FRAMES:
            raise DataError(f"frame = {self.frame}, expected a power of two from 16 to 2048")
        if not 0 <= self.window <= self.frame:
            raise DataError(f"window = {self.window}, expected 0 to frame = {self.frame}")
        if self.hop < 1 or self.bands < 1 or not self.least > 0.0:
            raise DataError("hop and bands must be 1 or more, least above 0")
        if not 0.0 <= self.low < self.top <= self.rate / 2:
            raise DataError(
                f"low = {self.low:g}, high = {self.top:g}: expected 0 <= low < high <= rate / 2"
            )

    @property
    def top(self) -> float:
        """The highest frequency of a band, in Hz."""
        return self.rate / 2 if self.high is None else self.high


def hann_window(mel: Mel) -> Doubles:
    """What each sample of a frame is multiplied by; [frame]."""
    length = mel.window or mel.frame
    numbers = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)
    before = (mel.frame - length) // 2
    return np.pad(numbers, (before, mel.frame - length - before))


def mel_filters(mel: Mel) -> Doubles:
    """Weights of the bins of a frame's power; [bands, frame / 2 + 1]."""
    low, high = (2595.0 * np.log10(1.0 + hertz / 700.0) for hertz in (mel.low, mel.top))
    edges = 700.0 * (10.0 ** (np.linspace(low, high, mel.bands + 2) / 2595.0) - 1.0)
    bins = np.arange(mel.frame // 2 + 1) * mel.rate / mel.frame
    rise = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.asarray(np.maximum(0.0, np.minimum(rise, fall)), np.float64)


def cosines(count: int, bands: int) -> Doubles:
    """The orthonormal discrete cosine transform (DCT-II) of bands; [count, bands]."""
    if not 1 <= count <= bands:
        raise DataError(f"count = {count}, expected 1 to {bands}, the number of bands")
    angles = np.pi / bands * (np.arange(bands) + 0.5) * np.arange(count)[:, None]
    matrix: Doubles = np.cos(angles) * sqrt(2.0 / bands)
    matrix[0] /= sqrt(2.0)
    return matrix


def mel_power(samples: npt.ArrayLike, mel: Mel) -> Doubles:
    """Mel bands of power [..., frames, bands] of samples [..., count], -1 .. 1 as a rule.

    DataError where there are fewer samples than a frame has.
    """
    given = np.asarray(samples, np.float64)
    if given.ndim < 1 or given.shape[-1] < mel.frame:
        raise DataError(f"samples of shape {list(given.shape)}, expected {mel.frame} or more")
    frames = np.lib.stride_tricks.sliding_window_view(given, mel.frame, axis=-1)[..., :: mel.hop, :]
    power = np.abs(np.fft.rfft(frames * hann_window(mel))) ** 2
    return np.asarray(power @ mel_filters(mel).T)


def log_mel(samples: npt.ArrayLike, mel: Mel) -> Doubles:
    """Natural logarithms of `mel_power`, of no less than `mel.least`; [..., frames, bands]."""
    return np.log(np.maximum(mel_power(samples, mel), mel.least))


def mfcc(samples: npt.ArrayLike, mel: Mel, count: int = 13) -> Doubles:
    """The first `count` cosine coefficients of `log_mel`; [..., frames, count]."""
    return np.asarray(log_mel(samples, mel) @ cosines(count, mel.bands).T)


def torch_log_mel(mel: Mel) -> Any:
    """`log_mel` as a torch.nn.Module: [batch, samples] -> [batch, frames, bands].

    ModuleNotFoundError where torch is not installed.
    """
    return _module(mel, None)


def torch_mfcc(mel: Mel, count: int = 13) -> Any:
    """`mfcc` as a torch.nn.Module: [batch, samples] -> [batch, frames, count]."""
    return _module(mel, cosines(count, mel.bands))


def _module(mel: Mel, matrix: Doubles | None) -> Any:
    import torch

    class Features(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        """Buffers, not parameters: training leaves them as they are."""

        def __init__(self) -> None:
            super().__init__()
            arrays = {"window": hann_window(mel), "filters": mel_filters(mel).T}
            arrays |= {} if matrix is None else {"cosines": matrix.T}
            for name, array in arrays.items():
                numbers = torch.tensor(np.ascontiguousarray(array), dtype=torch.float32)
                self.register_buffer(name, numbers, persistent=False)

        def forward(self, samples: Any) -> Any:
            """[batch, samples] -> [batch, frames, features]."""
            bins = torch.stft(
                samples,
                mel.frame,
                mel.hop,
                mel.frame,
                self.window,
                center=False,
                return_complex=False,
            )
            power = bins.pow(2).sum(-1).transpose(1, 2)
            found = torch.log(torch.clamp(torch.matmul(power, self.filters), min=mel.least))
            return found if matrix is None else torch.matmul(found, self.cosines)

    return Features()
