"""Train a network that hears one word in raw samples of a microphone, and tells which.

The samples are int16 at 8 kHz, as a narrow line passes them: in 6 bits, by the mu-law. The
network makes 20 logarithms of mel bands of them every 20 ms, a convolution over time and frequency
takes up what is near, a GRU the order, and a dense layer gives five words, any other word, and
noise alone. The words are those of keywords/speech.py, said by other speakers each time.

    python -m examples.commands.train [DIR]
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from examples import metrics, training
from examples.keywords import speech
from lstm_edge.features import Mel, torch_log_mel

SEED = 0
HOP = speech.RATE // 50
SAMPLES = 36 * HOP
MEL = Mel(rate=speech.RATE, frame=256, hop=HOP, bands=20, low=100.0)
CHANNELS, HIDDEN = 8, 24
KERNEL, STRIDE = (3, 5), (1, 2)
"""Of the convolution: frames and bands."""
TRAIN, CALIBRATION, TEST = 3000, 7, 35
UPDATES = 1200
BATCH = 32
LEVELS = 255.0
"""The mu of the mu-law."""

Samples = npt.NDArray[np.int16]
Labels = npt.NDArray[np.int64]


class Listener(nn.Module):
    """Samples [batch, SAMPLES] to logits [batch, 7]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torch_log_mel(MEL)
        self.norm = nn.BatchNorm1d(MEL.bands)
        self.conv = nn.Conv2d(1, CHANNELS, KERNEL, STRIDE)
        places = (MEL.bands - KERNEL[1]) // STRIDE[1] + 1
        self.gru = nn.GRU(CHANNELS * places, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, len(speech.NAMES))

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        bands = self.features(samples / 32768.0)
        bands = self.norm(bands.transpose(1, 2)).transpose(1, 2)
        seen = torch.relu(self.conv(bands.unsqueeze(1)))
        outputs, _ = self.gru(seen.transpose(1, 2).flatten(2))
        logits: torch.Tensor = self.head(outputs[:, -1])
        return logits


def passed_on(sound: npt.NDArray[np.float64]) -> Samples:
    """Samples of 16 bits that went through a line with 6: the mu-law, there and back."""
    size = np.log1p(LEVELS * np.minimum(np.abs(sound), 1.0)) / np.log1p(LEVELS)
    heard = (np.expm1(np.rint(size * 31.0) / 31.0 * np.log1p(LEVELS)) / LEVELS) * np.sign(sound)
    return np.rint(heard * 32767.0).astype(np.int16)


def record(generator: np.random.Generator, kind: int) -> Samples:
    """A word, or none, somewhere in noise."""
    sound = np.zeros(SAMPLES)
    if kind:
        other = kind == len(speech.NAMES) - 1
        phones = speech.draw_other(generator) if other else speech.WORDS[speech.NAMES[kind]]
        word = speech.say(generator, phones, speech.draw_speaker(generator))[:SAMPLES]
        begin = int(generator.integers(0, SAMPLES - len(word) + 1))
        sound[begin : begin + len(word)] = word
    loudness = 10.0 ** generator.uniform(-2.6, -1.2)
    hum = speech.band_noise(generator, SAMPLES, 50.0, generator.uniform(500.0, 3500.0))
    sound += loudness * (hum + 0.5 * generator.standard_normal(SAMPLES))
    return passed_on(sound * 10.0 ** generator.uniform(-1.3, -0.5))


def recordings(generator: np.random.Generator, count: int) -> tuple[Samples, Labels]:
    """Samples [count, SAMPLES] and what was said, all classes equally often."""
    kinds = np.arange(count) % len(speech.NAMES)
    return np.stack([record(generator, int(kind)) for kind in kinds]), kinds


def main() -> None:
    """Train, write the files and print what came out."""
    folder = training.folder_of(__file__)
    training.start(SEED)
    generator = np.random.default_rng(SEED)
    test, said = recordings(generator, TEST)
    calibration, _ = recordings(generator, CALIBRATION)
    heard, wanted = recordings(generator, TRAIN)
    model = Listener()
    batches = training.shuffled(heard.astype(np.float32), wanted, BATCH, SEED)
    training.fit(model, batches, nn.functional.cross_entropy, UPDATES, rate=0.006)
    path = folder / "commands.onnx"
    training.export(model, torch.zeros(1, SAMPLES), path, ("samples", "logits"))
    files = {
        "calibration": {"samples": calibration[:, None]},
        "test": {"samples": test[:, None], "label": said.astype(np.int8)},
    }
    training.save(folder, files)
    right = metrics.METRICS["accuracy"].of(training.run_onnx(path, test[:, None]), files["test"])
    more, told = recordings(np.random.default_rng(SEED + 1), 700)
    with torch.no_grad():
        found = model(torch.from_numpy(more.astype(np.float32))).argmax(1).numpy()
    figures = [f"{right:.2f} % of {TEST}", f"{100.0 * np.mean(found == told):.2f} % of {len(told)}"]
    training.report(model, folder, figures)


if __name__ == "__main__":
    main()
