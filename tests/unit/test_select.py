"""Kernels are chosen by features, rows go together in tiles, operands lie end to end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lstm_edge.errors import TargetError
from lstm_edge.ir.model import Model
from lstm_edge.passes.options import Options
from lstm_edge.passes.select import Selection, select
from lstm_edge.targets import Target, all_targets, load_target
from tests.support.exactness import float_program, integer_program
from tests.support.models import random_model
from tests.support.schemes import program_of

M0, M3, M4, HOST = map(load_target, ("cortex-m0", "cortex-m3", "cortex-m4", "host"))
ONE = {"direction": "forward", "front": (), "weights": "normal", "norm": "", "cut": ()}


def model(cell: str, *hidden: int, features: int = 3, **more: object) -> Model:
    choices = {**ONE, "read": "steps", "head": (), "also": (), "initial": False, **more}
    return random_model(80, cell=cell, hidden=hidden, features=features, **choices)


def chosen(target: Target, network: Model, unroll: str = "gates") -> Selection:
    return select(integer_program(network), target, unroll)


def names(selection: Selection) -> set[str]:
    return {each.kernel.name for each in selection.tiles.values() if each.kernel is not None}


@pytest.mark.parametrize("target", all_targets(), ids=lambda target: target.name)
@pytest.mark.parametrize("bits", [4, 8, 16])
def test_features_choose_the_part_and_weights_the_kernel(bits: int, target: Target) -> None:
    program = program_of(model("plain", 5), Options(weights=bits))
    parts = [p for p in ("mve", "dsp", "armv7m", "armv6m") if p in target.features]
    plain = "int4" if bits == 4 else "rows"
    wanted = f"{parts[0]}/int{bits}" if parts else f"portable/{plain}"
    assert names(select(program, target, "gates")) == {wanted}


def test_a_core_with_less_falls_back() -> None:
    """Without DSP to Armv7-M, without anything to plain C: the same target, other features."""
    network = model("gru", 5)
    assert names(chosen(M4, network)) == {"dsp/int8"}
    without = replace(M4, features=tuple(f for f in M4.features if f != "dsp"))
    assert names(chosen(without, network)) == {"armv7m/int8"}
    assert names(chosen(replace(M4, features=()), network)) == {"portable/rows"}
    assert names(chosen(replace(M4, features=("fpu",)), network)) == {"portable/rows"}


@pytest.mark.parametrize(
    ("core", "kernel"),
    [
        ("cortex-m4", "fpu/float32"),
        ("cortex-m55", "fpu/float32x4"),
        ("cortex-m3", "portable/rows"),
        ("host", "portable/rows"),
        ("portable", "portable/rows"),
    ],
)
def test_float32_has_a_kernel_where_there_is_an_fpu(core: str, kernel: str) -> None:
    program = float_program(model("plain", 5))
    assert names(select(program, load_target(core), "gates")) == {kernel}


def test_straight_line_code_has_no_kernel() -> None:
    assert names(select(float_program(model("plain", 5)), M4, "full")) == set()
    assert names(chosen(M4, model("plain", 5), "full")) == set()


def test_weights_that_no_kernel_multiplies_are_an_error_that_names_the_target() -> None:
    program = integer_program(model("plain", 5))
    blocks = [
        replace(b, ops=tuple(replace(o, n=7) if o.kind == "matvec" else o for o in b.ops))
        for b in program.blocks
    ]
    odd = replace(program, blocks=tuple(blocks))
    assert names(select(odd, M4, "gates")) == {"portable/rows"}
    with pytest.raises(TargetError, match="no kernel of cortex-m4 multiplies weights of 4 bits"):
        _none_fits()


def _none_fits() -> None:
    from lstm_edge.passes import select as module

    kept = dict(module.KERNELS)
    try:
        for name in kept:
            del module.KERNELS[name]  # type: ignore[attr-defined]
        select(program_of(model("plain", 5), Options(weights=4)), M4, "gates")
    finally:
        module.KERNELS.update(kept)  # type: ignore[attr-defined]


@pytest.mark.parametrize("units", [1, 7, 13])
@pytest.mark.parametrize("target", [M0, M3, M4], ids=lambda target: target.name)
def test_units_make_groups_that_fill_their_tiles(target: Target, units: int) -> None:
    """As many units as four rows need, or all that there are."""
    needs = {1: 4, 2: 2, 3: 4, 4: 1}
    seen = set()
    for cell in ("plain", "gru", "gru_reset_after", "rnn", "dense"):
        network = model("plain" if cell == "dense" else cell, units)
        if cell == "dense":
            network = model("plain", 5, head=("dense",), classes=units)
        for each in chosen(target, network).tiles.values():
            counts = [len(rows.matvecs) for rows in each.sets]
            phase_units = units if cell != "dense" or len(counts) == 1 else 5
            if cell == "dense" and counts != [1]:
                continue
            assert each.group == min(max(needs[n] for n in counts), phase_units)
            assert [rows.tiles(each.group) for rows in each.sets] == [
                -(-n * each.group // 4) for n in counts
            ]
            seen |= set(counts)
    assert {1, 3} <= seen


def test_the_rows_of_an_lstm_may_be_one_tile() -> None:
    """Of 8-bit activations: x is brought to the scale of h first."""
    program = program_of(model("plain", 5), Options(8))
    tiles = select(program, M4, "gates").tiles
    (own,) = (each for each in tiles.values() if each.kernel is not None)
    assert [(len(rows.matvecs), len(rows.operands)) for rows in own.sets] == [(4, 2)]
    assert own.group == 1


def test_rows_go_together_by_what_they_multiply() -> None:
    """z and r of a GRU over the same vectors, n and hn by themselves."""
    for cell in ("gru", "gru_reset_after"):
        for tiles in chosen(M4, model(cell, 7)).tiles.values():
            operands = [rows.operands for rows in tiles.sets]
            assert len(operands) == len(set(operands))


def test_operands_lie_end_to_end_and_are_padded_for_the_kernel() -> None:
    """[x; h] of 3 and 5: 4 and 6 numbers for pairs, 3 and 5 where one column is multiplied."""
    for target, padded in ((M4, [4, 6]), (M3, [3, 5]), (M0, [4, 6])):
        selection = chosen(target, model("rnn", 5))
        (array,) = selection.arrays.values()
        assert [entry.padded for entry in array.entries] == padded
        assert [entry.offset for entry in array.entries] == [0, padded[0]]
        assert [entry.state for entry in array.entries] == [False, True]
        (tiles,) = selection.tiles.values()
        runs = tiles.runs
        assert [run.length for each in runs for run in each] == [sum(padded)]


def test_what_no_phase_makes_is_copied_before_it_is_read() -> None:
    selection = chosen(M4, model("plain", 5))
    (take,) = selection.takes
    order = [phase.name for phase in selection.schedule.phases]
    (reader,) = selection.tiles
    assert order.index(take) < order.index(reader)


def test_layers_that_multiply_the_same_vectors_share_an_array() -> None:
    """The z and r of a GRU read [x; h], and n reads x in the same place."""
    selection = chosen(M4, model("gru_reset_after", 7))
    read = {run.array for t in selection.tiles.values() for runs in t.runs for run in runs}
    assert read == set(selection.arrays)
    values = [e.value for array in selection.arrays.values() for e in array.entries]
    assert len(values) == len(set(values))


def test_a_row_over_vectors_that_cannot_follow_each_other_has_several_runs() -> None:
    """Or what the step has made of a state is written twice: each run is whole, none is lost."""
    for cell in ("plain", "gru", "gru_reset_after", "rnn", "fast_grnn", "projected"):
        program = integer_program(model(cell, 3, 4, 5))
        for target in (M0, M3, M4, HOST):
            selection = select(program, target, "gates")
            for tiles in selection.tiles.values():
                for rows, runs in zip(tiles.sets, tiles.runs, strict=True):
                    assert sum(run.values for run in runs) == len(rows.operands)
                    lengths = [program.values[name].length for name in rows.operands]
                    pad = tiles.kernel.padded if tiles.kernel else int
                    assert sum(run.length for run in runs) == sum(map(pad, lengths))


def test_kernels_are_unrolled_for_speed_alone() -> None:
    program = integer_program(model("gru", 40, features=24))
    board = load_target("cortex-m4")
    plain = select(program, board, "none").forms
    assert select(program, board, "gates", "size").forms == plain
    assert select(program, board, "none", "size").forms == plain
    assert select(program, board, "gates").forms != plain
