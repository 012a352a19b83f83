"""Rows of a batch: whether a step computes each alone, and all alike.

Each row has inputs and states of its own. A result is row by row where every row is computed from
its own, and by the same leaves as the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lstm_edge.frontend.step.leaves import Leaf, Leaves
from lstm_edge.frontend.step.symbols import Symbols


class NotRows(Exception):
    """An axis that is no batch: rows are mixed, or differ."""


def check_rows(
    leaves: Leaves, own: Mapping[int, tuple[int, str]], results: Sequence[Symbols]
) -> None:
    """Raises NotRows where the first axis of a result is no batch.

    own: inputs and states, leaf -> its row and what it is there.
    """
    rows = _rows_of(leaves, own)
    same: dict[tuple[int, int], bool] = {}

    def alike(a: int, b: int) -> bool:
        if (a, b) not in same:
            same[a, b] = a == b or _alike(a, b)
        return same[a, b]

    def _alike(a: int, b: int) -> bool:
        if a in own or b in own:
            return a in own and b in own and own[a][1] == own[b][1]
        first, second = leaves[a], leaves[b]
        if not _same_form(first, second):
            return False
        pairs = zip(first.operands, second.operands, strict=True)
        return all(np.array_equal(u, v) and alike(i, j) for (i, u), (j, v) in pairs)

    for result in results:
        first = Symbols(result.leaf[0], result.unit[0])
        for row in range(result.shape[0]):
            here = Symbols(result.leaf[row], result.unit[row])
            found = set(here.leaf.reshape(-1).tolist())
            if any(rows[leaf] not in (0, 1 << row) for leaf in found):
                raise NotRows("a row is computed from others")
            pairs = set(zip(here.leaf.flat, first.leaf.flat, strict=True))
            if not np.array_equal(here.unit, first.unit) or not all(
                alike(int(i), int(j)) for i, j in pairs
            ):
                raise NotRows("rows differ")


def _rows_of(leaves: Leaves, own: Mapping[int, tuple[int, str]]) -> list[int]:
    """Rows, as bits, that each leaf is computed from."""
    rows = [0] * len(leaves)
    for number in range(len(leaves)):
        if number in own:
            rows[number] = 1 << own[number][0]
        for source, _ in leaves[number].operands:
            rows[number] |= rows[source]
    return rows


def _same_form(a: Leaf, b: Leaf) -> bool:
    """Whether two leaves are the same, but for what they read."""
    plain = (a.kind, a.size, a.function, len(a.operands)) == (
        *(b.kind, b.size, b.function),
        len(b.operands),
    )
    factors = zip(a.terms, b.terms, strict=False)
    return (
        plain
        and np.array_equal(a.numbers, b.numbers)
        and all(np.array_equal(c, d) for (_, c), (_, d) in factors)
    )
