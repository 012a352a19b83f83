"""Train a network of two sensors and write activity.onnx and the arrays.

An accelerometer comes 100 times a second, a barometer 25 times (motion.py). A convolution takes
four samples of the accelerometer at a time; beside each of its results stands the barometer's
sample of that time, and a GRU reads both. At the end of a window of 1.28 s a dense layer says what
the wearer does.

The firmware calls `_step` 100 times a second and gives the pressure that it read last.

    python -m examples.activity.train [DIR]
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from torch import nn

from examples import training
from examples.activity import motion

SEED = 0
UNITS, HIDDEN, SEEN = 12, 16, 8
TRAIN, CALIBRATION, TEST = 6000, 60, 192
UPDATES, BATCH = 3000, 64

Floats = npt.NDArray[np.float32]


class Network(nn.Module):
    """Counts of both sensors to logits [batch, activities]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(motion.AXES, UNITS, SEEN, stride=motion.EVERY)
        self.gru = nn.GRU(UNITS + 1, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, len(motion.ACTIVITIES))

    def forward(self, accel: torch.Tensor, baro: torch.Tensor) -> torch.Tensor:
        moves = (accel.float() / motion.PER_G).transpose(1, 2)
        early = nn.functional.pad(moves, (SEEN - motion.EVERY, 0))
        seen = self.conv(early).relu().transpose(1, 2)
        both = torch.cat([seen, baro.float() / (8 * motion.PER_PASCAL)], dim=2)
        hidden, _ = self.gru(both)
        logits: torch.Tensor = self.head(hidden[:, -1])
        return logits


class Flat(nn.Module):
    """The network for a training loop of one input: the numbers of both sensors end to end."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, flat: torch.Tensor) -> torch.Tensor:
        accel, baro = flat.split([motion.STEPS * motion.AXES, motion.STEPS // motion.EVERY], 1)
        logits: torch.Tensor = self.network(accel.view(len(flat), -1, motion.AXES), baro[..., None])
        return logits


def export(network: Network, path: Path) -> None:
    """Write the network of one window."""
    accel = torch.zeros(1, motion.STEPS, motion.AXES, dtype=torch.int16)
    baro = torch.zeros(1, motion.STEPS // motion.EVERY, 1, dtype=torch.int16)
    names = {"input_names": ["accel", "baro"], "output_names": ["logits"]}
    torch.onnx.export(
        network, (accel, baro), path, dynamo=True, external_data=False, verbose=False, **names
    )
    training.save_model(onnx.load(path), path)


def logits_of(path: Path, accel: motion.Counts, baro: motion.Counts) -> Floats:
    """What onnxruntime computes of windows, one after the other."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    windows = zip(accel, baro, strict=True)
    found = [session.run(None, {"accel": a[None], "baro": b[None]})[0] for a, b in windows]
    return np.concatenate(found)


def main() -> None:
    """Train, write the files and print what came out."""
    folder = training.folder_of(__file__)
    training.start(SEED)
    generator = np.random.default_rng(SEED)
    accel, baro, label = motion.windows(generator, TRAIN)
    flat = np.concatenate([each.reshape(TRAIN, -1) for each in (accel, baro)], axis=1)
    network = Network()
    batches = training.shuffled(flat.astype(np.float32), label.astype(np.int64), BATCH, SEED)
    training.fit(Flat(network), batches, nn.functional.cross_entropy, UPDATES)
    path = folder / "activity.onnx"
    export(network, path)
    files = {}
    for name, count in (("calibration", CALIBRATION), ("test", TEST)):
        accel, baro, label = motion.windows(generator, count)
        files[name] = {"accel": accel[:, None], "baro": baro[:, None]}
    files["test"]["label"] = label
    training.save(folder, files)
    found = logits_of(path, accel, baro)
    with torch.no_grad():
        same = network(torch.from_numpy(accel), torch.from_numpy(baro)).numpy()
    blind = logits_of(path, accel, np.zeros_like(baro))
    figures = [
        f"{np.mean(found.argmax(1) == label):.1%} of windows right",
        f"{np.mean(blind.argmax(1) == label):.1%} without the barometer",
        f"largest difference between PyTorch and onnxruntime {np.abs(found - same).max():.1e}",
    ]
    training.report(network, folder, figures)


if __name__ == "__main__":
    main()
