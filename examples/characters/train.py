"""Train a two-layer LSTM that writes text, and write characters.onnx and the arrays.

At every step the network reads a character and gives the logits of the next one. The text comes
with Python: the help topics of its package `pydoc_data`, in small letters, digits as 0. One
paragraph in ten is kept out of the training set, for the perplexity.

Another version of Python has slightly other topics; the files were made with Python 3.11.

    python -m examples.characters.train [DIR]
"""

import re
from pydoc_data.topics import topics

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from examples import metrics, training

SEED = 0
CHARACTERS = "\n abcdefghijklmnopqrstuvwxyz.,;:'\"()-_=0"
WIDTH = 16
HIDDEN = 48
WINDOW, STEPS = 96, 160
UPDATES = 3000
BATCH = 48
CALIBRATION, TEST = 48, 64
LEAST_LETTERS = 0.72
"""A paragraph with fewer small letters is a table or code, and left out."""

Ids = npt.NDArray[np.uint8]


def paragraphs() -> list[str]:
    """The text of all topics in the characters of the network, each paragraph once."""
    found: dict[str, None] = {}
    for name in sorted(topics):
        for part in re.split(r"\n\s*\n", topics[name]):
            text = re.sub(r"[0-9]+", "0", " ".join(part.lower().split()))
            text = "".join(c for c in text if c in CHARACTERS)
            letters = sum(c.isalpha() for c in text)
            if len(text) > 60 and letters >= LEAST_LETTERS * len(text):
                found[re.sub(" +", " ", text)] = None
    return list(found)


def encode(text: str) -> Ids:
    return np.array([CHARACTERS.index(c) for c in text], np.uint8)


class Writer(nn.Module):
    """Numbers of characters [batch, T] to the logits of the next ones [batch, T, 40]."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(CHARACTERS), WIDTH)
        self.lstm = nn.LSTM(WIDTH, HIDDEN, num_layers=2, batch_first=True)
        self.head = nn.Linear(HIDDEN, len(CHARACTERS))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.lstm(self.embedding(ids))
        logits: torch.Tensor = self.head(outputs)
        return logits


def windows(text: Ids, starts: npt.NDArray[np.int64], length: int) -> tuple[Ids, Ids]:
    """Characters [N, length] and those that follow them."""
    rows = starts[:, None] + np.arange(length + 1)
    return text[rows[:, :-1]], text[rows[:, 1:]]


def batches(text: Ids, seed: int = SEED) -> training.Batches:
    generator = np.random.default_rng(seed)
    while True:
        starts = generator.integers(0, len(text) - WINDOW - 1, BATCH)
        ids, following = windows(text, starts, WINDOW)
        yield torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(following.astype(np.int64))


def loss_of(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())


def main() -> None:
    """Train, write the files and print what came out."""
    folder = training.folder_of(__file__)
    training.start(SEED)
    texts = paragraphs()
    known = encode("\n".join(t for k, t in enumerate(texts) if k % 10))
    unknown = encode("\n".join(t for k, t in enumerate(texts) if k % 10 == 0))
    model = Writer()
    training.fit(model, batches(known), loss_of, UPDATES, rate=0.01)
    path = folder / "characters.onnx"
    example = torch.zeros(1, STEPS, dtype=torch.int64)
    training.export(model, example, path, ("ids", "logits"), dynamo=False, time_axis=1)

    def spaced(text: Ids, count: int) -> tuple[Ids, Ids]:
        starts = np.linspace(0, len(text) - STEPS - 1, count).astype(np.int64)
        ids, following = windows(text, starts, STEPS)
        return ids[:, None], following

    calibration, _ = spaced(known, CALIBRATION)
    ids, following = spaced(unknown, TEST)
    files = {"calibration": {"ids": calibration}, "test": {"ids": ids, "label": following}}
    training.save(folder, files)
    (folder / "characters.txt").write_text(CHARACTERS)
    outputs = training.run_onnx(path, ids)
    perplexity = metrics.METRICS["perplexity"].of(outputs, files["test"])
    shares = np.bincount(known, minlength=len(CHARACTERS)) / len(known)
    alone = float(np.exp(-np.mean(np.log(shares[following[:, metrics.FIRST_GUESSES :]] + 1e-9))))
    figures = [f"{len(known)} characters; perplexity {perplexity:.2f}, without context {alone:.2f}"]
    training.report(model, folder, figures)


if __name__ == "__main__":
    main()
