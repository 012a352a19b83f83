"""What a step costs: instructions of kernels, counted, and of what is around them, estimated."""

from __future__ import annotations

from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.select import Selection


def product_instructions(selection: Selection, phase: Phase) -> int:
    """Instructions of the tiles of a phase."""
    tiles = selection.tiles.get(phase.name)
    if tiles is None or tiles.kernel is None:
        return 0
    groups = -(-phase.units // tiles.group)
    total = 0
    for rows, runs in zip(tiles.sets, tiles.runs, strict=True):
        form = selection.forms[tiles.kernel.name]
        each = sum(tiles.kernel.instructions(run.length, form) for run in runs)
        total += groups * rows.tiles(tiles.group) * each
    return total


def instructions(selection: Selection) -> int:
    """Instructions of a step."""
    return sum(product_instructions(selection, phase) for phase in selection.schedule.phases)
