"""Train a GRU to spot five words in a stream of audio features.

Each time step is a frame of 20 ms: 16 logarithmic energies on a mel scale, in units of 2 dB. At
every step the network gives seven logits: silence, the five words, and unknown for any other
word. A word is to be reported in the frames after its end; before that, silence. The speech is made
up by speech.py: other speakers, speeds, loudness and noise in every recording.

    python -m examples.keywords.train [DIR]
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from examples import metrics, training
from examples.keywords import speech

SEED = 0
HIDDEN = 32
FRAMES = 250
TRAIN, CALIBRATION, TEST = 700, 12, 40
UPDATES = 1000
BATCH = 32
REPORT = (1, 10)
"""Frames after the end of a word that shall report it."""
MARGIN = 3
"""Frames before and after those in which either answer is right."""
MOST_WORDS = 12
IGNORED = -100

Features = npt.NDArray[np.int8]
Labels = npt.NDArray[np.int64]


class Spotter(nn.Module):
    """Frames [batch, T, 16] to logits [batch, T, 7]."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(speech.BANDS, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, len(speech.NAMES))
        with torch.no_grad():
            self.gru.get_parameter("weight_ih_l0").div_(8.0)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.gru(frames)
        logits: torch.Tensor = self.head(outputs)
        return logits


def record(generator: np.random.Generator, count: int) -> tuple[Features, Labels, Labels]:
    """Features [count, FRAMES, 16], the wanted class of each frame, the words that were said."""
    heard = np.zeros((count, FRAMES, speech.BANDS), np.int8)
    wanted = np.zeros((count, FRAMES), np.int64)
    words = np.zeros((count, MOST_WORDS), np.int64)
    for k in range(count):
        heard[k], said = speech.record(generator, FRAMES)
        for kind, end in said:
            first, last = end + REPORT[0], end + REPORT[1]
            wanted[k, first - MARGIN : last + MARGIN] = IGNORED
            wanted[k, first:last] = kind
        spotted = [kind for kind, _ in said if kind <= len(speech.WORDS)]
        words[k, : len(spotted)] = spotted
    return heard, wanted, words


def loss_of(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED)


def main() -> None:
    """Train, write the files and print what came out."""
    folder = training.folder_of(__file__)
    training.start(SEED)
    generator = np.random.default_rng(SEED)
    test, _, words = record(generator, TEST)
    calibration, _, _ = record(generator, CALIBRATION)
    heard, wanted, _ = record(generator, TRAIN)
    model = Spotter()
    batches = training.shuffled(heard.astype(np.float32), wanted, BATCH, SEED)
    training.fit(model, batches, loss_of, UPDATES, rate=0.008)
    path = folder / "keywords.onnx"
    example = torch.zeros(1, FRAMES, speech.BANDS)
    training.export(model, example, path, ("frames", "logits"), dynamo=False, time_axis=1)
    files = {
        "calibration": {"frames": calibration[:, None]},
        "test": {"frames": test[:, None], "label": words.astype(np.int8)},
    }
    training.save(folder, files)
    right = metrics.METRICS["words"].of(training.run_onnx(path, test[:, None]), files["test"])
    count = int((words > 0).sum())
    training.report(model, folder, [f"{right:.2f} % of {count} words spotted, other words ignored"])


if __name__ == "__main__":
    main()
