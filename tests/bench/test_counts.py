"""The generated code does not become slower unseen."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import gate
from tests.support.tools import skip_or_fail


def test_no_step_executes_more_instructions_than_counts_json_says(
    tool_or_skip: Callable[..., None],
) -> None:
    tool_or_skip(gate.COMPILER, "qemu-system-arm", "cc")
    compiler, before = gate.kept()
    if compiler != gate.compiler():
        here = gate.compiler()
        skip_or_fail(f"counts.json is for {compiler}, and this is {here}; for this: {gate.RENEW}")
    lines = gate.differences(before, gate.measure())
    assert not lines, "\n".join(
        ["instructions of a step moved by more than 1 %:", *lines, f"if meant so: {gate.RENEW}"]
    )


def test_a_count_that_moves_either_way_by_more_than_a_percent_is_named() -> None:
    before = {"same": 1000, "within": 1000, "slower": 1000, "faster": 1000, "gone": 1000}
    now = {"same": 1000, "within": 1010, "slower": 1011, "faster": 989, "new": 1000}
    assert gate.differences(before, now) == [
        "slower: 1,000 -> 1,011 instructions, slower",
        "faster: 1,000 -> 989 instructions, faster: renew the file",
        "gone: not measured",
        "new: not in counts.json",
    ]
