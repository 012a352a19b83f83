"""Which cases `make test` leaves to `make entire`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from tests.support import spared
from tests.support.costs import COSTLY, TOGETHER
from tests.support.spared import SECONDS


@dataclass(frozen=True)
class Case:
    """What is asked of a pytest.Item."""

    nodeid: str
    marks: tuple[str, ...] = ()

    def get_closest_marker(self, name: str) -> bool | None:
        return True if name in self.marks else None


def left_out(cases: list[Case], monkeypatch: pytest.MonkeyPatch, seconds: float) -> set[str]:
    monkeypatch.setattr(spared, "costs", lambda: {"f.py::test_slow": seconds})
    found = spared.spared(cast(list[pytest.Item], cases))
    return {item.nodeid for item in found}


def cases_of(test: str, *marks: str) -> list[Case]:
    return [Case(f"f.py::{test}[{number}]", marks) for number in range(9)]


def test_cases_run_until_their_time_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = cases_of("test_slow") + cases_of("test_quick")
    for run in (1, 2):
        out = left_out(cases, monkeypatch, SECONDS / run)
        assert len(out) == 9 - run
        assert all("test_slow" in name for name in out)
        assert out == left_out(cases[::-1], monkeypatch, SECONDS / run)


def test_many_cases_run_until_their_time_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.9 * COSTLY
    cases = [Case(f"f.py::test_slow[{number}]") for number in range(100)]
    assert 100 - len(left_out(cases, monkeypatch, seconds)) == round(TOGETHER / seconds)


def test_one_case_runs_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(left_out(cases_of("test_slow"), monkeypatch, 100 * SECONDS)) == 8


def test_marks_say_all_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not left_out(cases_of("test_slow", "each_case"), monkeypatch, SECONDS)
    assert len(left_out(cases_of("test_quick", "all_cases"), monkeypatch, SECONDS)) == 9
