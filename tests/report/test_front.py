"""What `auto` or a study tried: the front, its charts and its table."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lstm_edge
from lstm_edge import frontend
from lstm_edge.api.compiled import Compiled
from lstm_edge.errors import DataError
from lstm_edge.report import ReportValues, collect, page
from lstm_edge.report.front import front_of, on_front, stairs
from lstm_edge.report.values import Limits, Study, Tried
from lstm_edge.search.evaluate import Limits as StudyLimits
from lstm_edge.search.points import Choices
from lstm_edge.search.study import Task, read_study, search_study
from lstm_edge.verify import verify
from tests.support.command import DIGITS

POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)
OBJECTIVES = ("error", "flash", "instructions")
TARGET = "cortex-m4"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study of the digits: 16 points."""
    where = str(tmp_path_factory.mktemp("front") / "digits.study")
    choices = Choices(weights=(4, 8), activations=(8, 12), cell_state=(32,))
    data = dict(np.load(DIGITS / "calibration.npz"))
    models = [("digits", frontend.load(DIGITS / "digits.onnx"))]
    limits = StudyLimits(decibels=30.0)
    search_study(Task(models, TARGET, data, choices=choices, limits=limits), where)
    return where


def compiled(study: str) -> Compiled:
    data = DIGITS / "calibration.npz"
    network = DIGITS / "digits.onnx"
    return lstm_edge.compile(network, target=TARGET, calibration=data, from_study=study)


@pytest.mark.all_cases
def test_a_model_from_a_study_keeps_its_front(study: str, tmp_path: Path) -> None:
    known = read_study(study)
    made = lstm_edge.open(compiled(study).save(tmp_path / "digits"))
    entry = made.manifest["study"]
    assert entry["tried"] == len(known.tried) == 16
    assert entry["error"] == 30.0
    assert {each["trial"] for each in entry["points"]} == {each.number for each in known.front}
    (chosen,) = [each for each in entry["points"] if each["chosen"]]
    assert str(made).endswith(
        f"study  trial {chosen['trial']}, one of {len(known.front)} on the front of 16 points tried"
    )
    values = collect(made.bundle, verify(made.bundle, None, ()))
    assert values.study == Study(16, chosen["trial"], OBJECTIVES, 30.0, code=bool(known.compiler))
    assert sum(each.chosen for each in values.tried) == 1
    text = page(values)
    assert f"{len(known.front)} of 16 points that were tried" in text
    assert f"trial {chosen['trial']}, {chosen['options']}" in text


@pytest.mark.all_cases
def test_a_trial_that_the_front_beats_is_shown_beside_it(study: str) -> None:
    known = read_study(study)
    on = {each.number for each in known.front}
    beaten = next(each for each in known.tried if each.number not in on)
    made = compiled(f"{study}:{beaten.number}")
    assert "not one of" in str(made)
    values = collect(made.bundle, verify(made.bundle, None, ()))
    assert [each.beaten for each in values.tried] == [False] * len(on) + [True]
    found = front_of(values.tried, Limits(), values.study)
    assert found is not None
    place = found.table.head.index("on the front")
    assert [row[place] for row in found.table.rows] == ["yes"] * len(on) + [""]
    drawn = {one.style: one.dots for one in found.charts[0].series}
    assert not set(drawn["chosen"]) & set(drawn["stairs"])


def test_a_damaged_study_is_refused(plain: ReportValues, study: str) -> None:
    made = compiled(study).bundle
    entry = made.manifest["study"]
    none = [{**each, "chosen": False} for each in entry["points"]]
    for damage in ({**entry, "points": none}, {**entry, "objectives": 3}, {"tried": 1}, None):
        with pytest.raises(DataError, match="is damaged"):
            collect(replace(made, manifest={**made.manifest, "study": damage}), plain.verified)


def several(count: int) -> list[Tried]:
    """A front of points in error, RAM and score."""
    return [
        Tried(f"scheme=int8 x={k}", 100, None, 20.0 + k, 0.5 - k, k == 1, 50 + k, 9.0 - k)
        for k in range(count)
    ]


def test_a_study_is_drawn_by_what_it_was_asked_for() -> None:
    found = front_of(several(4), Limits(error=99.0), Study(9, 1, ("score", "ram"), None, 1.0))
    assert found is not None
    assert [(one.x_name, one.y_name) for one in found.charts] == [("bytes", "points gained")]
    assert len(found.charts[0].levels) == 1
    assert found.lead == "4 of 9 points that were tried are on the front of score and RAM."
    assert found.table.head == (
        "widths", "chosen", "constants", "RAM", "SQNR", "points lost", "missed",
    )  # fmt: skip
    assert [row[0] for row in found.table.rows] == ["x=0", "x=1", "x=2", "x=3"]
    assert found.table.note == "All: scheme=int8."


def test_cycles_and_code_are_told_where_a_study_counts_them() -> None:
    """Flash is constants alone where there was no compiler."""
    points = [replace(each, cycles=900.0 + k) for k, each in enumerate(several(3))]
    study = Study(3, 1, ("error", "flash", "cycles"), code=True)
    found = front_of(points, Limits(), study)
    assert found is not None
    assert [(one.title, one.x_name) for one in found.charts] == [
        ("Error and cycles", "cycles"),
        ("Error and flash with code", "bytes"),
    ]
    assert {"flash with code", "cycles"} <= set(found.table.head)
    without = front_of(several(3), Limits(), replace(study, code=False))
    assert without is not None
    assert "constants" in without.table.head
    assert "cycles" not in without.table.head


def test_labels_missed_are_drawn_as_labels_that_are_right() -> None:
    found = front_of(several(2), Limits(), Study(2, 1, ("error", "missed", "ram")))
    assert found is not None
    assert found.charts[0].y_name == "right, %"
    assert "right, % from 91 to 92" in found.charts[0].description


def test_many_points_are_folded_and_one_is_not_drawn() -> None:
    many = front_of(several(17), Limits(), Study(17, 1, OBJECTIVES))
    one = front_of([Tried("x", 1, 2.0, inf, chosen=True)], Limits(), Study(1, 0, OBJECTIVES))
    assert many is not None
    assert many.long
    assert one is not None
    assert (one.charts, one.table.rows[0][-1]) == ((), "exact")
    assert front_of([Tried("x", 1, 2.0, 3.0, chosen=True)], Limits(error=2.0)) is None


@given(POINTS)
def test_no_point_beats_one_of_the_stairs(points: list[tuple[int, int]]) -> None:
    best = stairs(points)
    for x, y in best:
        assert not any(a <= x and b >= y and (a, b) != (x, y) for a, b in points)
    for x, y in points:
        assert any(a <= x and b >= y for a, b in best)


def test_the_front_counts_instructions_flash_and_error() -> None:
    tried = [Tried("a", 10, 10.0, 40.0), Tried("b", 5, 20.0, 40.0), Tried("c", 10, 10.0, 39.0)]
    assert [on_front(each, tried) for each in tried] == [True, True, False]
