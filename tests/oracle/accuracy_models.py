"""Trained models with arrays to calibrate on and others to measure with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from examples.catalogue import Example, find_all, load

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Score:
    """What a model is for: `of` takes its outputs as the file shapes them."""

    title: str
    of: Callable[[Arrays], float]
    unit: str = " %"
    digits: int = 2


@dataclass(frozen=True)
class Trained:
    """A model, what it is calibrated on, and what it is measured with.

    calibration: [samples, *shape of the input]; test: the same, or [streams, calls, *shape] with
    `init__<state input>` where `stream`. expected: outputs that the file says, may be empty.
    """

    name: str
    file: Path
    calibration: Arrays
    test: Arrays
    stream: bool
    expected: Arrays
    scores: tuple[Score, ...]


def of_example(example: Example) -> Trained:
    """A model of examples/, with its own figures."""
    file = example.folder / f"{example.name}.onnx"
    arrays = example.test

    def score(of: Callable[[Array, Arrays], float]) -> Callable[[Arrays], float]:
        return lambda outputs: of(next(iter(outputs.values())), arrays)

    scores = tuple(
        Score(metric.title, score(metric.of), metric.unit, metric.digits)
        for metric, _ in example.figures
    )
    calibration = load(example.folder / "calibration.npz")
    inputs = {name: arrays[name] for name in calibration}
    return Trained(f"examples/{example.name}", file, calibration, inputs, False, {}, scores)


def of_shared(file: Path, said: Mapping[str, Any]) -> Trained:
    """A model of the shared folder, as its manifest describes it."""
    arrays = load(file.with_suffix(".npz"))
    expected = _named(arrays, "expected__")
    calibration = _named(arrays, "calib__")
    test = {name: a for name, a in arrays.items() if name in calibration}
    test |= {name: a for name, a in arrays.items() if name.startswith("init__")}
    primary = str(said["primary_output"])
    scores: tuple[Score, ...] = ()
    match said["metric"]["kind"]:
        case "accuracy":
            truth = arrays["label__y"]
            scores = (Score("accuracy", lambda found: _agreeing(_best(found[primary]), truth)),)
        case "binary_agree":
            decided = expected[primary] > 0.5
            scores = (
                Score(
                    "decisions as in float", lambda found: _agreeing(found[primary] > 0.5, decided)
                ),
            )
    stream = said.get("stream") is not None
    return Trained(file.stem, file, calibration, test, stream, expected, scores)


CASES = (
    ("17-slow-recurrence-int8", "irnn_count", "irnn_count.calibration", ""),
    ("21-seen-in-public-models", "r9_rare_sigmoid", "r9_rare_sigmoid_calib", ""),
    (
        "21-seen-in-public-models",
        "r11_onehot_unseen",
        "r11_onehot_unseen_calib",
        "r11_onehot_unseen_test",
    ),
)
"""Folder, model, arrays to calibrate on, and arrays to measure with."""


def of_case(folder: Path, model: str, calibration: str, test: str) -> Trained:
    """A small network that stands for a kind of public ones; without arrays to measure with, every
    other sample is kept for that.
    """
    seen = load(folder / f"{calibration}.npz")
    found = load(folder / f"{test}.npz") if test else {n: a[1::2] for n, a in seen.items()}
    seen = seen if test else {n: a[0::2] for n, a in seen.items()}
    return Trained(f"cases/{model}", folder / f"{model}.onnx", seen, found, False, {}, ())


def find_trained(shared: Path | None) -> list[Trained]:
    """The models of a shared folder, where there is one, and those of the examples."""
    found = [of_example(example) for example in find_all()]
    if shared is None:
        return found
    folder = shared / "models"
    manifest = json.loads((folder / "manifest.json").read_text())
    models = [of_shared(folder / said["onnx"], said) for said in manifest["models"]]
    cases = [
        of_case(shared / "cases" / name, *files)
        for name, *files in CASES
        if (shared / "cases" / name).is_dir()
    ]
    return [*models, *cases, *found]


def _named(arrays: Arrays, prefix: str) -> dict[str, Array]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _best(outputs: Array) -> Array:
    return np.asarray(outputs.reshape(len(outputs), -1).argmax(axis=1))


def _agreeing(found: Array, wanted: Array) -> float:
    """Percentage of equal entries."""
    return 100.0 * float(np.mean(found == wanted))
