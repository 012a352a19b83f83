"""Which of many like tests are run each time; `--all-cases` runs all of them.

Some boards have nothing that others have not. And where three things are combined, a third of all
triples has every pair; where two are, a half or a third of all pairs has each of both. Of a test
that builds C for each of MANY cases, half of them are run; a third where there are three times as
many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product
from zlib import crc32

import pytest

from lstm_edge.targets import Target, all_targets

SAME_C = {
    "cortex-m0plus": "cortex-m0",
    "cortex-m7": "cortex-m4",
    "cortex-m33": "cortex-m4",
    "cortex-m85": "cortex-m55",
}
"""Core -> another one whose C is the same, to the byte but for the name."""

EACH = {"riscv32": 1, **dict.fromkeys(SAME_C, 3), "cortex-m85": 12}
"""Board -> every so many-th test gets one of its cases, another one in each test. These run the C
of another board, or plain C, which is compared on this computer as well. All other boards meet all
cases, as these do with --all-cases.
"""

BOARDS = tuple(
    sorted(
        (t for t in all_targets() if t.board is not None), key=lambda target: target.name in EACH
    )
)
"""Those that meet all cases first: what turns from board to board turns over these."""


MANY = 6
"""Cases of a test from which on half of them do."""
BUILDS = {"tool_or_skip", "target_or_skip"}
"""Fixtures of tests that build C, which is what takes the time."""


def each_pair(*places: int, of: int = 3) -> tuple[pytest.MarkDecorator, ...]:
    """Marks of a combination, whose choices have these places in their lists; one list is as long
    as a multiple of three. Two thirds of all are for `--all-cases`, or all but one `of` so many.
    """
    return () if sum(places) % of == 0 else (pytest.mark.all_cases,)


def combined(*axes: Iterable[object], of: int = 3) -> list[pytest.ParameterSet]:
    """Every combination of one of each, with the marks of `each_pair`."""
    return [
        pytest.param(*(value for _, value in each), marks=each_pair(*(k for k, _ in each), of=of))
        for each in product(*map(enumerate, axes))
    ]


def spared(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests that are left out."""
    found: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    left = [item for item in items if item.get_closest_marker("all_cases")]
    for item in (item for item in items if not item.get_closest_marker("all_cases")):
        spec = getattr(item, "callspec", None)
        runs = spec is not None and "target_or_skip" in getattr(item, "fixturenames", ())
        target = spec.params.get("target") if runs else None
        if isinstance(target, Target) and target.name in EACH:
            found[target.name, item.nodeid.partition("[")[0]].append(item)
    met = dict.fromkeys(EACH, 0)
    for (board, _), cases in found.items():
        number = met[board]
        met[board] += 1
        one = cases[number % len(cases)] if number % EACH[board] == 0 else None
        left += [case for case in cases if case is not one]
    return left + _others(items, {id(item) for item in left})


def _others(items: Iterable[pytest.Item], left: set[int]) -> list[pytest.Item]:
    """Of tests with many cases, those that are left out: which they are follows from their names,
    so that they are the same each time, and not one end of an axis.
    """
    found: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if id(item) not in left and BUILDS & set(getattr(item, "fixturenames", ())):
            found[item.nodeid.partition("[")[0]].append(item)
    others = []
    for cases in found.values():
        if len(cases) >= MANY:
            ordered = sorted(cases, key=lambda item: crc32(item.nodeid.encode()))
            run = len(cases) // (3 if len(cases) >= 3 * MANY else 2)
            others += ordered[run:]
    return others
