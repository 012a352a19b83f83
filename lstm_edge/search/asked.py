"""A search as a user asks for it: files and words; and the answer as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstm_edge.bundle import read_arrays
from lstm_edge.errors import DataError
from lstm_edge.frontend import load
from lstm_edge.ir.model import Model
from lstm_edge.search import table
from lstm_edge.search.limits import Limits
from lstm_edge.search.points import CHOICES, Choices
from lstm_edge.search.settings import seconds_of
from lstm_edge.search.study import DEFAULT_NAME, Progress, Task, search_study


@dataclass(frozen=True)
class Asked:
    """Options of `search`, as on the command line. choices: kind -> words with commas, such as
    weights -> `int4,int8`; those that are missing have their defaults.
    """

    models: Sequence[Path]
    target: str
    study: str
    calibration: Path | None = None
    labels: Path | None = None
    study_name: str = DEFAULT_NAME
    budget: str | None = None
    trials: int | None = None
    steps: int | None = None
    cells: Path | None = None
    objectives: str = "error,flash,instructions"
    limits: Limits = field(default_factory=Limits)
    code: bool | None = None
    as_json: bool = False


def searched(asked: Asked, choices: Mapping[str, str], progress: Progress | None = None) -> str:
    """Search, and say what was found; errors as of `search_study` and of the files."""
    if asked.trials is not None and asked.trials < 1:
        raise DataError(f"--trials {asked.trials}: expected 1 or more")
    budget = None if asked.budget is None else seconds_of(asked.budget)
    calibration, labels = (
        None if path is None else read_arrays(path) for path in (asked.calibration, asked.labels)
    )
    models = [(path.name, _loaded(path, asked)) for path in asked.models]
    names = [name for name, _ in models]
    if len(set(names)) < len(names):
        models = [(f"{name} {m.sha256[:6]}", m) for name, m in models]
    task = Task(
        models,
        asked.target,
        calibration,
        labels,
        choices_of(choices),
        asked.limits,
        tuple(word.strip() for word in asked.objectives.split(",")),
        asked.steps,
        asked.code,
    )
    found = search_study(
        task,
        asked.study,
        name=asked.study_name,
        budget=budget,
        trials=asked.trials,
        progress=progress,
    )
    return json.dumps(table.json_of(found), indent=2) if asked.as_json else table.text(found)


def _loaded(path: Path, asked: Asked) -> Model:
    """Of several files those take cells that can, and where there is none, the error says so."""
    others = path.suffix != ".npz" and any(each.suffix == ".npz" for each in asked.models)
    return load(path, steps=asked.steps, cells=None if others else asked.cells)


def choices_of(words: Mapping[str, str]) -> Choices:
    """The choices of `int4,int8` and the like; DataError for what there is not."""
    found: dict[str, Any] = {}
    for kind, text in words.items():
        values = [word.strip() for word in text.split(",")]
        if isinstance(CHOICES[kind][0], int):
            values = [value.removeprefix("int") for value in values]
            bad = next((value for value in values if not value.isdecimal()), None)
            if bad is not None:
                known = ", ".join(str(each) for each in CHOICES[kind])
                raise DataError(f"{kind} {bad!r}: a search chooses among {known}")
            found[kind] = tuple(int(value) for value in values)
        else:
            found[kind] = tuple(values)
    return Choices(**found)
