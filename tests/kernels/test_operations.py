"""What dialects write in their own way computes what the operations mean, at all their edges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.emit.render import Rendered
from lstm_edge.interpret.feed import Feed, run_numpy
from lstm_edge.operations.joined import RECORDS
from lstm_edge.passes.prove import prove
from lstm_edge.targets import Target, load_target
from tests.kernels.operations import edges, program, tables
from tests.support.boards import DIALECTS
from tests.support.choices import over_time
from tests.support.exactness import (
    assert_bit_exact,
    assert_same_bits,
    every,
    integer_program,
    rendered,
    sanitized,
    stored_streams,
)
from tests.support.fused import fused, fused_phases
from tests.support.models import random_model

HOST = load_target("host")
CORES = ("host", "cortex-m0", "cortex-m3", "cortex-m4")


def test_joined_operations_keep_the_results_of_a_program() -> None:
    """In numpy, all of them, over the numbers that the boards are fed."""
    first = program()
    prove(first)
    kinds = {op.kind for _, ops in fused_phases(first) for op in ops}
    assert {record.name for record in RECORDS} <= kinds
    feed = Feed(edges())
    assert_same_bits(every(run_numpy(first, feed)), every(run_numpy(fused(first), feed)))


@pytest.mark.parametrize("seed", range(12))
def test_joined_operations_keep_the_results_of_random_models(seed: int) -> None:
    model = random_model(seed, **(over_time(seed) if seed % 4 == 0 else {}))
    first = integer_program(model, (8, 12, 16)[seed % 3], (16, 32)[seed % 2])
    feed = Feed(stored_streams(first, 60, seed))
    assert_same_bits(every(run_numpy(first, feed)), every(run_numpy(fused(first), feed)))


@pytest.mark.each_case
@pytest.mark.parametrize(
    ("core", "optimize"),
    [
        pytest.param(core, optimize, marks=[pytest.mark.all_cases] if optimize != "-O0" else [])
        for core in CORES
        for optimize in ("-O0", "-O2")
    ],
)
def test_spellings_on_this_computer(
    core: str, optimize: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("gcc")
    more = {"rendered_for": load_target(core), **sanitized("gcc")}
    assert_bit_exact(program(), HOST, "gates", tmp_path, edges(), optimize=optimize, **more)


@pytest.mark.each_case
@pytest.mark.parametrize("target", DIALECTS, ids=lambda target: target.name)
def test_spellings_on_a_board(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    assert_bit_exact(program(), target, "gates", tmp_path, edges())


def test_what_a_dialect_writes_is_in_the_c_of_its_core() -> None:
    """So that the tests above run it."""
    common = ("le_saturate", "_clamped", "le_table(", "le_mulw(")
    wanted = {
        "cortex-m4": ("le_mulw_add(", "le_mul_add(", "le_mul(", "_of_16", "_of_half"),
        "cortex-m3": ("_of_half", "_by_entries"),
        "cortex-m0": (" >> 1)", "_by_entries"),
    }
    for core, calls in wanted.items():
        text = rendered(program(), load_target(core), "gates").files["net.c"]
        assert [call for call in (*common, *calls) if call not in text] == []


def test_a_table_is_kept_as_words_where_its_ways_and_its_readers_let_it() -> None:
    """Ways to the next entry of 16 bits, and for the DSP extension times what is left of 16."""
    for core in CORES:
        found = {c.name: len(c.numbers) for c in rendered_for(core).constants}
        for table in tables():
            steepest = table.endswith("steepest_table") or table == "words_steep_table"
            words = core != "host" and not table.startswith("plain") and not steepest
            if table != "words_steep_table":
                assert found[f"net_{table}"] == (512 if words else 513), (core, table)


def rendered_for(core: str) -> Rendered:
    return rendered(program(), load_target(core), "gates")
