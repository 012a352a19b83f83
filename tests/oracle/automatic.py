"""What `--weights auto --max-drop 0.5` makes of the example classifiers, on labels of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import lstm_edge
from examples.catalogue import Example, find, load
from lstm_edge.labels import Score

CLASSIFIERS = ("digits", "sentiment", "entities", "characters")
"""Examples with a class for each sample or step."""
MOST_LOST = 0.5
"""Points that the choice may lose."""
SEARCHED = 2
"""Every other labelled sample is what widths are chosen by; the others measure."""


@dataclass(frozen=True)
class Automatic:
    """score: float and integers on samples that neither calibration nor the choice has seen. usual,
    weights: bytes of weights, with their scales and biases, of the default and of what was chosen.
    """

    name: str
    score: Score
    usual: int
    weights: int

    @property
    def lost(self) -> float:
        """Points."""
        return -self.score.points

    @property
    def saved(self) -> float:
        """Share of the default's weights, in percent."""
        return 100.0 * (1.0 - self.weights / self.usual)


def measure_automatic() -> list[Automatic]:
    """All classifiers."""
    return [measure_example(find(name)) for name in CLASSIFIERS]


def measure_example(example: Example) -> Automatic:
    """One of them, for a Cortex-M4."""
    file = example.folder / f"{example.name}.onnx"
    calibration = load(example.folder / "calibration.npz")
    chosen_by = {name: a[::SEARCHED] for name, a in example.test.items()}
    samples = np.delete(np.arange(len(example.test["label"])), slice(None, None, SEARCHED))
    unseen = {name: a[samples] for name, a in example.test.items()}
    usual = lstm_edge.compile(file, target="cortex-m4", calibration=calibration)
    found = lstm_edge.compile(
        file,
        target="cortex-m4",
        calibration=calibration,
        labels=chosen_by,
        weights="auto",
        max_drop=MOST_LOST,
    )
    inputs = {name: a for name, a in unseen.items() if name != "label"}
    score = found.score(inputs, unseen["label"])
    assert isinstance(score, Score)
    flash = [made.manifest["flash"]["weights"] for made in (usual, found)]
    return Automatic(example.name, score, *flash)
