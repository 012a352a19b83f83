"""The examples: each a folder with example.toml, a model, calibration.npz and test.npz."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from examples.metrics import METRICS, Metric

Array = npt.NDArray[Any]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


@dataclass(frozen=True)
class Example:
    """What example.toml says.

    figures: metrics, each with what float must reach. firmware_samples: rows of test.npz that the
    firmware has. firmware_prints: a regular expression that its output matches. labelled: test.npz
    has labels that `verify` scores.
    """

    name: str
    order: int
    shows: str
    network: str
    figures: tuple[tuple[Metric, float], ...]
    firmware_samples: tuple[int, ...]
    firmware_prints: str
    labelled: bool = True

    @property
    def folder(self) -> Path:
        return HERE / self.name

    @property
    def test(self) -> dict[str, Array]:
        """The arrays of test.npz."""
        return load(self.folder / "test.npz")


def load(path: Path) -> dict[str, Array]:
    """The arrays of an npz file."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def find(name: str) -> Example:
    """The example in a folder."""
    said = tomllib.loads((HERE / name / "example.toml").read_text())
    figures = tuple((METRICS[metric], bound) for metric, bound in said.pop("figures").items())
    samples = tuple(said.pop("firmware_samples"))
    return Example(name=name, figures=figures, firmware_samples=samples, **said)


def find_all() -> list[Example]:
    """All examples, in the order of the table."""
    found = [find(path.parent.name) for path in HERE.glob("*/example.toml")]
    return sorted(found, key=lambda example: example.order)
