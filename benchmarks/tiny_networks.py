"""Networks of MLPerf Tiny, as its rules describe them, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from benchmarks.networks import Array, save
from lstm_edge.features import Mel, mel_filters

NAME = "network"
SAMPLES = 20


class Net:
    """A graph as it grows: one tensor after the other, of which `x` is the last."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.x = "x"

    def constant(self, array: Any, kind: type[Any] = np.float32) -> str:
        """The name of a constant."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array, kind)
        return name

    def drawn(self, *shape: int) -> str:
        """Weights that keep what they make about as large as what they read."""
        most = (6 / np.prod(shape[1:])) ** 0.5
        return self.constant(self.rng.uniform(-most, most, shape))

    def add(self, op: str, *more: str, **attributes: Any) -> None:
        """A node of the last tensor and `more`."""
        y = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [self.x, *more], [y], **attributes))
        self.x = y

    def norm_and_relu(self, channels: int) -> None:
        """BatchNormalization and ReLU."""
        draw = self.rng.uniform
        parts = (draw(0.5, 1.5, channels), draw(-0.3, 0.3, channels), draw(-0.3, 0.3, channels))
        names = [self.constant(part) for part in (*parts, draw(0.5, 1.5, channels))]
        self.add("BatchNormalization", *names)
        self.add("Relu")

    def dense(self, inputs: int, outputs: int) -> None:
        """A dense layer of vectors."""
        bias = self.constant(self.rng.uniform(-0.1, 0.1, outputs))
        self.add("Gemm", self.drawn(outputs, inputs), bias, transB=1)

    def write(self, folder: Path, inputs: list[Any], outputs: list[Any], x: Array) -> Files:
        """The ONNX file and its calibration data."""
        self.nodes.append(helper.make_node("Identity", [self.x], ["y"]))
        ports = {"x": inputs}, {"y": outputs}
        data = {"x": x.astype(np.float32)}
        return save(folder, NAME, self.nodes, self.constants, *ports, data)


Files = tuple[Path, Path]

AUTOENCODER = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)


def autoencoder(folder: Path) -> Files:
    """Anomaly detection: dense layers, BatchNormalization and ReLU behind all but the last."""
    net = Net()
    for k, (inputs, outputs) in enumerate(pairwise(AUTOENCODER)):
        net.dense(inputs, outputs)
        if k < len(AUTOENCODER) - 2:
            net.norm_and_relu(outputs)
    x = net.rng.uniform(-1, 1, (SAMPLES, AUTOENCODER[0]))
    return net.write(folder, ["N", AUTOENCODER[0]], ["N", AUTOENCODER[-1]], x)


FRAMES, COEFFICIENTS, CHANNELS, BLOCKS, WORDS = 49, 10, 64, 4, 12


def spotter(folder: Path) -> Files:
    """Keyword spotting: DS-CNN over 49 frames of 10 MFCC."""
    net = Net()
    net.add("Conv", net.drawn(CHANNELS, 1, 10, 4), strides=[2, 2], pads=[4, 1, 5, 1])
    net.norm_and_relu(CHANNELS)
    for _ in range(BLOCKS):
        net.add("Conv", net.drawn(CHANNELS, 1, 3, 3), group=CHANNELS, pads=[1] * 4)
        net.norm_and_relu(CHANNELS)
        net.add("Conv", net.drawn(CHANNELS, CHANNELS, 1, 1))
        net.norm_and_relu(CHANNELS)
    net.add("AveragePool", kernel_shape=[25, 5])
    net.add("Flatten")
    net.dense(CHANNELS, WORDS)
    net.add("Softmax")
    x = net.rng.uniform(-1, 1, (SAMPLES, 1, FRAMES, COEFFICIENTS))
    return net.write(folder, ["N", 1, FRAMES, COEFFICIENTS], ["N", WORDS], x)


MEL = Mel(rate=16000, frame=1024, hop=512, bands=40, low=125.0, high=7500.0)
SEPARABLE = ((128, 3), (64, 5), (64, 10), (32, 15))
"""Units and steps of each convolution."""
CLASSES = 3
AUDIO = (6, 160)
"""Recordings to calibrate on, and frames of each."""


def wake_word(folder: Path) -> Files:
    """Streaming wake word: logarithms of mel bands, separable convolutions along time, dense."""
    net = Net()
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(MEL.frame) / MEL.frame)
    sizes = (MEL.hop, window, MEL.frame)
    kinds = (np.int64, np.float32, np.int64)
    net.add("STFT", *map(net.constant, sizes, kinds), onesided=1)
    net.add("Mul", net.x)
    net.add("ReduceSum", net.constant([-1], np.int64), keepdims=0)
    net.add("MatMul", net.constant(mel_filters(MEL).T))
    net.add("Max", net.constant(MEL.least))
    net.add("Log")
    net.add("Mul", net.constant(0.1))
    net.add("Transpose", perm=[0, 2, 1])
    channels = MEL.bands
    for units, steps in SEPARABLE:
        net.add("Conv", net.drawn(channels, 1, steps), group=channels)
        net.add("Conv", net.drawn(units, channels, 1))
        net.norm_and_relu(units)
        channels = units
    net.add("Transpose", perm=[0, 2, 1])
    net.add("MatMul", net.drawn(channels, CLASSES))
    net.add("Add", net.constant(net.rng.uniform(-0.1, 0.1, CLASSES)))
    return net.write(folder, [1, "samples", 1], [1, "frames", CLASSES], _sounds(net.rng))


def _sounds(rng: np.random.Generator) -> Array:
    """A tone in noise each, loud or quiet; [recordings, 1, samples, 1]."""
    count, frames = AUDIO
    time = np.arange(frames * MEL.hop)
    made = [
        rng.uniform(0.0, 0.5) * np.sin(time * rng.uniform(0.05, 2.0))
        + rng.uniform(0.001, 0.2) * rng.normal(size=time.size)
        for _ in range(count)
    ]
    return np.clip(made, -1, 1)[:, None, :, None]


def _separable_macs(units: int, channels: int, seen: int) -> int:
    return channels * seen + channels * units


@dataclass(frozen=True)
class Tiny:
    """A network of the suite. macs: multiply-accumulates, those of each channel's convolution
    included: of an inference, or of a frame, which is `seconds` long then.
    """

    name: str
    write: Callable[[Path], Files]
    macs: int
    activations: tuple[int, ...] = (12,)
    seconds: float = 0.0


_PLACES = 25 * 5
NETWORKS = (
    Tiny("AD", autoencoder, sum(a * b for a, b in pairwise(AUTOENCODER)), (12, 8)),
    Tiny(
        "KWS",
        spotter,
        _PLACES * (CHANNELS * 40 + BLOCKS * _separable_macs(CHANNELS, CHANNELS, 9))
        + CHANNELS * WORDS,
    ),
    Tiny(
        "SWW",
        wake_word,
        sum(
            _separable_macs(units, channels, steps)
            for (units, steps), channels in zip(
                SEPARABLE, (MEL.bands, *(n for n, _ in SEPARABLE)), strict=False
            )
        )
        + SEPARABLE[-1][0] * CLASSES,
        seconds=MEL.hop / MEL.rate,
    ),
)
