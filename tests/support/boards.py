"""How many of the tests on boards a board gets: some boards have nothing that others have not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pytest

from lstm_edge.targets import Target

EACH = {"riscv32": 1, "cortex-m85": 12}
"""Board -> every so many-th test gets one of its cases, another one in each test. The C of a
Cortex-M85 is that of an M55, and plain C is compared on this computer as well. All other boards
meet all cases, as these two do with --all-cases."""


def spared(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests that are left out."""
    found: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        spec = getattr(item, "callspec", None)
        runs = spec is not None and "target_or_skip" in getattr(item, "fixturenames", ())
        target = spec.params.get("target") if runs else None
        if isinstance(target, Target) and target.name in EACH:
            found[target.name, item.nodeid.partition("[")[0]].append(item)
    left = []
    met = dict.fromkeys(EACH, 0)
    for (board, _), cases in found.items():
        number = met[board]
        met[board] += 1
        one = cases[number % len(cases)] if number % EACH[board] == 0 else None
        left += [case for case in cases if case is not one]
    return left
