"""int4 weights, two columns of a row to a byte: the even column in its lower half, both plus 8."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.emit.kernels.block import MatvecBlock, Packed, Run, interleave, runs
from lstm_edge.emit.nibbles import packed

INSTRUCTIONS = 3.75
"""For a multiply-accumulate on a Cortex-M4: MLA, two to unpack its weight, half of the byte's load,
a fourth of the value's.
"""


@dataclass(frozen=True)
class SegmentView:
    """A segment and how its columns are walked, two at a time; `tail`: the last one alone."""

    operand: str
    rows: tuple[str, ...]
    runs: tuple[Run, ...]
    tail: int | None


def supports(block: MatvecBlock) -> bool:
    """int4 weights of any shape."""
    return block.weight_type == "int4"


def pack(block: MatvecBlock) -> Packed:
    """Unit by unit, segment by segment, pair by pair of columns, the rows of a pair together."""
    words = np.concatenate([interleave(packed(s.weights)) for s in block.segments], axis=-1)
    shape = ", ".join(f"{s.columns} columns x {len(s.rows)} rows" for s in block.segments)
    return Packed("uint8_t", words, f"per unit: {shape}, two columns to a byte")


def view(block: MatvecBlock) -> tuple[SegmentView, ...]:
    """What the template walks over."""
    return tuple(
        SegmentView(
            s.operand,
            s.rows,
            runs(s.columns // 2, block.unroll),
            s.columns - 1 if s.columns % 2 else None,
        )
        for s in block.segments
    )
