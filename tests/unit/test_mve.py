"""Blocks of four rows: pieces fit the registers, weights come out as they went in."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.kernels.kernel import words
from lstm_edge.kernels.mve import BYTES, KERNELS, REGISTERS, UNITS, Piece, Role, Rows, cut, pack

SEEDS = range(40)


def some_pieces(seed: int, size: int = BYTES) -> list[Piece]:
    rng = np.random.default_rng(seed)
    roles = list(Role) if size == BYTES else [Role.LOW]
    count = int(rng.integers(1, 30))
    return [
        Piece(int(rng.integers(1, size + 1)), roles[int(rng.integers(len(roles)))])
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_groups_of_pieces_fit_the_registers_and_keep_their_order(seed: int) -> None:
    pieces = some_pieces(seed)
    groups = cut(pieces)
    assert [piece for group in groups for piece in group] == pieces
    held = [sum(piece.registers for piece in group) for group in groups]
    assert min(held) >= 1
    assert max(held) <= REGISTERS


@pytest.mark.parametrize("count", range(1, 40))
def test_groups_are_as_few_as_can_be_and_about_the_same(count: int) -> None:
    held = [len(group) for group in cut([Piece(BYTES, Role.LOW)] * count)]
    assert len(held) == -(-count // REGISTERS)
    assert max(held) - min(held) <= 1
    both = [2 * len(group) for group in cut([Piece(BYTES, Role.BOTH)] * count)]
    assert len(both) == -(-count // (REGISTERS // 2))


def rows_of(bits: int, halves: bool, pieces: list[Piece], first: bool) -> Rows:
    return Rows(bits, halves, 3, tuple(pieces), first, last=False)


def unpacked(packed: np.ndarray, rows: Rows) -> tuple[np.ndarray, np.ndarray | None]:
    """Weights [4, columns] and starts [4], read as `rows.h` says."""
    starts = packed[:UNITS] if rows.first else None
    data = packed[UNITS if rows.first else 0 :].astype("<i4").tobytes()
    numbers = np.frombuffer(data, "<i2" if rows.weight_bits == 16 else np.int8).astype(np.int64)
    weights = np.zeros((UNITS, rows.columns), np.int64)
    at = 0
    for pair in (0, 2):
        column = 0
        for piece in rows.pieces:
            place = slice(column, column + piece.columns)
            first = numbers[at : at + piece.columns]
            at += piece.columns
            if rows.weight_bits == 4:
                weights[pair + 1, place] = (first + 8) >> 4
                weights[pair, place] = first - 16 * weights[pair + 1, place]
            else:
                weights[pair, place] = first
                weights[pair + 1, place] = numbers[at : at + piece.columns]
                at += piece.columns
            column += piece.columns
    assert len(numbers) - at == (2 if rows.skips else 0)
    return weights, starts


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("bits", "halves"), [(4, False), (8, False), (4, True), (8, True), (16, True)]
)
def test_weights_come_out_as_they_went_in(bits: int, halves: bool, first: bool) -> None:
    most = 7 if bits == 4 else 2 ** (bits - 1) - 1
    least = -most if bits == 4 else -most - 1
    for seed in SEEDS:
        rng = np.random.default_rng([seed, 1])
        rows = rows_of(bits, halves, some_pieces(seed, BYTES // 2 if halves else BYTES), first)
        shape = (UNITS, rows.columns)
        weights = rng.integers(least, most + 1, shape)
        weights = weights if seed % 2 else rng.choice([least, most], shape)
        biases = rng.integers(-(2**31), 2**31, UNITS)
        found, starts = unpacked(pack(weights, biases, rows), rows)
        assert np.array_equal(found, weights)
        if not first:
            assert starts is None
            continue
        assert starts is not None
        if bits == 4:
            starts = words(starts - np.array([16, 0, 16, 0]) * starts[[1, 0, 3, 2]])
        assert np.array_equal(starts, biases)


def test_an_int4_weight_beyond_7_is_refused() -> None:
    rows = rows_of(4, False, [Piece(1, Role.LOW)], True)
    for weight in (-8, 8):
        with pytest.raises(AssertionError, match="int4"):
            pack(np.full((UNITS, 1), weight), np.zeros(UNITS, np.int64), rows)


def test_a_block_is_whole_words() -> None:
    for kernel in KERNELS:
        for columns in range(1, BYTES + 1):
            rows = rows_of(kernel.weight_bits, False, [Piece(columns, Role.LOW)], True)
            packed = pack(np.zeros((UNITS, columns), np.int64), np.zeros(UNITS, np.int64), rows)
            assert rows.skips == (kernel.weight_bits == 4 and columns % 2 == 1)
            size = UNITS * columns * kernel.weight_bits // 8 + 2 * rows.skips
            assert len(packed) == UNITS + size / 4
