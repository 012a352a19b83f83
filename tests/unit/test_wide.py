"""Phases on vectors of units: which they are, what is copied, how large a tile is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lstm_edge.kernels.mve import BYTES, REGISTERS, UNITS, Role
from lstm_edge.passes.options import Options
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.select import Selection, select
from lstm_edge.passes.wide import TILE_BYTES, Segment, Wide, can_be_wide
from lstm_edge.targets import load_target
from tests.support.exactness import float_program, integer_program
from tests.support.models import random_model
from tests.support.schemes import COMBINATIONS, program_of, sampled_model

M4, M55 = load_target("cortex-m4"), load_target("cortex-m55")
ONE = {"direction": "forward", "front": (), "weights": "normal", "norm": "", "cut": (), "also": ()}
CELLS = ("plain", "gru", "gru_reset_after", "rnn", "fast_grnn", "projected")


def chosen(cell: str, units: int, features: int, options: Options) -> Selection:
    choices = {**ONE, "read": "steps", "head": ("dense",), "classes": 3, "initial": False}
    model = random_model(80, cell=cell, hidden=(units,), features=features, **choices)
    return select(program_of(model, options), M55, "gates")


def several() -> Iterator[Selection]:
    sizes = ((1, 1), (7, 1), (33, 5), (97, 20))
    for k, cell in enumerate(CELLS):
        for j, (units, features) in enumerate(sizes):
            yield chosen(cell, units, features, COMBINATIONS[(7 * k + 5 * j) % len(COMBINATIONS)])
    yield chosen("gru", 61, 5, Options(12, 32, 8))
    for number in range(11):
        options = COMBINATIONS[(5 * number) % len(COMBINATIONS)]
        yield select(program_of(sampled_model(number), options), M55, "gates")


@pytest.fixture(scope="module")
def selections() -> list[Selection]:
    return list(several())


def phases(selections: list[Selection]) -> Iterator[tuple[Phase, Wide]]:
    for selection in selections:
        for phase in selection.schedule.phases:
            if phase.name in selection.wide:
                yield phase, selection.wide[phase.name]


def source(segment: Segment) -> tuple[object, ...]:
    run = segment.run
    place = (run.array, run.after, run.offset + segment.offset, segment.columns)
    return (*place, segment.role, segment.places, segment.halves)


def test_columns_are_copied_once_and_copies_do_not_overlap(selections: list[Selection]) -> None:
    shared = 0
    for _, wide in phases(selections):
        every = [segment for each in wide.sets for segment in each.segments]
        once = {segment.at: segment for segment in every}
        shared += len(every) - len(once)
        assert len({source(segment) for segment in once.values()}) == len(once)
        at = 0
        for start, segment in sorted(once.items()):
            assert start == at
            at += BYTES * sum(piece.registers for piece in segment.pieces)
        assert at == wide.staged
    assert shared > 2


def test_calls_take_the_pieces_of_all_columns_in_order(selections: list[Selection]) -> None:
    """Each from where the copies of its own columns are."""
    tried = planes = 0
    for _, wide in phases(selections):
        for each in wide.sets:
            wanted = [
                (segment.at + BYTES * k * piece.registers, piece)
                for segment in each.segments
                for k, piece in enumerate(segment.pieces)
            ]
            found = []
            for start, rows in each.calls:
                at = start
                for piece in rows.pieces:
                    found.append((at, piece))
                    at += BYTES * piece.registers
                assert at - start <= BYTES * REGISTERS
            assert found == wanted
            first, *more = [(rows.first, rows.last) for _, rows in each.calls]
            assert first[0]
            assert not any(began for began, _ in more)
            assert [first, *more][-1][1]
            assert sum(rows.last for _, rows in each.calls) == 1
            tried += len(each.calls)
            planes += len(each.calls) > 1 and Role.BOTH in {piece.role for _, piece in found}
    assert tried > 50
    assert planes


def test_the_sums_of_a_tile_are_within_the_limit(selections: list[Selection]) -> None:
    several_tiles = 0
    for phase, wide in phases(selections):
        assert 1 <= wide.vectors <= -(-phase.units // UNITS)
        sums = wide.vectors * wide.rows * BYTES
        assert sums <= TILE_BYTES or wide.vectors == 1
        several_tiles += UNITS * wide.vectors < phase.units
        assert wide.rows == len(phase.matvecs)
    assert several_tiles > 3


def test_a_segment_is_held_as_its_numbers_fit(selections: list[Selection]) -> None:
    """All ways come up, and a number never has more bits than what holds it."""
    met = set()
    for _, wide in phases(selections):
        for each in wide.sets:
            for _, rows in each.calls:
                met |= {(rows.weight_bits, rows.halves, piece.role) for piece in rows.pieces}
    assert {(b, False, role) for b in (4, 8) for role in Role} <= met
    assert {(bits, True, Role.LOW) for bits in (8, 4, 16)} <= met
    assert all(bits != 16 or halves for bits, halves, _ in met)


def test_only_a_core_with_helium_and_integers_in_loops_has_vectors() -> None:
    model = random_model(80, cell="plain", hidden=(5,), features=3, **ONE, read="steps", head=())
    program = integer_program(model)
    assert select(program, M55, "gates").wide
    assert select(program, M55, "none").wide
    assert not select(program, M55, "full").wide
    assert not select(program, M4, "gates").wide
    assert not select(float_program(model), M55, "gates").wide


def test_operations_without_a_spelling_keep_a_phase_from_vectors() -> None:
    model = random_model(
        80, cell="plain", hidden=(5,), features=3, **ONE, read="last", head=("dense", "argmax")
    )
    selection = select(integer_program(model), M55, "gates")
    kinds = {
        op.kind: can_be_wide(phase)
        for phase in selection.schedule.phases
        for op in (*phase.ops, *phase.reductions)
    }
    assert not kinds["argmax"]
    assert kinds["table"]
