"""What is spelled for vectors of units computes what operations mean, at all their edges."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.emit.wide_tables import wide_table
from lstm_edge.operations import OPERATIONS
from lstm_edge.passes.prove import prove
from lstm_edge.passes.schedule import schedule
from lstm_edge.targets import Target, load_target
from tests.kernels.wide_operations import (
    COUNTS,
    cases,
    curves,
    edges,
    program,
    spelled_as,
    variants,
)
from tests.support.exactness import assert_bit_exact, rendered, sanitized

HOST, M55 = load_target("host"), load_target("cortex-m55")
NUMBERS = edges()


@pytest.mark.all_cases
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_spellings_on_this_computer(
    compiler: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """With the stand-ins for intrinsics, and sanitizers."""
    tool_or_skip(compiler)
    more = {"rendered_for": M55, "optimize": "-O0", **sanitized(compiler)}
    assert_bit_exact(program(), HOST, "gates", tmp_path, NUMBERS, **more)


def test_spellings_on_a_board(tmp_path: Path, target_or_skip: Callable[[Target], None]) -> None:
    target_or_skip(M55)
    assert_bit_exact(program(), M55, "gates", tmp_path, NUMBERS)


def test_every_spelling_has_a_case() -> None:
    """An operation that is spelled for vectors is tried in each of its spellings."""
    prove(program())
    assert set(cases().covered.values()) == variants()


def written() -> dict[str, str]:
    """By result, the text that makes it."""
    text = rendered(program(), M55, "gates").files["net.c"]
    lines = re.findall(
        r"^\s+(?:const int32x4_t )?(\w+) = (.+?);(?: /\*.*\*/)?$", text, re.MULTILINE
    )
    return dict(lines)


def test_cases_are_written_as_they_say() -> None:
    """So that each spelling is run, on vectors, not another one of the same meaning."""
    found = written()
    selection = rendered(program(), M55, "gates").selection
    assert {phase.name for phase in schedule(program()).phases} == set(selection.wide)
    for name, (kind, variant) in cases().covered.items():
        spelling = getattr(OPERATIONS[kind].c_wide, variant)
        assert spelled_as(spelling).fullmatch(found[name]), (name, variant, found[name])


def test_two_operations_are_one_where_their_result_is_a_mean() -> None:
    found = written()
    assert all(found[name].startswith("vhaddq_n_s32(") for name in cases().means)
    assert not any(found[name].startswith("vhaddq") for name in cases().not_means)


def test_tables_are_read_in_all_ways_at_all_counts() -> None:
    ops = [op for block in program().blocks for op in block.ops if op.kind == "table"]
    readers = {(wide_table(program(), op.table).reader(op), op.n) for op in ops}
    assert {n for _, n in readers} == set(COUNTS)
    for reader, counts in {
        "le_v_line": range(6, 23),
        "le_v_steep_line": range(8),
        "le_v_table": range(1, 17),
        "le_v_steep_table": range(16),
    }.items():
        assert {n for name, n in readers if name == reader} >= set(counts), reader
    assert len(curves()) == len({op.table for op in ops})


def test_numbers_meet_both_sides_of_all_segments_that_matter() -> None:
    """The first and the last one, the middle, and what lies beyond."""
    numbers = (NUMBERS["at_upper"] << 16) + NUMBERS["at_lower"] + 2**15
    for n in COUNTS:
        for segment in (-256, 0, 256):
            around = [(segment << n) + d for d in (-1, 0, 1)]
            assert np.isin(around, numbers).all(), (n, segment)
