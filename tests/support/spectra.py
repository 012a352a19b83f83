"""Models that begin with samples of audio: frames, their spectra, power, bands, logarithms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.clock import Window
from lstm_edge.ir.expr import Cell, apply, input_vector, larger
from lstm_edge.ir.model import Floats, Layer, Model, Node, Port, Tensor
from lstm_edge.layers.dense import dense
from lstm_edge.layers.spectrum import WINDOW, bin_power, frame_spectrum

Doubles = npt.NDArray[np.float64]


def hann(frame: int) -> Floats:
    """A periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(frame) / frame)).astype(np.float32)


def mel_weights(bands: int, frame: int, rate: float = 16000.0) -> Floats:
    """Triangles that overlap by a half, evenly apart on the mel scale; [bands, frame / 2 + 1]."""
    top = 2595.0 * np.log10(1.0 + rate / 2.0 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0.0, top, bands + 2) / 2595.0) - 1.0)
    bins = np.arange(frame // 2 + 1) * rate / frame
    rise = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)


def speech(samples: int, steps: int, hop: int, loudness: float, seed: int = 0) -> Floats:
    """Pulses through resonances, and noise, that grow louder and quieter; [samples, steps, hop]."""
    rng = np.random.default_rng([seed, 11])
    count = steps * hop
    found = np.zeros((samples, count))
    for k in range(samples):
        pitch = rng.uniform(90.0, 220.0)
        phase = np.cumsum(pitch * (1.0 + 0.1 * np.sin(np.arange(count) / 3000.0)) / 16000.0)
        pulses = np.diff(np.floor(phase), prepend=0.0) + 0.02 * rng.normal(size=count)
        for centre, width in ((500.0, 80.0), (1500.0, 120.0), (2500.0, 160.0)):
            r = np.exp(-np.pi * width / 16000.0)
            a, b = 2.0 * r * np.cos(2.0 * np.pi * centre / 16000.0), -r * r
            y = np.zeros(count)
            for t in range(count):
                y[t] = pulses[t] + a * y[t - 1] + b * y[t - 2] if t > 1 else pulses[t]
            pulses = y
        swell = 0.5 + 0.5 * np.sin(np.arange(count) / rng.uniform(1500.0, 4000.0))
        found[k] = pulses * swell**2
        found[k] *= loudness / np.abs(found[k]).max()
    whole = np.round(found * 32768.0).clip(-32768, 32767) / 32768.0
    return whole.reshape(samples, steps, hop).astype(np.float32)


def mel_model(
    frame: int = 512,
    hop: int = 160,
    bands: int = 40,
    least: float = 0.0,
    root: bool = False,
    added: str = "",
    kind: str = "",
    window: npt.NDArray[np.float64] | None = None,
    first: int = 0,
) -> Model:
    """Hops of samples in, mel bands out; least: their logarithm, of no less than this. root: of
    magnitudes, not of power. added: "sum" or "bias" where `least` is added instead. kind: of
    samples that are integers. window: other than Hann's, of fewer samples or of several taps.
    first: the number that a frame begins with.
    """
    numbers = hann(frame) if window is None else window.astype(np.float32)
    taps, seen = np.atleast_2d(numbers).shape
    kernel = -(-(first + seen + taps - 1) // hop)
    mel = mel_weights(bands, frame)
    sizes = {"x": hop, "bins": frame + 2, "power": frame // 2 + 1, "mel": bands, "log": bands}
    sizes["root"] = frame // 2 + 1
    params: Mapping[str, Floats] = {WINDOW: numbers}
    x = input_vector("x")
    nodes = [
        Node(
            "spectrum",
            Layer(frame_spectrum(frame, kernel > 1, first), params, window=Window(kernel)),
            {"x": "x"},
            {"y": "bins"},
        ),
        Node("power", Layer(bin_power()), {"x": "bins"}, {"y": "power"}),
    ]
    if root:
        cell = Cell("root", {"y": apply("sqrt", x)})
        nodes.append(Node("root", Layer(cell), {"x": "power"}, {"y": "root"}))
    bias = np.full(bands, least if added == "bias" else 0.0, np.float32)
    weights = {"W_y": mel, "b_y": bias}
    nodes.append(
        Node("mel", Layer(dense(), weights), {"x": "root" if root else "power"}, {"y": "mel"})
    )
    top = "mel"
    if least:
        above = {"": larger(x, least), "sum": least + x, "bias": x}[added]
        cell = Cell("log", {"y": apply("log", above)}, limited=True)
        nodes.append(Node("log", Layer(cell), {"x": "mel"}, {"y": "log"}))
        top = "log"
    used = {t for n in nodes for t in (*n.reads, *n.makes)}
    return Model(
        name="net",
        inputs=(Port("x", "x", ("batch", "time", "feature"), (1, -1, hop), kind=kind),),
        outputs=(Port("y", top, ("batch", "time", "feature"), (1, -1, bands)),),
        tensors={n: Tensor(n, s, True) for n, s in sizes.items() if n in used},
        nodes=tuple(nodes),
        steps=None,
        sha256="0" * 64,
    )


def exact_mel(samples: Floats, frame: int, bands: int, *, root: bool = False) -> Doubles:
    """Mel bands [samples, frames, bands] of hops [samples, steps, hop], in float64."""
    count, _, hop = samples.shape
    stream = samples.reshape(count, -1).astype(np.float64)
    starts = range(0, stream.shape[1] - frame + 1, hop)
    frames = np.stack([stream[:, s : s + frame] for s in starts], axis=1)
    bins = np.abs(np.fft.rfft(frames * hann(frame))) ** (1.0 if root else 2.0)
    return np.asarray(bins @ mel_weights(bands, frame).T.astype(np.float64))
