"""A point of a study is the program that `compile` makes, or it is refused; studies that other
versions wrote, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_edge
from lstm_edge.errors import DataError
from lstm_edge.ir.serialize import to_bytes
from lstm_edge.search.evaluate import Bench, Limits
from lstm_edge.search.from_study import pick
from lstm_edge.search.points import Candidate, Choices, Space
from lstm_edge.search.study import search_study
from lstm_edge.targets import load_target
from tests.support.command import FIXTURES
from tests.unit.test_search_study import task

OPEN = FIXTURES / "lstm_open.legacy.onnx"
TINY = FIXTURES / "head_last.legacy.onnx"
FEW = Choices(weights=(8,), activations=(12,), cell_state=(32,))
"""One point: a study is made in no time."""


def recordings() -> dict[str, np.ndarray]:
    """Of different lengths; a short one goes far beyond the others."""
    rng = np.random.default_rng(2)
    features = lstm_edge.load(OPEN).inputs["x"][-1]
    lengths = (30, 4, 25, 20, 22, 21)
    scale = [1.0, 9.0, 1.0, 1.0, 1.0, 1.0]
    return {
        f"x__{k}": (rng.normal(size=(n, features)) * scale[k]).astype(np.float32)
        for k, n in enumerate(lengths)
    }


def test_recordings_make_the_program_that_compile_makes_of_them() -> None:
    made = lstm_edge.compile(OPEN, target="cortex-m4", calibration=recordings())
    bench = Bench(lstm_edge.load(OPEN).model, recordings(), None, load_target("cortex-m4"))
    candidate = Candidate(bench.model.sha256, "a", bench.layers)
    (point,) = Space((candidate,), FEW).uniform()
    result = bench.evaluate(point, Limits())
    assert result.instructions == made.cost.instructions
    assert point.options is not None
    calibrated, _ = bench._prepared()
    assert to_bytes(calibrated.program(point.options)) == to_bytes(made.program)


def test_labels_of_recordings_are_refused() -> None:
    """Of recordings some are left out, so there is no telling which label belongs to which."""
    labels = {"y": np.zeros(6, np.int64)}
    bench = Bench(lstm_edge.load(OPEN).model, recordings(), labels, load_target("cortex-m4"))
    with pytest.raises(DataError, match="the calibration data are recordings"):
        bench.check()


def rewritten(study: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what the lines of a journal say of a study or its trials."""
    lines = [json.loads(line) for line in study.read_text().splitlines()]
    for line in lines:
        for said in ("user_attr", "user_attrs"):
            change(line.get(said) or {})
    study.write_text("".join(json.dumps(line) + "\n" for line in lines))


def of_another_version(said: dict[str, Any]) -> None:
    if "settings" in said:
        said["settings"]["tool"] = "9.9.9"
        said["settings"]["limits"]["volts"] = None
    if "result" in said:
        said["result"]["volts"] = 3.3
    if "key" in said:
        said["key"] = "0" * 64


def test_a_study_of_another_version_is_refused_and_is_in_nobodys_way(tmp_path: Path) -> None:
    study = tmp_path / "study"
    search_study(task(choices=FEW), str(study))
    rewritten(study, of_another_version)
    with pytest.raises(DataError, match=r"is of lstm-edge 9\.9\.9, and this is"):
        pick(str(study))
    found = search_study(task(choices=FEW), str(study), name="now")
    assert len(found.tried) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scheme": "fixed"}, "--scheme has no meaning with --from-study"),
        ({"optimize": "size"}, "--optimize has no meaning with --from-study"),
        ({"unroll": "none"}, "--unroll has no meaning with --from-study"),
        ({"weights": 8}, "--weights has no meaning with --from-study"),
        ({"max_error": 500.0}, "--max-error has no meaning with --scheme float32"),
        ({"calibration": [np.zeros((1, 6, 3))]}, "are a list, which cannot be held against"),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, dict) else "",
)
def test_nothing_beside_a_study_is_ignored(
    options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    study = str(tmp_path / "study")
    search_study(task(choices=Choices(scheme=("float32",)), target="cortex-m4"), study)
    usual = {"target": "cortex-m4", "calibration": task().calibration, "from_study": study}
    made = lstm_edge.compile(TINY, **usual)
    assert made.manifest["scheme"] == "float32"
    with pytest.raises(DataError, match=said):
        lstm_edge.compile(TINY, **{**usual, **options})
