"""Numbers that are known at each step, as its own number, and what comes round of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, lcm
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto

from lstm_edge.frontend.graph.node import attributes_of

Array = npt.NDArray[Any]

LONGEST_ROUND = 2**10
"""Numbers that all rings of a step may have together, and steps after which all come round."""

LASTS = 2**20
"""Steps for which numbers have to go up before they count as doing so for ever."""

_MOVES = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand")


@dataclass(frozen=True, eq=False)
class Counted:
    """A number that is known at each step: `numbers` [T, ...].

    by: what all of them, whole numbers, go up by at each step, however many there are. period: of
    numbers that come round after so many steps, however many there are. None where nothing is
    proved.
    """

    numbers: Array
    by: int | None = None
    period: int | None = None


def lasting(numbers: Array, by: int | None) -> int | None:
    """What numbers go up by, where their type has room for that at each of many steps; None where
    they soon start again, as those of 8 bits do, or stay what they are, as those of float16.
    """
    if by is None or numbers.dtype.kind not in "iuf" or not numbers.size:
        return None
    if numbers.dtype.kind == "f":
        most = 2 ** (np.finfo(numbers.dtype).nmant + 1)
        least = -most
    else:
        least, most = np.iinfo(numbers.dtype).min, np.iinfo(numbers.dtype).max
    low, high = (int(n) for n in (numbers[0].min(), numbers[0].max()))
    there = LASTS * by
    return by if least <= low + min(there, 0) and high + max(there, 0) <= most else None


def by_of(node: NodeProto, args: Sequence[object]) -> int | None:
    """What the result of a node goes up by at each step."""
    first = args[0] if args else None
    if isinstance(first, Counted) and node.op_type in _MOVES:
        return first.by
    if node.op_type not in ("Add", "Sub") or not _is_whole(args):
        return None
    rates = [a.by if isinstance(a, Counted) else 0 for a in args]
    if None in rates:
        return None
    one, other = (rate or 0 for rate in rates)
    return one + other if node.op_type == "Add" else one - other


def _is_whole(args: Sequence[object]) -> bool:
    arrays = [a.numbers if isinstance(a, Counted) else a for a in args]
    return all(isinstance(a, np.ndarray) and (a == np.floor(a)).all() for a in arrays)


def period_of(node: NodeProto, args: Sequence[object]) -> int | None:
    """The steps after which the result of a node comes round, for sure."""
    counted = [a for a in args if isinstance(a, Counted)]
    if node.op_type == "Mod" and len(counted) == 1 and isinstance(args[0], Counted):
        first, by = args[0], args[1]
        signed = int(attributes_of(node).get("fmod", 0)) == 1
        goes_up = first.by is not None and (not signed or min(first.by, first.numbers.min()) >= 0)
        if goes_up and _is_whole(args) and isinstance(by, np.ndarray) and (by > 0).all():
            rounds = {int(m) // gcd(int(m), first.by or 0) for m in by.reshape(-1)}
            return lcm(*rounds)
    periods = [a.period for a in counted]
    return None if None in periods else lcm(*(p or 1 for p in periods))


def rings_of(numbers: Array) -> tuple[list[Array], npt.NDArray[np.int64]] | None:
    """Columns of numbers [period, n], each once and no longer than until it comes round, and which
    of them each of the n is; None where they are too long.
    """
    found: dict[bytes, int] = {}
    rings: list[Array] = []
    which = []
    for column in numbers.reshape(len(numbers), -1).T:
        least = next(
            p
            for p in range(1, len(column) + 1)
            if len(column) % p == 0 and (np.roll(column, p) == column).all()
        )
        ring = np.ascontiguousarray(column[:least], np.float32)
        key = ring.tobytes()
        if key not in found:
            found[key] = len(rings)
            rings.append(ring)
        which.append(found[key])
    return (rings, np.array(which)) if sum(map(len, rings)) <= LONGEST_ROUND else None
