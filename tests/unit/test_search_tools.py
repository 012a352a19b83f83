"""A study whose points are compiled and counted: it tells what `compile` and `profile` tell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

import lstm_edge
from lstm_edge import frontend
from lstm_edge.errors import BudgetError, DataError, LstmEdgeError, TargetError, ToolchainError
from lstm_edge.search import objective, study, table
from lstm_edge.search.evaluate import Result
from lstm_edge.search.front import Tried, pareto
from lstm_edge.search.limits import Limits
from lstm_edge.search.points import Choices, Point
from lstm_edge.search.storage import open_storage
from lstm_edge.search.study import Found, Task, read_study, search_study
from lstm_edge.search.tools import NO_COMPILER, tools_for
from lstm_edge.targets import load_target
from tests.support.command import DIGITS
from tests.unit.test_search_study import ROOT, front

CHOICES = Choices((8,), (12,), (32,), ("int8",), ("none", "gates"), ("speed", "size"))
OBJECTIVES = ("error", "flash", "cycles")
TOOLS = ("cc", "arm-none-eabi-gcc", "qemu-system-arm")
WORKER = """
import sys
from tests.unit.test_search_tools import task
from lstm_edge.search.study import search_study
search_study(task(), sys.argv[1])
"""


def task(**changes: Any) -> Task:
    """4 points: how the C of the digits example is written."""
    usual: dict[str, Any] = {
        "models": [("digits", frontend.load(DIGITS / "digits.onnx"))],
        "target": "cortex-m4",
        "choices": CHOICES,
        "objectives": OBJECTIVES,
    }
    return Task(**{**usual, **changes})


@pytest.fixture(scope="module")
def where(tool_or_skip: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study of all points, by one process."""
    tool_or_skip(*TOOLS)
    found = str(tmp_path_factory.mktemp("counted") / "study")
    search_study(task(), found)
    return found


@pytest.fixture(scope="module")
def counted(where: str) -> Found:
    """What it found."""
    return read_study(where)


def compiled(where: str, **limits: int) -> lstm_edge.Compiled:
    """A point of a study, through the interface that users have."""
    return lstm_edge.compile(DIGITS / "digits.onnx", target="cortex-m4", from_study=where, **limits)


def test_figures_are_those_of_compile_and_profile(where: str, counted: Found) -> None:
    assert len(counted.tried) == 4
    for each in counted.tried[2:3]:
        made = compiled(f"{where}:{each.number}")
        (profile,) = made.profile()
        flash, ram = made.manifest["flash"], made.manifest["ram"]
        assert each.result.flash == (flash["code"] or 0) + flash["weights"] + flash["tables"]
        assert each.result.ram == ram["state"] + ram["scratch"]
        assert each.result.cycles == profile.main.most.cycles
        assert each.result.stack == profile.ram.stack


@pytest.mark.all_cases
def test_limits_are_those_of_compile(where: str, counted: Found) -> None:
    first = counted.tried[0]
    cycles, stack = first.result.cycles or 0, first.result.stack or 0
    compiled(f"{where}:{first.number}", max_cycles=cycles, max_stack=stack)
    for limits in ({"max_cycles": cycles - 1}, {"max_stack": stack - 1}):
        with pytest.raises(BudgetError):
            compiled(f"{where}:{first.number}", **limits)


def test_less_code_is_on_the_front_where_code_counts(counted: Found) -> None:
    uncounted = [
        Tried(each.number, each.point, replace(each.result, flash=0)) for each in counted.tried
    ]
    assert {each.point.unroll for each in counted.front} == {"none", "gates"}
    assert {e.point.unroll for e in pareto(uncounted, OBJECTIVES, Limits())} == {"gates"}
    text = table.text(counted)
    assert "cycles" in text.splitlines()[1]
    assert "flash: with code of " in text
    assert max(map(len, text.splitlines())) <= 80
    listed = table.json_of(counted)
    assert listed["compiler"] == counted.compiler is not None
    assert all(each["cycles"] and each["stack"] for each in listed["front"])


@pytest.mark.all_cases
def test_limits_of_cycles_and_stack_are_held(where: str, counted: Found) -> None:
    """Cycles are known from the first study; a limit of the stack may change the C."""
    for kind in ("cycles", "stack"):
        most = max(getattr(each.result, kind) for each in counted.tried) - 1
        found = search_study(task(limits=Limits(**{kind: most})), where, name=kind)
        inside = [each for each in counted.tried if getattr(each.result, kind) <= most]
        assert 0 < len(inside) < 4
        assert front(found) == [(e.point, e.result) for e in pareto(inside, OBJECTIVES, Limits())]


def test_what_fails_before_is_not_compiled(
    tool_or_skip: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool_or_skip(*TOOLS)

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr("lstm_edge.search.evaluate.figures_of", never)
    for name, limits in (("error", Limits(decibels=900.0)), ("flash", Limits(flash=1))):
        other = str(tmp_path / name)
        found = search_study(task(limits=limits), other)
        assert not found.front
        assert len(found.tried) == 4
        assert states(other) == {"PRUNED"}


def states(where: str) -> set[str]:
    storage = open_storage(where, create=False)
    found = optuna.load_study(study_name="search", storage=storage)
    return {trial.state.name for trial in found.trials}


@pytest.mark.all_cases
def test_several_processes_count_the_front_of_one(counted: Found, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    other = str(tmp_path / "study")
    words = [sys.executable, "-c", WORKER, other]
    workers = [subprocess.Popen(words, cwd=ROOT, env=env) for _ in range(2)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    found = read_study(other)
    assert front(found) == front(counted)
    assert len(found.tried) == 4


def test_who_joins_does_as_the_study_does(
    tool_or_skip: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool_or_skip("arm-none-eabi-gcc")
    joined = task(objectives=("error", "flash"))
    without, coded = str(tmp_path / "without"), str(tmp_path / "coded")
    first = search_study(replace(joined, code=False), without, trials=1)
    assert first.compiler is None
    assert search_study(joined, without, trials=2).compiler is None
    with pytest.raises(DataError, match="whose code flash counts"):
        search_study(replace(joined, code=True), without)
    found = search_study(joined, coded, trials=2)
    assert "gcc" in str(found.compiler)
    # Another version counts other bytes.
    for place in (study, sys.modules[tools_for.__module__]):
        monkeypatch.setattr(place, "compiler_of", lambda _: "gcc of tomorrow")
    with pytest.raises(DataError, match="the target's compiler"):
        search_study(joined, coded)
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match="arm-none-eabi-gcc was not found"):
        search_study(joined, coded)


def test_results_without_code_are_not_taken_for_those_with(
    tool_or_skip: Callable[..., None], tmp_path: Path
) -> None:
    tool_or_skip("arm-none-eabi-gcc")
    both, given = str(tmp_path / "study"), task(objectives=("error", "flash"))
    without = search_study(replace(given, code=False), both, name="without", trials=1)
    coded = search_study(given, both, name="coded", trials=1)
    assert without.tried[0].point == coded.tried[0].point
    assert without.tried[0].result.flash + 100 < coded.tried[0].result.flash


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"target": "riscv32"}, TargetError, "no timing table"),
        ({"target": "portable"}, TargetError, "no emulated board"),
        ({"code": False}, DataError, "--no-code has no meaning"),
        ({"limits": Limits(stack=9), "objectives": ("flash",), "code": False}, DataError, "stack"),
    ],
)
def test_what_cannot_be_counted_is_refused_before_a_study_is_begun(
    changes: dict[str, Any], kind: type[LstmEdgeError], says: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=says):
        search_study(task(**changes), str(tmp_path / "study"))
    assert not (tmp_path / "study").exists()


def test_a_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    core = load_target("cortex-m4")
    assert tools_for(core, ("error", "flash"), Limits(), None).compiler == NO_COMPILER
    with pytest.raises(ToolchainError, match="was not found on PATH"):
        tools_for(core, ("error", "flash"), Limits(), True)
    with pytest.raises(ToolchainError, match="was not found on PATH"):
        tools_for(core, ("cycles",), Limits(), None)


def test_an_objective_counts_cycles(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip(*TOOLS)
    given = task()
    made = optuna.create_study(directions=["minimize"] * 2)
    wrapped = objective(
        lambda _: given.models[0][1],
        target="cortex-m4",
        objectives=("error", "cycles"),
    )
    made.optimize(wrapped, n_trials=1)
    assert made.trials[0].values[1] == made.trials[0].user_attrs["result"]["cycles"] > 0


def test_a_stack_without_a_bound_is_within_no_limit() -> None:
    point = Point("0", "int8", (), 32, "gates", "speed")
    result = Result(1, 1, 1, 40.0, cycles=1, stack=None, whole=True)
    assert pareto([Tried(0, point, result)], OBJECTIVES, Limits())
    assert not pareto([Tried(0, point, result)], OBJECTIVES, Limits(stack=10**6))
