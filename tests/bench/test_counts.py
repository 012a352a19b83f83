"""The generated code does not become slower unseen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import gate
from tests.support.tools import skip_or_fail


@pytest.mark.parametrize(
    "first", [True, pytest.param(False, marks=pytest.mark.all_cases)], ids=["first", "others"]
)
def test_no_step_executes_more_instructions_than_counts_json_says(
    first: bool, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(gate.COMPILER, "qemu-system-arm", "cc")
    compiler, before = gate.kept()
    if compiler != gate.compiler():
        here = gate.compiler()
        skip_or_fail(f"counts.json is for {compiler}, and this is {here}; for this: {gate.RENEW}")
    chosen = [case for case in gate.cases() if (case in gate.first_cases()) is first]
    kept = {case.title: before[case.title] for case in chosen}
    lines = gate.differences(kept, gate.measure(chosen))
    assert not lines, "\n".join(
        ["instructions of a step moved by more than 1 %:", *lines, f"if meant so: {gate.RENEW}"]
    )


def test_counts_json_has_all_cases_and_nothing_else() -> None:
    _, before = gate.kept()
    assert list(before) == [case.title for case in gate.cases()]
    assert set(gate.first_cases()) < set(gate.cases())


def test_a_count_that_moves_either_way_by_more_than_a_percent_is_named() -> None:
    before = {"same": 1000, "within": 1000, "slower": 1000, "faster": 1000, "gone": 1000}
    now = {"same": 1000, "within": 1010, "slower": 1011, "faster": 989, "new": 1000}
    assert gate.differences(before, now) == [
        "slower: 1,000 -> 1,011 instructions, slower",
        "faster: 1,000 -> 989 instructions, faster: renew the file",
        "gone: not measured",
        "new: not in counts.json",
    ]
