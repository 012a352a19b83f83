"""What a study is about, so that no two searches mix: models, data, options, version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lstm_edge import __version__
from lstm_edge.errors import DataError
from lstm_edge.interpret.feed import Arrays
from lstm_edge.search.front import OBJECTIVES
from lstm_edge.search.limits import Limits
from lstm_edge.search.points import Choices, Point
from lstm_edge.search.tools import NO_TOOLS, Tools

SAID = {
    "tool": "version of lstm-edge",
    "target": "--target",
    "models": "models (SHA-256)",
    "steps": "--steps",
    "calibration": "calibration data",
    "labels": "labels",
    "objectives": "--objectives",
    "limits": "limits (--max-...)",
    "choices": "what may be chosen",
    "compiler": "the target's compiler, whose code flash counts (--code, --no-code)",
}
"""Fields that must be the same for all who join a study, as a message names them."""


@dataclass(frozen=True)
class Settings:
    """What all processes of a study have in common. models: SHA-256 of each file, sorted;
    calibration, labels: digests of the arrays.
    """

    target: str
    models: tuple[str, ...]
    steps: int | None
    calibration: str
    labels: str
    objectives: tuple[str, ...]
    limits: Limits
    choices: Choices
    tools: Tools = NO_TOOLS
    tool: str = __version__

    @property
    def compiler(self) -> str:
        """What it calls itself, or that there is none."""
        return self.tools.compiler

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        found = {field: getattr(self, field) for field in SAID}
        found |= {"models": list(self.models), "objectives": list(self.objectives)}
        return found | {"limits": asdict(self.limits), "choices": self.choices.to_json()}

    def key(self, point: Point) -> str:
        """A name for the result of a point: who has it need not compute it again."""
        found = self.to_json()
        depends = {name: found[name] for name in ("tool", "target", "steps", "calibration")}
        depends |= {"labels": self.labels, "point": point.to_json()}
        depends |= {"tools": asdict(self.tools), "stack": self.limits.stack}
        text = json.dumps(depends, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def check_same(self, found: Mapping[str, Any], study: str) -> None:
        """DataError where the study was made with others."""
        own = json.loads(json.dumps(self.to_json()))
        differing = [SAID[field] for field in SAID if own[field] != found.get(field)]
        if differing:
            raise DataError(
                f"study {study!r} was made with other settings: {', '.join(differing)} differ; "
                "repeat its command, or start another study with --study-name"
            )


def digest(arrays: Arrays | None) -> str:
    """SHA-256 of arrays with their names, types and shapes; of none a word."""
    if arrays is None:
        return "none"
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def check_objectives(names: Sequence[str], limits: Limits, labels: Arrays | None) -> None:
    """DataError for objectives that there are not, or that the data cannot tell."""
    unknown = [name for name in names if name not in OBJECTIVES]
    if unknown or not names or len(set(names)) < len(names):
        known = ", ".join(OBJECTIVES)
        found = unknown[0] if unknown else ",".join(names)
        raise DataError(f"--objectives {found!r}: expected some of {known}, each once")
    scored = [name for name in names if name in ("score", "missed")]
    if labels is None and scored:
        raise DataError(
            f"--objectives {scored[0]} has no meaning without --labels FILE.npz; give both"
        )
    if labels is None and limits.points is not None:
        raise DataError("--max-drop has no meaning without --labels FILE.npz; give both")


def seconds_of(text: str) -> float:
    """Seconds of `2h`, `30m` or `90s`; DataError for anything else."""
    unit = {"h": 3600.0, "m": 60.0, "s": 1.0}.get(text[-1:].lower())
    try:
        seconds = float(text[:-1]) * (unit or 0.0)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise DataError(f"--budget {text!r}: expected a time such as 2h, 30m or 90s")
    return seconds
