"""Operators that only move numbers, on arrays of anything: numbers themselves, or their symbols.

Constants that an operator needs are arrays; each function raises ValueError, with what is wrong,
for what it does not do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Move:
    """attributes: those that `run` reads. data: how many inputs it moves, the first ones; all where
    that is None. Others are constants.

    `run` gives what the node computes: from the arrays to move, the constants (None: absent), the
    attributes, and the number of results.
    """

    run: Callable[[Sequence[Array], Sequence[Array | None], Attributes, int], list[Array]]
    attributes: frozenset[str] = frozenset()
    data: int | None = 1


def _list(constants: Sequence[Array | None], k: int) -> list[int] | None:
    array = constants[k] if k < len(constants) else None
    return None if array is None else [int(v) for v in np.asarray(array).reshape(-1)]


def _same(data: Sequence[Array], _: Any, __: Attributes, ___: int) -> list[Array]:
    return [data[0]]


def _transpose(data: Sequence[Array], _: Any, given: Attributes, __: int) -> list[Array]:
    return [np.transpose(data[0], given.get("perm"))]


def _reshape(
    data: Sequence[Array], constants: Sequence[Array | None], given: Attributes, _: int
) -> list[Array]:
    sizes = _list(constants, 0) or []
    if not given.get("allowzero", 0):
        sizes = [data[0].shape[k] if size == 0 else size for k, size in enumerate(sizes)]
    return [data[0].reshape(sizes)]


def _flatten(data: Sequence[Array], _: Any, given: Attributes, __: int) -> list[Array]:
    axis = int(given.get("axis", 1))
    axis += data[0].ndim if axis < 0 else 0
    return [data[0].reshape(int(np.prod(data[0].shape[:axis], dtype=np.int64)), -1)]


def _squeeze(
    data: Sequence[Array], constants: Sequence[Array | None], given: Attributes, _: int
) -> list[Array]:
    axes = _list(constants, 0)
    return [np.squeeze(data[0], None if axes is None else tuple(axes))]


def _unsqueeze(
    data: Sequence[Array], constants: Sequence[Array | None], given: Attributes, _: int
) -> list[Array]:
    return [np.expand_dims(data[0], tuple(_list(constants, 0) or ()))]


def _expand(
    data: Sequence[Array], constants: Sequence[Array | None], _: Attributes, __: int
) -> list[Array]:
    shape = np.broadcast_shapes(data[0].shape, tuple(_list(constants, 0) or ()))
    return [np.broadcast_to(data[0], shape)]


def _tile(
    data: Sequence[Array], constants: Sequence[Array | None], _: Attributes, __: int
) -> list[Array]:
    return [np.tile(data[0], _list(constants, 0) or [1])]


def _slice(
    data: Sequence[Array], constants: Sequence[Array | None], given: Attributes, _: int
) -> list[Array]:
    lists = [_list(constants, k) for k in range(4)]
    starts, ends = list(lists[0] or []), list(lists[1] or [])
    axes, steps = list(lists[2] or range(len(starts))), list(lists[3] or [1] * len(starts))
    bounds = [slice(None)] * data[0].ndim
    for begin, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = data[0].shape[axis]
        low = begin + size if begin < 0 else begin
        high = end + size if end < 0 else end
        if step > 0:
            picked = slice(min(max(low, 0), size), min(max(high, 0), size), step)
        else:  # an end before the first element cannot be said by a number
            stop = min(max(high, -1), size - 1)
            picked = slice(min(max(low, 0), size - 1), None if stop < 0 else stop, step)
        bounds[axis] = picked
    return [data[0][tuple(bounds)]]


def _gather(
    data: Sequence[Array], constants: Sequence[Array | None], given: Attributes, _: int
) -> list[Array]:
    indices = np.asarray(constants[0]).astype(np.int64)
    return [np.take(data[0], indices, axis=int(given.get("axis", 0)), mode="raise")]


def _gather_elements(
    data: Sequence[Array], constants: Sequence[Array | None], given: Attributes, _: int
) -> list[Array]:
    axis = int(given.get("axis", 0))
    indices = np.asarray(constants[0]).astype(np.int64)
    indices = np.where(indices < 0, indices + data[0].shape[axis], indices)
    return [np.take_along_axis(data[0], indices, axis)]


def _concat(data: Sequence[Array], _: Any, given: Attributes, __: int) -> list[Array]:
    return [np.concatenate(data, axis=int(given["axis"]))]


def _split(
    data: Sequence[Array], constants: Sequence[Array | None], given: Attributes, results: int
) -> list[Array]:
    axis = int(given.get("axis", 0))
    size = data[0].shape[axis]
    sizes = _list(constants, 0)
    if not sizes:
        each = -(-size // results)
        sizes = [min(each, size - each * k) for k in range(results)]
    return list(np.split(data[0], np.cumsum(sizes)[:-1], axis=axis))


def sizes_of_parts(given: Array, size: int) -> list[int]:
    """How long the parts of an axis are: one length for each, or one for all but the last."""
    if given.ndim:
        return [int(v) for v in given]
    each = max(1, int(given))
    return [min(each, size - begin) for begin in range(0, size, each)]


def _scatter(
    data: Sequence[Array], constants: Sequence[Array | None], given: Attributes, _: int
) -> list[Array]:
    if given.get("reduction", "none") != "none":
        raise ValueError(f"reduction {given['reduction']!r}; scatter into zeros, and combine both")
    result = np.array(data[0])
    indices = np.asarray(constants[0]).astype(np.int64)
    result[tuple(np.moveaxis(indices, -1, 0))] = data[1]
    return [result]


def _scatter_elements(
    data: Sequence[Array], constants: Sequence[Array | None], given: Attributes, _: int
) -> list[Array]:
    if given.get("reduction", "none") != "none":
        raise ValueError(f"reduction {given['reduction']!r}; scatter into zeros, and combine both")
    axis, result = int(given.get("axis", 0)), np.array(data[0])
    indices = np.asarray(constants[0]).astype(np.int64)
    indices = np.where(indices < 0, indices + result.shape[axis], indices)
    np.put_along_axis(result, indices, data[1], axis)
    return [result]


def _gather_nd(
    data: Sequence[Array], constants: Sequence[Array | None], given: Attributes, _: int
) -> list[Array]:
    if given.get("batch_dims", 0):
        raise ValueError(f"batch_dims {given['batch_dims']}, expected 0; use GatherElements")
    indices = np.asarray(constants[0]).astype(np.int64)
    return [data[0][tuple(np.moveaxis(indices, -1, 0))]]


_AXIS = frozenset(("axis",))

MOVES: Mapping[str, Move] = {
    "Identity": Move(_same),
    "Dropout": Move(_same, frozenset(("ratio", "seed"))),
    "Transpose": Move(_transpose, frozenset(("perm",))),
    "Reshape": Move(_reshape, frozenset(("allowzero",))),
    "Flatten": Move(_flatten, _AXIS),
    "Squeeze": Move(_squeeze),
    "Unsqueeze": Move(_unsqueeze),
    "Expand": Move(_expand),
    "Tile": Move(_tile),
    "Slice": Move(_slice),
    "Gather": Move(_gather, _AXIS),
    "GatherElements": Move(_gather_elements, _AXIS),
    "Concat": Move(_concat, _AXIS, None),
    "Split": Move(_split, frozenset(("axis", "num_outputs"))),
    "GatherND": Move(_gather_nd, frozenset(("batch_dims",))),
    "ScatterND": Move(_scatter, frozenset(("reduction",)), 2),
    "ScatterElements": Move(_scatter_elements, frozenset(("axis", "reduction")), 2),
}
"""Data of a scatter are its first and third input; see `read.py`."""
