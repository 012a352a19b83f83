"""Cells that have a name, recognised by what they compute: blind to names, order and spelling.

What is recognised here is for the reader of reports, and for bounds that its author proved; a step
that nothing here knows is a layer as any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import Floats


@dataclass(frozen=True)
class Recognised:
    """kind: the layer's name. params: under the cell's names. names: what results, states and
    inputs were called -> what the cell calls them.
    """

    kind: str
    cell: Cell
    params: Mapping[str, Floats]
    names: Mapping[str, str]


def recognised(cell: Cell, params: Mapping[str, Floats]) -> Recognised | None:
    """The cell with a name that this is, None where there is none."""
    return None
