"""Compile and score the networks of `train.py`, and write the table in README.md: no torch here."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from examples import catalogue
from examples.metrics import METRICS
from examples.score import lstm_edge, run
from lstm_edge.data import HELD_BACK_SHARE
from lstm_edge.passes.input_formats import calibrated_format

Array = npt.NDArray[Any]

ADDING = catalogue.find("adding")
TEST = {name: array.astype(np.float32) for name, array in ADDING.test.items()}
CALIBRATION = catalogue.load(ADDING.folder / "calibration.npz")["numbers"].astype(np.float32)
HIDDEN_SCALE = 2.0**-11
"""Of a hidden state with activations of 12 bits."""
README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- written by make qat -->\n", "<!-- end -->\n"
ROWS = (
    "float32",
    "int8, rounded after training",
    "int4, rounded after training",
    "int4, trained to the grid, in PyTorch",
    "int4, trained to the grid, compiled",
)


class Score(NamedTuple):
    """Percentage of test sequences whose sum is found, and the root mean square error of sums."""

    found: float
    error: float


def of(outputs: Array) -> Score:
    """The score of sums [N, ...] of the test sequences."""
    error = outputs.reshape(len(outputs), 1) - TEST["label"].reshape(len(outputs), 1)
    return Score(METRICS["success"].of(outputs, TEST), float(np.sqrt(np.mean(error**2))))


def input_scale(w: Array, r: Array) -> Array:
    """The scale that the compiler gives each feature of the input, which follows from the weights.

    w [rows, features], r [rows, units]. The range is that of the calibration data without what the
    compiler holds back.
    """
    used = CALIBRATION[np.arange(len(CALIBRATION)) % HELD_BACK_SHARE != HELD_BACK_SHARE - 1]
    low, high = (a.astype(np.float64) for a in (used.min(axis=(0, 1, 2)), used.max(axis=(0, 1, 2))))
    columns = np.abs(w).max(axis=0).astype(np.float64)
    balanced = HIDDEN_SCALE * float(np.abs(r).max())
    chosen = calibrated_format(low, high, columns, balanced, activations=12)
    return chosen.scales(len(columns))


def compiled(state: Mapping[str, Array], bits: int) -> Score:
    """The score of a state_dict that is compiled with weights of so many bits, in numpy."""
    options = ("--target", "host", "--steps", CALIBRATION.shape[2], "--weights", f"int{bits}")
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        weights, data, folder = (Path(temporary) / n for n in ("qat.npz", "data.npz", "bundle"))
        np.savez(weights, **state, **{"lstm_edge.head": np.array("last")})
        np.savez(data, x=CALIBRATION)
        lstm_edge("compile", weights, "--calibration", data, *options, "-o", folder)
        return of(run(folder, "numpy", {"x": TEST["numbers"]}))


def table(runs: Sequence[Sequence[Score]]) -> str:
    """Of each row the mean over the runs, the spread and the extremes."""
    scores = np.array(runs)
    lines = [
        f"| {len(runs)} runs | sums found | standard deviation | worst | best | mean error |",
        "|---|---|---|---|---|---|",
    ]
    for k, name in enumerate(ROWS):
        found, error = scores[:, k].T
        spread = float(np.std(found, ddof=1)) if len(runs) > 1 else 0.0
        numbers = (found.mean(), spread, found.min(), found.max())
        cells = [f"{n:.1f} %" for n in numbers]
        lines.append(f"| {name} | {' | '.join(cells)} | {error.mean():.4f} |")
    return "\n".join(lines) + "\n"


def write(runs: Sequence[Sequence[Score]]) -> None:
    """Put the table in its place in README.md."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    text = README.read_text()
    README.write_text(pattern.sub(lambda _: f"{BEGIN}{table(runs)}{END}", text))
