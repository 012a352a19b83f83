"""Which of many like tests `make test` leaves to `make entire`, which has `--all-cases`.

A test whose cases take long, as `tests/costs.txt` says, runs as many of them as take SECONDS
together, and one at least; one with many cases as many as take TOGETHER; all, where it is marked:
cores whose kernels have nothing in common, pages. Some boards get a part of the cases:
`tests.support.boards`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from zlib import crc32

import pytest

from lstm_edge.targets import Target
from tests.support.boards import EACH
from tests.support.costs import COSTLY, TOGETHER, costs, test_of

SECONDS = 0.5
"""Of the processor, for all cases of a test together."""


def spared(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests that are left out."""
    found: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    left = [item for item in items if item.get_closest_marker("all_cases")]
    for item in (item for item in items if not item.get_closest_marker("all_cases")):
        spec = getattr(item, "callspec", None)
        runs = spec is not None and "target_or_skip" in getattr(item, "fixturenames", ())
        target = spec.params.get("target") if runs else None
        if isinstance(target, Target) and target.name in EACH:
            found[target.name, test_of(item.nodeid)].append(item)
    met = dict.fromkeys(EACH, 0)
    for (board, _), cases in found.items():
        number = met[board]
        met[board] += 1
        one = cases[number % len(cases)] if number % EACH[board] == 0 else None
        left += [case for case in cases if case is not one]
    return left + _costly(items, {id(item) for item in left})


def _costly(items: Iterable[pytest.Item], left: set[int]) -> list[pytest.Item]:
    """Of tests with costly cases, those that are left out: which they are follows from their names,
    so that they are the same each time, and not one end of an axis.
    """
    found: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if id(item) not in left:
            found[test_of(item.nodeid)].append(item)
    others = []
    for name, seconds in costs().items():
        cases = found.get(name, [])
        if not any(item.get_closest_marker("each_case") for item in cases):
            ordered = sorted(cases, key=lambda item: crc32(item.nodeid.encode()))
            most = SECONDS if seconds >= COSTLY else TOGETHER
            others += ordered[max(1, round(most / seconds)) :]
    return others
