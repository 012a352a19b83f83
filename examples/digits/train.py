"""Train the digits LSTM and write digits.onnx, calibration.npz and test.npz; or train it again.

The data are the handwritten digits that come with scikit-learn: 1797 images of 8 by 8 pixels with
values 0..16, here divided by 16. An image is a sequence of 8 time steps, one row of 8 pixels each,
from top to bottom. An LSTM reads the rows, a linear layer on its last output gives ten logits.

The test images are set aside before anything else and serve only for the accuracy that is printed
at the end, measured by PyTorch and by onnxruntime on the exported file. The settings below were
chosen by cross-validation on the training images. The calibration images are a part of those.

Nobody needs this script to use the example: the files that it writes are in the repository. To
write them again:

    pip install torch onnx onnxscript onnxruntime scikit-learn
    python -m examples.digits.train [DIR]
    python -m examples.digits.train --again [DIR]

The second trains the same network from other first weights and writes retrained.onnx alone: what
firmware/update puts in the place of the first one.

DIR is the folder of the script unless given. One thread and a fixed seed make the same files in
every run on one machine; another processor or another version of PyTorch may round differently
and end at other weights.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from examples import training

SEED = 0
CLASSES = 10
HIDDEN = 32
EPOCHS = 60
BATCH = 32
LEARNING_RATE = 0.01
WEIGHT_DECAY = 0.1
LABEL_SMOOTHING = 0.1
TEST_IMAGES = 360
CALIBRATION_IMAGES = 128
PIXEL_MAX = 16

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


class DigitsLstm(nn.Module):
    """Rows [batch, 8, 8] to logits [batch, 10]: an LSTM and a linear layer on its last output."""

    def __init__(self) -> None:
        """Draw the first weights from PyTorch's global generator."""
        super().__init__()
        self.lstm = nn.LSTM(input_size=8, hidden_size=HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, CLASSES)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the logits after the last row."""
        outputs, _ = self.lstm(rows)
        logits: torch.Tensor = self.head(outputs[:, -1])
        return logits


@dataclass(frozen=True)
class Split:
    """Images [N, 8, 8] in 0..1 and their labels; `calibration` is a part of `train`."""

    train: Floats
    train_label: Labels
    calibration: Floats
    test: Floats
    test_label: Labels


def load_split() -> Split:
    """Return the digits, split with the same share of every digit in each part."""
    digits = load_digits()
    images = (digits.images / PIXEL_MAX).astype(np.float32)
    labels = digits.target.astype(np.int64)
    train, test, train_label, test_label = train_test_split(
        images, labels, test_size=TEST_IMAGES, stratify=labels, random_state=SEED
    )
    _, calibration = train_test_split(
        train, test_size=CALIBRATION_IMAGES, stratify=train_label, random_state=SEED
    )
    return Split(train, train_label, calibration, test, test_label)


def train_model(images: Floats, labels: Labels, seed: int = SEED) -> DigitsLstm:
    """Return a network trained on images [N, 8, 8] for a fixed number of epochs."""
    torch.manual_seed(seed)
    model = DigitsLstm()
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    steps_per_epoch = -(-len(x) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * steps_per_epoch)
    loss_of = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for index in torch.split(torch.randperm(len(x)), BATCH):
            optimizer.zero_grad()
            loss = loss_of(model(x[index]), y[index])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(index)
        if epoch % 10 == 0:
            print(f"epoch {epoch:3d}  loss {total / len(x):.4f}")
    return model.eval()


def export_onnx(model: DigitsLstm, path: Path) -> None:
    """Write `model` for one sequence at a time: `rows` [1, 8, 8] to `logits` [1, 10]."""
    torch.onnx.export(
        model,
        (torch.zeros(1, 8, 8),),
        path,
        input_names=["rows"],
        output_names=["logits"],
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    training.save_model(onnx.load(path), path)


def accuracy(logits: Floats, labels: Labels) -> str:
    """Return in words how many rows of logits [N, 10] have their maximum at the label."""
    right = int((logits.argmax(axis=1) == labels).sum())
    return f"{right} of {len(labels)} right, {100 * right / len(labels):.2f} %"


def onnx_logits(path: Path, images: Floats) -> Floats:
    """Return the logits [N, 10] of images [N, 1, 8, 8], computed by onnxruntime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rows = [session.run(["logits"], {"rows": image})[0] for image in images]
    return np.concatenate(rows)


def main() -> None:
    """Train, write the three files and print what came out."""
    parser = argparse.ArgumentParser(description="Train the digits LSTM and export it.")
    parser.add_argument(
        "directory",
        nargs="?",
        type=Path,
        default=Path(__file__).parent,
        metavar="DIR",
        help="folder to write to, default: that of this script",
    )
    parser.add_argument("--again", action="store_true", help="write retrained.onnx alone")
    given = parser.parse_args()
    directory: Path = given.directory
    directory.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)

    split = load_split()
    if given.again:
        again = directory / "retrained.onnx"
        export_onnx(train_model(split.train, split.train_label, SEED + 1), again)
        found = onnx_logits(again, split.test[:, None])
        print(f"test, onnxruntime  {accuracy(found, split.test_label)}")
        return
    model = train_model(split.train, split.train_label)

    files = [directory / name for name in ("digits.onnx", "calibration.npz", "test.npz")]
    export_onnx(model, files[0])
    np.savez_compressed(files[1], rows=split.calibration[:, None])
    np.savez_compressed(files[2], rows=split.test[:, None], label=split.test_label)

    with np.load(files[2]) as saved:
        test, label = saved["rows"], saved["label"]
    with torch.no_grad():
        by_torch = model(torch.from_numpy(test[:, 0])).numpy()
    by_onnx = onnx_logits(files[0], test)
    print(f"{sum(p.numel() for p in model.parameters())} parameters")
    print(f"test, PyTorch      {accuracy(by_torch, label)}")
    print(f"test, onnxruntime  {accuracy(by_onnx, label)}")
    print(f"largest difference of a logit  {np.abs(by_torch - by_onnx).max():.1e}")
    for file in files:
        print(f"{file.name}  {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
