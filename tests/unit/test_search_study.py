"""A study that several processes work at, with one of them killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_edge import frontend
from lstm_edge.errors import DataError, LstmEdgeError
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.search import objective, table
from lstm_edge.search.asked import Asked, searched
from lstm_edge.search.claims import STALE_SECONDS, Watch, new_claim
from lstm_edge.search.evaluate import Bench, Result
from lstm_edge.search.from_study import check_belongs, parse_study, pick
from lstm_edge.search.front import Tried, chosen, pareto
from lstm_edge.search.limits import Limits
from lstm_edge.search.points import Candidate, Choices, Point, Space
from lstm_edge.search.settings import seconds_of
from lstm_edge.search.storage import open_storage
from lstm_edge.search.study import Found, Task, read_study, search_study
from lstm_edge.targets import load_target

SHAPE = (10, 1, 6, 3)
ROOT = Path(__file__).resolve().parents[2]
CHOICES = Choices(weights=(4, 8), activations=(8, 12), cell_state=(32,))
WORKER = """
import sys
from tests.unit.test_search_study import task
from lstm_edge.search.study import search_study
search_study(task(), sys.argv[1])
"""


def task(**changes: Any) -> Task:
    """A tiny network with two layers: 16 points, none of which is compiled."""
    model = frontend.load(ROOT / "tests" / "fixtures" / "head_last.legacy.onnx")
    calibration = {"x": np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)}
    usual: dict[str, Any] = {
        "models": [("tiny", model)],
        "target": "cortex-m4",
        "calibration": calibration,
        "choices": CHOICES,
        "code": False,
    }
    return Task(**{**usual, **changes})


def front(found: Found) -> list[tuple[Point, Result]]:
    """Without the numbers of trials, which say who was first."""
    return [(each.point, each.result) for each in found.front]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What one process finds."""
    return search_study(task(), str(tmp_path_factory.mktemp("alone") / "study"))


def start(study: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", WORKER, str(study)], cwd=ROOT, env=env)


def states(study: Path) -> list[str]:
    import optuna

    storage = open_storage(str(study), create=False)
    found = optuna.load_study(study_name="search", storage=storage)
    return [trial.state.name for trial in found.trials]


def test_one_process_tries_every_point_once(alone: Found) -> None:
    assert len(alone.tried) == 16
    assert len({each.point for each in alone.tried}) == 16
    assert len(alone.front) > 1


@pytest.mark.all_cases
def test_several_processes_find_the_front_of_one_though_one_is_killed(
    alone: Found, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    first = start(study)
    # Killed while it holds a trial: stopped first, so that this is so for certain.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if study.exists() and b'"claim"' in study.read_bytes():
            first.send_signal(signal.SIGSTOP)
            if "RUNNING" in states(study):
                break
            first.send_signal(signal.SIGCONT)
        time.sleep(0.002)
    assert "RUNNING" in states(study)
    # It may have held the lock of the file, too, which others wait for half a minute to break.
    (study.parent / "study.lock").unlink(missing_ok=True)
    first.kill()
    first.wait()
    others = [start(study), start(study)]
    assert [other.wait(timeout=120) for other in others] == [0, 0]
    found = read_study(str(study))
    assert front(found) == front(alone)
    assert len(found.tried) == 16
    counted = states(study)
    assert counted.count("COMPLETE") == 16
    assert "RUNNING" not in counted
    assert "FAIL" in counted


def test_a_search_is_resumed_and_repeats_nothing(
    alone: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = str(tmp_path / "study")
    assert len(search_study(task(), study, trials=5).tried) == 5
    computed = []
    evaluate = Bench.evaluate

    def counted(self: Bench, point: Point, limits: Limits) -> Result:
        computed.append(point)
        return evaluate(self, point, limits)

    monkeypatch.setattr(Bench, "evaluate", counted)
    assert front(search_study(task(), study)) == front(alone)
    assert len(computed) == 11
    assert front(search_study(task(), study)) == front(alone)
    assert front(search_study(task(), study, name="again")) == front(alone)
    assert len(computed) == 11


@pytest.mark.all_cases
def test_a_database_gives_the_same_front(alone: Found, tmp_path: Path) -> None:
    assert front(search_study(task(), f"sqlite:///{tmp_path / 's.db'}")) == front(alone)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"target": "cortex-m0"}, "--target differ"),
        ({"limits": Limits(flash=9)}, "limits"),
        ({"calibration": {"x": np.ones(SHAPE, np.float32)}}, "calibration data differ"),
        ({"objectives": ("error", "flash")}, "--objectives differ"),
        ({"choices": Choices()}, "what may be chosen differ"),
    ],
)
def test_a_study_of_something_else_is_refused(
    changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    study = str(tmp_path / "study")
    search_study(task(), study, trials=1)
    with pytest.raises(DataError, match=says):
        search_study(task(**changes), study)


@pytest.mark.all_cases
def test_points_beyond_a_limit_are_not_on_the_front(alone: Found, tmp_path: Path) -> None:
    most = sorted(each.result.flash for each in alone.tried)[8] - 1
    found = search_study(task(limits=Limits(flash=most)), str(tmp_path / "study"))
    beyond = [each for each in found.tried if each.result.flash > most]
    assert beyond
    assert all(each.result.decibels is None for each in beyond)
    inside = [each for each in alone.tried if each.result.flash <= most]
    assert front(found) == [(e.point, e.result) for e in pareto(inside, found.objectives, Limits())]


def test_what_a_point_costs_is_known_before_its_weights_are_rounded_well(alone: Found) -> None:
    """Points are given up on that price, so it has to be the price."""
    given = task()
    bench = Bench(given.models[0][1], given.calibration, None, load_target("cortex-m4"))
    for each in alone.tried:
        early = bench.evaluate(each.point, Limits(flash=0))
        assert early.decibels is None
        price = (early.flash, early.ram, early.instructions)
        assert price == (each.result.flash, each.result.ram, each.result.instructions)


def test_a_large_space_is_drawn_alike_by_everybody() -> None:
    space = Space((Candidate("a", "a", tuple("abcdef")),), Choices())
    first, second = ([p for p, _ in zip(space.sequence(), range(60), strict=False)] for _ in "ab")
    assert first == second
    assert len(set(first)) == 60


def test_a_trial_is_given_up_only_when_its_count_stands_still() -> None:
    now = 0.0
    watch = Watch(lambda: now)
    attrs: dict[str, Any] = {"claim": {**new_claim(), "place": "another machine"}}
    assert not watch.is_stale(0, attrs)
    now = STALE_SECONDS
    assert not watch.is_stale(0, {**attrs, "beat": 1})
    now = 2 * STALE_SECONDS
    assert not watch.is_stale(0, {**attrs, "beat": 1})
    now += 1.0
    assert watch.is_stale(0, {**attrs, "beat": 1})


@pytest.mark.all_cases
def test_a_line_that_was_cut_off_is_mended(alone: Found, tmp_path: Path) -> None:
    study = tmp_path / "study"
    search_study(task(), str(study), trials=4)
    with study.open("ab") as file:
        file.write(b'{"op_code": 8, "tri')
    assert front(search_study(task(), str(study))) == front(alone)
    assert [json.loads(line) for line in study.read_bytes().splitlines()]


def test_a_file_that_is_no_study_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("buy milk")
    for path, says in ((other, "no journal"), (tmp_path, "folder"), (tmp_path / "a/b", "folder")):
        with pytest.raises(DataError, match=says):
            search_study(task(), str(path))
    with pytest.raises(LstmEdgeError, match="cannot be opened"):
        search_study(task(), "nonsense://user:secret@host/x")
    assert other.read_text() == "buy milk"


@pytest.mark.parametrize(("text", "seconds"), [("2h", 7200), ("30m", 1800), ("90s", 90)])
def test_a_budget_is_a_time(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "-1s", "0s", "infs", "nanh", "2d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="--budget"):
        seconds_of(text)


def test_with_a_bound_the_cheapest_point_is_chosen_and_else_the_knee() -> None:
    def at(number: int, decibels: float, flash: int) -> Tried:
        point = Point(str(number), "int8", (), 32, "gates", "speed")
        return Tried(number, point, Result(flash, 0, 1, decibels, whole=True))

    points = [at(0, 10.0, 100), at(1, 38.0, 120), at(2, 40.0, 900), at(3, 9.0, 101)]
    objectives = ("error", "flash")
    found = pareto(points, objectives, Limits())
    assert {each.number for each in found} == {0, 1, 2}
    assert chosen(found, objectives, Limits()).number == 1
    assert chosen(found, objectives, Limits(decibels=5.0)).number == 0


def test_the_table_is_80_columns_wide_and_names_what_is_compiled(alone: Found) -> None:
    text = table.text(alone)
    assert max(map(len, text.splitlines())) <= 80
    listed = table.json_of(alone)
    assert [each["trial"] for each in listed["front"]] == [each.number for each in alone.front]
    (line,) = [line for line in text.splitlines() if line.startswith("*")]
    assert int(line.split()[1]) == listed["chosen"]


@pytest.mark.all_cases
def test_a_point_of_a_study_is_picked_for_its_own_model_and_data(tmp_path: Path) -> None:
    study = str(tmp_path / "study")
    found = search_study(task(), study)
    model, calibration = task().models[0][1], task().calibration
    picked, known = pick(study)
    assert picked.point in {each.point for each in found.front}
    check_belongs(picked, known, model, "cortex-m4", calibration)
    assert pick(f"{study}:3")[0].number == 3
    with pytest.raises(DataError, match="trial 99 has no result"):
        pick(f"{study}:99")
    with pytest.raises(DataError, match="another --target"):
        check_belongs(picked, known, model, "cortex-m0", calibration)
    with pytest.raises(DataError, match="another calibration data"):
        check_belongs(picked, known, model, "cortex-m4", None)
    other = replace(model, sha256="0" * 64, name="other")
    with pytest.raises(DataError, match="not of other"):
        check_belongs(picked, known, other, "cortex-m4", calibration)
    assert parse_study("sqlite:///s.db:7") == ("sqlite:///s.db", 7)
    assert parse_study("postgresql://u@h/name") == ("postgresql://u@h/name", None)


def test_an_objective_trains_quantizes_and_counts() -> None:
    import optuna

    given = task()
    study = optuna.create_study(directions=["minimize"] * 3)
    seen = []

    def train(trial: Any) -> Any:
        seen.append(trial.number)
        return given.models[0][1]

    wrapped = objective(train, target="cortex-m4", calibration=given.calibration, choices=CHOICES)
    study.optimize(wrapped, n_trials=2)
    assert seen == [0, 1]
    for trial in study.trials:
        result = Result.from_json(trial.user_attrs["result"])
        assert trial.values == [-(result.decibels or 0.0), result.flash, result.instructions]
    tight = objective(
        train, target="cortex-m4", calibration=given.calibration, limits=Limits(flash=1)
    )
    study.optimize(tight, n_trials=1)
    assert study.trials[-1].state.name == "PRUNED"


def test_without_optuna_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(LstmEdgeError, match=r"pip install 'lstm-edge\[search\]'"):
        search_study(task(), str(tmp_path / "study"))


def test_a_search_is_asked_for_by_files_and_words(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **task().calibration)
    fixtures = ROOT / "tests" / "fixtures"
    asked = Asked(
        [fixtures / "head_last.legacy.onnx", fixtures / "head_steps.legacy.onnx"],
        "cortex-m4",
        str(tmp_path / "study"),
        tmp_path / "x.npz",
        budget="1m",
        code=False,
        as_json=True,
    )
    told: list[int] = []
    words = {"weights": "int4,int8", "activations": "12", "cell_state": "32"}
    found = json.loads(searched(asked, words, lambda done, most, front: told.append(done)))
    assert found["tried"] == found["most"] == 8
    assert told == sorted(told)
    assert 1 <= len(told) <= 8
    assert found["front"]
    with pytest.raises(DataError, match="weights 'wide'"):
        searched(asked, {"weights": "wide"}, lambda *_: None)
    with pytest.raises(DataError, match="the same file"):
        searched(replace(asked, models=asked.models[:1] * 2), words, lambda *_: None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"objectives": ("speed",)}, "expected some of error"),
        ({"objectives": ("score",)}, "--labels"),
        ({"limits": Limits(points=1.0)}, "--max-drop"),
        ({"target": "cortex-m0", "choices": Choices(scheme=("float32",))}, "FPU"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_a_study_is_begun(
    changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=says):
        search_study(task(**changes), str(tmp_path / "study"))
    assert not (tmp_path / "study").exists()


def test_a_search_over_schemes_has_float_as_its_most_exact_point(tmp_path: Path) -> None:
    schemes = Choices((8,), (12,), (32,), ("int8", "fixed", "float32"))
    found = search_study(task(choices=schemes), str(tmp_path / "study"))
    assert len(found.tried) == 3 * 1
    best = max(found.tried, key=lambda each: each.result.decibels or 0.0)
    assert best.point.scheme == "float32"


@pytest.mark.all_cases
def test_models_are_compared_by_what_they_miss_of_the_labels(tmp_path: Path) -> None:
    """Labels that the network gives in float are all met; others are missed."""
    ((_, model),), calibration = task().models, task().calibration
    assert calibration is not None
    reference = lower_real(model)
    fed = feed_of(reference, calibration, stream=False)
    (output,) = run_numpy(reference, fed, exact=False).outputs.values()
    label = output.reshape(SHAPE[0], -1).argmax(axis=-1)
    given = task(labels={"label": label}, objectives=("missed", "score", "flash"))
    found = search_study(given, str(tmp_path / "study"))
    best = min(found.tried, key=lambda each: each.result.missed or 0.0).result
    assert best.missed == best.points == 0.0
    wrong = replace(given, labels={"label": (label + 1) % output.shape[-1]})
    other = search_study(wrong, str(tmp_path / "wrong"))
    assert all(each.result.missed == 100.0 for each in other.tried if each.result.points == 0.0)
    assert any(each.result.points == 0.0 for each in other.tried)


@pytest.mark.all_cases
def test_a_budget_ends_a_search_and_the_next_one_goes_on(alone: Found, tmp_path: Path) -> None:
    study = str(tmp_path / "study")
    assert len(search_study(task(), study, budget=1e-9).tried) == 0
    assert front(search_study(task(), study, budget=60.0)) == front(alone)
