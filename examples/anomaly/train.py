"""Train an autoencoder on the vibration of a sound motor and write anomaly.onnx and the arrays.

A GRU reads a window of 32 samples on three axes and leaves 16 numbers. A second GRU reads these
numbers at each of 32 steps and says what the window was. It has seen sound motors only
(vibration.py): what it says of another one is wrong, and the mean square of that error is large.

The output is that error divided by a threshold, so a score above 1 is an alarm. The threshold is
what 1 % of sound windows exceed that were held back from training; it is in the file, so nobody
has to carry it from the training to the firmware. Calibration has a few windows with faults: it
says how large scores get, and those that it has not seen are limited.

    python -m examples.anomaly.train [DIR]
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from examples import metrics, training
from examples.anomaly import vibration

SEED = 0
HIDDEN = 16
TRAIN, HELD_BACK = 6000, 4000
CALIBRATION = {"sound": 100, "imbalance": 25, "bearing": 25, "drift": 25, "stuck": 25}
TEST = {"sound": 500, "imbalance": 125, "bearing": 125, "drift": 125, "stuck": 125}
FALSE_ALARMS = 0.01
"""Part of sound windows that the threshold takes for faults."""
UPDATES = 5000
BATCH = 64

Counts = vibration.Counts
Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int8]


class Autoencoder(nn.Module):
    """Counts [batch, 32, 3] to scores [batch, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.GRU(vibration.AXES, HIDDEN, batch_first=True)
        self.decoder = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, vibration.AXES)
        self.register_buffer("centre", torch.tensor([0.0, 1.0, 0.0]) * vibration.COUNTS)
        self.register_buffer("spread", torch.tensor(vibration.COUNTS / 8))
        self.register_buffer("threshold", torch.tensor(1.0))

    def forward(self, counts: torch.Tensor) -> torch.Tensor:
        x = (counts.float() - self.centre) / self.spread
        _, code = self.encoder(x)
        repeated = code[0].unsqueeze(1).repeat(1, vibration.STEPS, 1)
        hidden, _ = self.decoder(repeated)
        error = (self.head(hidden) - x).square().mean(dim=(1, 2))
        return error.unsqueeze(1) / self.threshold


def scores(model: Autoencoder, counts: Counts) -> Floats:
    """Of windows [N, 32, 3]: [N, 1]."""
    with torch.no_grad():
        found: Floats = model(torch.from_numpy(counts)).numpy()
    return found


def mean_score(found: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return found.mean()


def mixed(generator: np.random.Generator, counts: Mapping[str, int]) -> tuple[Counts, Labels]:
    """Windows of all kinds, and what each is."""
    drawn = [vibration.windows(generator, counts[kind], kind) for kind in vibration.KINDS]
    label = np.repeat(np.arange(len(drawn)), [len(each) for each in drawn])
    return np.concatenate(drawn), label.astype(np.int8)


def main() -> None:
    """Train, write the files and print what came out."""
    folder = training.folder_of(__file__)
    training.start(SEED)
    generator = np.random.default_rng(SEED)
    sound = vibration.windows(generator, TRAIN)
    held_back = vibration.windows(generator, HELD_BACK)
    test, label = mixed(generator, TEST)
    calibration, _ = mixed(generator, CALIBRATION)
    model = Autoencoder()
    training.fit(model, training.shuffled(sound, sound, BATCH, SEED), mean_score, UPDATES)
    errors = scores(model, held_back)
    threshold = float(np.quantile(errors, 1.0 - FALSE_ALARMS))
    model.threshold.fill_(threshold)
    path = folder / "anomaly.onnx"
    example = torch.zeros(1, vibration.STEPS, vibration.AXES, dtype=torch.int16)
    training.export(model, example, path, ("counts", "score"))
    files = {
        "calibration": {"counts": calibration[:, None]},
        "test": {"counts": test[:, None], "label": label},
    }
    training.save(folder, files)
    outputs = training.run_onnx(path, test[:, None])
    difference = np.abs(outputs[:, 0] / scores(model, test) - 1.0).max()
    figures = [
        f"threshold {threshold:.4f}, mean error of sound windows {errors.mean():.4f}",
        *(f"{kind}: {np.mean(outputs[label == k] > metrics.ALARM):.1%} of windows above it"
          for k, kind in enumerate(vibration.KINDS)),
        f"area under ROC {metrics.METRICS['separation'].of(outputs, files['test']):.2f} %",
        f"largest difference between PyTorch and onnxruntime {difference:.1e} of a score",
    ]  # fmt: skip
    training.report(model, folder, figures)


if __name__ == "__main__":
    main()
