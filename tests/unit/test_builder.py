"""Parts of a program as it grows: a name has one meaning, and blocks have what was emitted."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.errors import InternalError
from lstm_edge.formats import fixed
from lstm_edge.ir.program import ONCE
from lstm_edge.passes.builder import Builder

Q10 = fixed(10, -1000, 1000)


def test_a_name_is_declared_once() -> None:
    b = Builder()
    b.value("x", 2, Q10)
    with pytest.raises(InternalError, match="x is declared twice"):
        b.value("x", 2, Q10)
    assert b.constant("c", np.arange(3)) == b.constant("c", np.arange(3)) == "c"
    with pytest.raises(InternalError, match="constant c is defined twice"):
        b.constant("c", np.arange(1, 4))
    assert b.constants["c"].tolist() == [0, 1, 2]


def test_what_is_emitted_has_a_name_of_its_own() -> None:
    b = Builder()
    x = b.value("x", 2, Q10)
    long = b.vector("v", np.arange(5), Q10)
    names = [b.emit("add", "y", (x, long), Q10).name for _ in range(3)]
    assert names[0] == "y"
    assert len({*names}) == 3
    assert b.values["y"].length == 5
    assert b.emit("slice", "z", (long,), Q10, length=1).length == 1


def test_operations_apart_are_a_block_before_the_one_around_them() -> None:
    b = Builder()
    x = b.value("x", 2, Q10)
    b.close_block("empty", 0)
    b.emit("add", "a", (x, x), Q10)
    with b.apart("first", ONCE, 3):
        b.emit("add", "b", (x, x), Q10)
    b.emit("add", "c", (x, x), Q10)
    b.close_block("layer", 0)
    found = [(k.layer, k.sweep, k.before, [op.dest for op in k.ops]) for k in b.blocks]
    assert found[0] == ("first", ONCE, 3, ["b"])
    assert [(layer, sweep, ops) for layer, sweep, _, ops in found[1:]] == [("layer", 0, ["a", "c"])]


def test_what_a_caller_sets_is_in_the_format_of_its_state() -> None:
    b = Builder()
    state = b.value("h", 2, Q10)
    assert b.given_name(state) == b.given_name(state)
    given = b.given(state, "h, set by the caller")
    assert (given.name, given.length, given.format) == (b.given_name(state), 2, Q10)
    assert given.name != "h"
