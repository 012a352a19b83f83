"""Tiles whose sums have their sigmoids taken together, four at a time, with Helium."""

from __future__ import annotations

from lstm_edge.kernels.kernel import ROWS
from lstm_edge.operations.call import Op
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.select import Tiles

LEAST = 2
"""Sigmoids in a tile from which on that takes less than one by one."""


def curved_tiles(phase: Phase, tiles: Tiles) -> frozenset[tuple[int, int]]:
    """(row set, tile of an inner group) of those, among the tiles that are used at once."""
    if tiles.kernel is None or tiles.kernel.needs != "mve":
        return frozenset()
    found = set()
    for k, (rows, parts) in enumerate(zip(tiles.sets, tiles.runs, strict=True)):
        if not tiles.at_once[k] or len(parts) > 1:
            continue
        for tile in range(rows.tiles(tiles.inner)):
            ends = min(ROWS, len(rows.matvecs) * tiles.inner - tile * ROWS)
            lanes = [rows.matvecs[(tile * ROWS + n) % len(rows.matvecs)] for n in range(ends)]
            if sum(_has_sigmoid(phase, op) for op in lanes) >= LEAST:
                found.add((k, tile))
    return frozenset(found)


def sigmoids_within(phase: Phase, tiles: Tiles) -> int:
    """Sigmoids of a unit that such tiles take."""
    sets = {k for k, _ in curved_tiles(phase, tiles)}
    return sum(_has_sigmoid(phase, op) for k in sets for op in tiles.sets[k].matvecs)


def _has_sigmoid(phase: Phase, matvec: Op) -> bool:
    return any(op.kind == "sigmoid" and op.args[0] == matvec.dest for op in phase.ops)
