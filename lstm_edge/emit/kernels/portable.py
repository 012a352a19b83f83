"""Plain C, for every core and both number systems: one multiply-accumulate per weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.emit.kernels.block import MatvecBlock, Packed, Run, Segment, interleave, runs

INSTRUCTIONS = 2.25
"""For a multiply-accumulate on a Cortex-M4: MLA, its weight's load, a fourth of its value's."""


@dataclass(frozen=True)
class SegmentView:
    """A segment and how its columns are walked."""

    operand: str
    columns: int
    rows: tuple[str, ...]
    runs: tuple[Run, ...]


def supports(block: MatvecBlock) -> bool:
    """Any shape and any unrolling; a weight has whole bytes."""
    return block.weight_type != "int4"


def pack(block: MatvecBlock) -> Packed:
    """Unit by unit, segment by segment, column by column, the rows of a column together."""
    words = np.concatenate([interleave(s.weights) for s in block.segments], axis=-1)
    shape = ", ".join(f"{s.columns} columns x {len(s.rows)} rows" for s in block.segments)
    return Packed(block.weight_type, words, f"per unit: {shape}")


def view(block: MatvecBlock) -> tuple[SegmentView, ...]:
    """What the template walks over."""
    return tuple(_view(s, block.unroll) for s in block.segments)


def _view(segment: Segment, unroll: str) -> SegmentView:
    walked = runs(segment.columns, unroll)
    return SegmentView(segment.operand, segment.columns, segment.rows, walked)
