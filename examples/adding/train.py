"""Train an LSTM on the adding problem and write adding.onnx, calibration.npz and test.npz.

A sequence has 100 steps of two numbers, a value in 0..1 and a mark. Two of the steps are marked,
one in each half; after the last step the network tells the sum of their values (task 4 of
Hochreiter and Schmidhuber 1997, who count a sequence as solved where the error is below 0.04).
Nothing but the cell state can carry the first value over the up to 98 steps that follow.

    python -m examples.adding.train [DIR]
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from examples import metrics, training

SEED = 0
STEPS = 100
HIDDEN = 24
LENGTHS = (10, 30, 60, STEPS)
"""It learns to add over short distances first."""
UPDATES = (600, 600, 800, 3000)
BATCH = 64
CALIBRATION, TEST = 100, 300
LEVELS = 256
"""Values are multiples of 1/256, to be stored in few bytes."""

Floats = npt.NDArray[np.float32]


class Adder(nn.Module):
    """Steps [batch, T, 2] to the sum [batch, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 1)
        with torch.no_grad():
            self.lstm.get_parameter("bias_ih_l0")[HIDDEN : 2 * HIDDEN] = 2.0

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.lstm(steps)
        total: torch.Tensor = self.head(outputs[:, -1])
        return total


def draw(generator: np.random.Generator, count: int, length: int) -> tuple[Floats, Floats]:
    """Sequences [count, length, 2] and their sums [count, 1]."""
    steps = np.zeros((count, length, 2), np.float32)
    steps[..., 0] = generator.integers(0, LEVELS + 1, (count, length)) / LEVELS
    rows, half = np.arange(count), length // 2
    for low, high in ((0, half), (half, length)):
        steps[rows, generator.integers(low, high, count), 1] = 1.0
    return steps, (steps[..., 0] * steps[..., 1]).sum(axis=1, keepdims=True)


def batches(generator: np.random.Generator, length: int) -> training.Batches:
    while True:
        steps, sums = draw(generator, BATCH, length)
        yield torch.from_numpy(steps), torch.from_numpy(sums)


def main() -> None:
    """Train, write the files and print what came out."""
    folder = training.folder_of(__file__)
    training.start(SEED)
    generator = np.random.default_rng(SEED)
    calibration, _ = draw(generator, CALIBRATION, STEPS)
    test, sums = draw(generator, TEST, STEPS)
    model = Adder()
    for length, updates in zip(LENGTHS, UPDATES, strict=True):
        training.fit(model, batches(generator, length), nn.MSELoss(), updates, rate=0.005)
    path = folder / "adding.onnx"
    training.export(model, torch.zeros(1, STEPS, 2), path, ("numbers", "sum"))
    files = {
        "calibration": {"numbers": calibration[:, None].astype(np.float16)},
        "test": {"numbers": test[:, None].astype(np.float16), "label": sums.astype(np.float16)},
    }
    training.save(folder, files)
    outputs = training.run_onnx(path, test[:, None])
    solved = metrics.METRICS["success"].of(outputs, files["test"])
    error = float(np.sqrt(np.mean((outputs[:, 0] - sums) ** 2)))
    training.report(model, folder, [f"solved {solved:.1f} %, root mean square error {error:.4f}"])


if __name__ == "__main__":
    main()
