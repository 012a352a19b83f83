"""Each operation takes operands that are as long as it needs, and no other: every program is held
to these rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op

W = {"W": np.ones((3, 4)), "B": np.ones((3, 4)), "w": np.ones(6), "taps": np.ones((2, 6))}
K = {"k": np.ones(2)}


def op(kind: str, **fields: Any) -> Op:
    return Op(kind, "y", fields.pop("args", ("a", "b", "c")), **fields)


FITTING: list[tuple[Op, int, list[int]]] = [
    (op("add", args=("a", "b")), 6, [6, 6]),
    (op("add", args=("a", "b")), 6, [1, 6]),
    (op("add", args=("a", "k")), 6, [6, 2]),
    (op("step", args=()), 1, []),
    (op("concat"), 9, [2, 3, 4]),
    (op("slice", args=("a",), n=2, count=4), 4, [6]),
    (op("slice", args=("a",), n=1, count=2, positions=3, stride=2), 6, [7]),
    (op("gather", args=("a", "b")), 5, [2, 5]),
    (op("sum", args=("a",)), 1, [7]),
    (op("max", args=("a",)), 1, [7]),
    (op("argmax", args=("a",)), 1, [7]),
    (op("slide"), 6, [6, 3, 1]),
    (op("slide"), 6, [6, 3, 6]),
    (op("slide", positions=2, stride=2, count=1), 6, [6, 4, 1]),
    (op("matvec", args=("a",), matrices=("W",)), 3, [4]),
    (op("matvec", args=("a", "b"), matrices=("W", "W")), 3, [4, 4]),
    (op("matvec", args=("a",), matrices=("W",), positions=2, stride=3), 6, [7]),
    (op("matvec", args=("a",), matrices=("W",), positions=2, stride=3), 6, [9]),
    (op("matvec_over_time", args=("a", "b"), matrices=("W",)), 3, [3, 4]),
    (op("lookup", args=("a",), matrices=("W",), n=1), 4, [2]),
    (op("rfft", args=("a",), bias="w", count=6), 8, [6]),
    (op("rfft", args=("a",), bias="w", count=8, stride=2), 10, [8]),
    (op("rfft_of_sums", args=("a",), bias="taps", count=6, stride=2), 8, [9]),
    (op("raised_power", args=("a",)), 5, [8]),
    (op("power", args=("a",)), 4, [8]),
    (op("band_power", args=("a",), bias="B"), 6, [8]),
    (op("bands", args=("a",), bias="B"), 3, [4]),
]
WRONG: list[tuple[Op, int, list[int]]] = [
    (op("add", args=("a", "b")), 6, [6, 5]),
    (op("add", args=("a", "b")), 6, [6, 2]),
    (op("add", args=("a", "b")), 6, [7, 6]),
    (op("add", args=("a", "k")), 5, [5, 2]),
    (op("select", args=("a", "k", "k", "b")), 6, [6, 2, 3, 6]),
    (op("step", args=()), 2, []),
    (op("step", args=("a",)), 1, [1]),
    (op("concat"), 8, [2, 3, 4]),
    (op("slice", args=("a",), n=2, count=4), 4, [5]),
    (op("slice", args=("a",), n=2, count=4), 3, [6]),
    (op("slice", args=("a",), n=-1, count=4), 4, [6]),
    (op("slice", args=("a",), n=1, count=2, positions=3, stride=2), 6, [6]),
    (op("slice", args=("a",), n=1, count=2, positions=3, stride=2), 5, [7]),
    (op("gather", args=("a", "b")), 2, [2, 5]),
    (op("sum", args=("a",)), 2, [7]),
    (op("max", args=("a",)), 0, [7]),
    (op("argmax", args=("a",)), 7, [7]),
    (op("slide"), 6, [7, 3, 1]),
    (op("slide"), 6, [6, 4, 1]),
    (op("slide"), 6, [6, 3, 3]),
    (op("slide", positions=2, stride=2, count=1), 6, [6, 5, 1]),
    (op("slide", positions=2, stride=3, count=1), 9, [9, 4, 1]),
    (op("slide", positions=2, stride=2, count=1), 7, [7, 4, 1]),
    (op("slide", positions=2, stride=2, count=1), 6, [8, 4, 1]),
    (op("slide", positions=2, stride=2, count=2), 6, [6, 4, 1]),
    (op("slide", positions=2, stride=2, count=1), 6, [6, 4, 6]),
    (op("matvec", args=("a",), matrices=("W",)), 4, [4]),
    (op("matvec", args=("a",), matrices=("W",)), 3, [3]),
    (op("matvec", args=("a", "b"), matrices=("W", "W")), 3, [4, 5]),
    (op("matvec", args=("a",), matrices=("W",), positions=2, stride=3), 6, [6]),
    (op("matvec", args=("a",), matrices=("W",), positions=2, stride=3), 3, [7]),
    (op("matvec", args=("a",), matrices=("W",), positions=2, stride=0), 6, [7]),
    (op("matvec_over_time", args=("a", "b"), matrices=("W",)), 3, [4, 3]),
    (op("lookup", args=("a",), matrices=("W",), n=1), 3, [2]),
    (op("lookup", args=("a",), matrices=("W",), n=2), 4, [2]),
    (op("rfft", args=("a",), bias="w", count=6), 7, [6]),
    (op("rfft", args=("a",), bias="w", count=4), 6, [6]),
    (op("rfft", args=("a",), bias="w", count=6, stride=1), 8, [6]),
    (op("rfft_of_sums", args=("a",), bias="taps", count=6, stride=2), 8, [8]),
    (op("raised_power", args=("a",)), 4, [8]),
    (op("power", args=("a",)), 5, [8]),
    (op("band_power", args=("a",), bias="B"), 3, [8]),
    (op("band_power", args=("a",), bias="B"), 6, [4]),
    (op("bands", args=("a",), bias="B"), 4, [4]),
    (op("bands", args=("a",), bias="B"), 3, [3]),
]


def found(case: tuple[Op, int, list[int]]) -> str:
    asked, length, lengths = case
    return OPERATIONS[asked.kind].misfit(asked, length, lengths, {**W, **K})


@pytest.mark.parametrize("case", FITTING, ids=str)
def test_operands_that_fit_are_taken(case: tuple[Op, int, list[int]]) -> None:
    assert found(case) == ""


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_operands_of_another_length_are_told(case: tuple[Op, int, list[int]]) -> None:
    text = found(case)
    assert text
    assert str(case[1]) in text
    assert str(case[2]) in text or "multiplies" in text


def test_every_rule_was_asked_both_ways() -> None:
    rules = {record.misfit.__qualname__ for record in OPERATIONS.values()}
    for cases in (FITTING, WRONG):
        asked = {OPERATIONS[case[0].kind].misfit.__qualname__ for case in cases}
        assert asked == rules
