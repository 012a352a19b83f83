"""Boards of tests, and combinations of which a part is enough; `--all-cases` runs all of them.

Some boards have nothing that others have not. And where three things are combined, a third of all
triples has every pair; where two are, a half or a third of all pairs has each of both. Which of
other tests are left out is in `tests.support.spared`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pytest

from lstm_edge.targets import all_targets

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


DIALECTS = [
    pytest.param(board, marks=[pytest.mark.all_cases] if board.name in SAME_C else [])
    for board in BOARDS
]
"""All boards, one for each C in `make test`: for tests of what C each core gets."""


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
