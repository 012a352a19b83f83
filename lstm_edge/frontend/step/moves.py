"""Operators that only move numbers: onnx's reference moves symbols as it moves any integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.graph.fold import fold
from lstm_edge.frontend.step.call import Call, Value
from lstm_edge.frontend.step.symbols import Integers, Symbols

UNITS = 32
"""Bits of an integer that stands for a symbol that are its unit."""


@dataclass(frozen=True)
class Move:
    """attributes: those that may be there. data: the inputs that are moved, all where that is None;
    others are constants.
    """

    attributes: frozenset[str] = frozenset()
    data: tuple[int, ...] | None = (0,)


def _move(attributes: str = "", data: tuple[int, ...] | None = (0,)) -> Move:
    return Move(frozenset(attributes.split()), data)


MOVES: Mapping[str, Move] = {
    **dict.fromkeys(("Identity", "Squeeze", "Unsqueeze", "Expand", "Tile", "Slice"), _move()),
    **dict.fromkeys(("Flatten", "Gather", "GatherElements"), _move("axis")),
    "Dropout": _move("ratio seed"),
    "Transpose": _move("perm"),
    "Reshape": _move("allowzero"),
    "Concat": _move("axis", None),
    "Split": _move("axis num_outputs"),
    "GatherND": _move("batch_dims"),
    "ScatterND": _move("reduction", (0, 2)),
    "ScatterElements": _move("axis reduction", (0, 2)),
    "Pad": _move("mode", (0, 2)),
}


def moved(call: Call) -> list[Value]:
    """What a node that only moves numbers gives."""
    op = call.node.op_type
    if op in ("Identity", "Dropout"):
        return [call.symbols(0)]
    if call.given.get("reduction", "none") != "none":
        raise call.refuse(
            f"reduction {call.given['reduction']!r}, expected none; scatter into zeros, and "
            "combine both by an operator"
        )
    if op == "Pad" and not call.has(2):  # what is put around is 0
        call = replace(call, args=(*call.args[:2], np.zeros((), np.float32), *call.args[3:]))
    at = MOVES[op].data or range(len(call.args))
    if not any(call.is_data(k) for k in at):
        raise call.refuse(
            "picks numbers by indices that the step computes, where only constants may tell the "
            "place; multiply by weights that are 1 at the place, as Equal makes them of an input, "
            "and sum up"
        )
    arrays = [
        _codes(call.symbols(k)) if k in at else call.constant(k, f"input {k}")
        for k in range(len(call.args))
    ]
    found = fold(call.label, call.node, arrays)
    return [Symbols(codes >> UNITS, codes & ((1 << UNITS) - 1)) for codes in found]


def _codes(value: Symbols) -> Integers:
    """Each symbol as one integer."""
    codes: Integers = (value.leaf << UNITS) + value.unit
    return codes


def sizes_of_parts(given: npt.NDArray[np.generic], size: int) -> list[int]:
    """How long the parts of an axis are: one length for each, or one for all but the last."""
    if given.ndim:
        return [int(v) for v in given]
    each = max(1, int(given))
    return [min(each, size - begin) for begin in range(0, size, each)]
