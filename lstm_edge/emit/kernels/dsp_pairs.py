"""Two rows in one SMLAD, for cores with the DSP extension (Cortex-M4, M7, M33).

A word holds two columns of two rows a and b: halfwords 256 * b + a. With x as pairs of int16,

    pair += SMLAD(word, x)              sums 256 * b + a, mod 2**32
    low  += SMLAD(SXTB16(word), x)      sums a
    b's sum = (pair - low) >> 8         exact while it is below 2**23 in magnitude

The weights are known, so that bound is checked here and the columns are cut where it would fail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.emit.kernels.block import Array, MatvecBlock, Packed, Run, Segment, runs

EXACT_BELOW = 2**23
INSTRUCTIONS = 1.125
"""For a multiply-accumulate: of four, a word's load, SXTB16, two SMLAD, half a load of values."""


@dataclass(frozen=True)
class Stretch:
    """Columns [start, start + columns) of a segment, walked two at a time; `tail`: the last one
    alone. `flush`: add the partial sums to the accumulators after it.
    """

    operand: str
    pairs: tuple[Run, ...]
    tail: int | None
    row_pairs: tuple[tuple[str, str], ...]
    flush: bool


def supports(block: MatvecBlock) -> bool:
    """int8 weights, int16 operands, an even number of rows in each segment."""
    return (
        block.weight_type == "int8_t"
        and block.unroll != "full"
        and all(s.operand_type == "int16_t" for s in block.segments)
        and all(len(s.rows) % 2 == 0 for s in block.segments)
        and all(_largest_step(s) < EXACT_BELOW for s in block.segments)
    )


def _largest_step(segment: Segment) -> int:
    """What two columns can add to a row's sum."""
    return 2 * int(np.abs(segment.weights).max()) * segment.largest


def pack(block: MatvecBlock) -> Packed:
    """Words of two columns and two rows, in the order of the stretches."""
    parts = []
    for segment, start, columns, _ in _cuts(block):
        for k in range(start, start + columns, 2):
            parts.append(_words(segment.weights, k, start + columns))
    words = np.concatenate(parts, axis=-1)
    return Packed("int32_t", words, "per unit and column pair: a word for each two rows")


def _words(weights: Array, column: int, end: int) -> Array:
    """[..., units, rows / 2] words for the columns `column` and, below `end`, the next one."""
    halves = 256 * weights[..., 1::2, :] + weights[..., 0::2, :]
    low = halves[..., column] & 0xFFFF
    high = halves[..., column + 1] & 0xFFFF if column + 1 < end else np.zeros_like(low)
    word = low | (high << 16)
    return np.asarray(np.where(word >= 2**31, word - 2**32, word))


def view(block: MatvecBlock) -> tuple[Stretch, ...]:
    """What the template walks over."""
    stretches = []
    for segment, start, columns, flush in _cuts(block):
        rows = segment.rows
        walked = runs(columns // 2, block.unroll, start // 2)
        tail = start + columns - 1 if columns % 2 else None
        pairs = tuple(zip(rows[0::2], rows[1::2], strict=True))
        stretches.append(Stretch(segment.operand, walked, tail, pairs, flush))
    return tuple(stretches)


def _cuts(block: MatvecBlock) -> list[tuple[Segment, int, int, bool]]:
    """(segment, first column, columns, flush after): cut where a sum could reach 2**23, and
    where other rows begin.
    """
    cuts: list[tuple[Segment, int, int, bool]] = []
    reach: Array = np.zeros(1)
    for segment in block.segments:
        if cuts and cuts[-1][0].rows != segment.rows:
            cuts[-1] = (*cuts[-1][:3], True)
            reach = np.zeros(1)
        upper = np.abs(segment.weights[..., 1::2, :]) * segment.largest
        start = 0
        for k in range(0, segment.columns, 2):
            grown = reach + upper[..., k : k + 2].sum(axis=-1)
            if grown.max() >= EXACT_BELOW:
                if k > start:
                    cuts.append((segment, start, k - start, True))
                elif cuts:
                    cuts[-1] = (*cuts[-1][:3], True)
                start, grown = k, upper[..., k : k + 2].sum(axis=-1)
            reach = grown
        cuts.append((segment, start, segment.columns - start, False))
    cuts[-1] = (*cuts[-1][:3], True)
    return cuts
