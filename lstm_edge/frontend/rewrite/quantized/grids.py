"""Scales and zero points as ONNX writes them: checked, applied, taken back.

A stored integer q stands for `scale * (q - zero_point)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError

Array = npt.NDArray[Any]

RANGES = {
    "int4": (-8, 7),
    "uint4": (0, 15),
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
    "uint16": (0, 65535),
}
"""Integers that activations can be stored in, by numpy's names."""

STORED = frozenset((*RANGES, "int32"))
"""Types of stored integers; biases are int32."""


@dataclass(frozen=True)
class Grid:
    """`scale` and `zero` have one number, one per index of `axis`, or one per block along it."""

    scale: Array
    zero: Array
    axis: int = 1
    block: int = 0

    @property
    def single(self) -> bool:
        """True where one scale serves the whole tensor."""
        return self.scale.size == 1 and self.block == 0

    def same(self, other: Grid) -> bool:
        """True where both mean the same by the same integers of a whole tensor."""
        if not (self.single and other.single):
            return False
        equal = self.scale.reshape(()) == other.scale.reshape(())
        zeros = (int(grid.zero.reshape(())) for grid in (self, other))
        return bool(equal) and next(zeros) == next(zeros)

    def bounds(self) -> tuple[float, float]:
        """The least and the largest number that a tensor with one scale can hold."""
        scale, zero = float(self.scale.reshape(())), int(self.zero.reshape(()))
        low, high = RANGES[self.zero.dtype.name]
        return (low - zero) * scale, (high - zero) * scale


def make_grid(label: str, scale: Array, zero: Array, axis: int = 1, block: int = 0) -> Grid:
    """A checked grid. Raises ModelError by `label` for scales that cannot be."""
    if scale.dtype.kind != "f":
        raise ModelError(label, f"its scale is of type {scale.dtype}, expected float32")
    if block < 0:
        raise ModelError(label, f"attribute block_size = {block}, expected 0 or more")
    scale = scale.astype(np.float32)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        bad = scale[~(np.isfinite(scale) & (scale > 0))].reshape(-1)[0]
        raise ModelError(
            label, f"has a scale of {bad:g}, expected a number above 0; quantize the model again"
        )
    if zero.dtype.name not in STORED:
        raise ModelError(
            label, f"stores numbers as {zero.dtype}, expected integers of 4 to 32 bits"
        )
    if zero.shape != scale.shape and not zero.size == scale.size == 1:
        raise ModelError(
            label,
            f"its zero point is {list(zero.shape)}, but its scale {list(scale.shape)}; they must "
            "have one shape: quantize the model again",
        )
    return Grid(scale, zero, axis, block)


def dequantize(label: str, stored: Array, grid: Grid) -> Array:
    """The float32 numbers that stored integers stand for, as onnxruntime computes them."""
    if stored.dtype.name not in STORED:
        raise ModelError(
            label, f"reads numbers of type {stored.dtype}, expected integers of 4 to 32 bits"
        )
    if grid.zero.dtype != stored.dtype:
        raise ModelError(
            label,
            f"its zero point is of type {grid.zero.dtype}, but the numbers are {stored.dtype}",
        )
    scale, zero = (spread(label, part, stored.shape, grid) for part in (grid.scale, grid.zero))
    steps = stored.astype(np.int64) - zero.astype(np.int64)
    with np.errstate(over="ignore"):
        return np.asarray(steps.astype(np.float32) * scale, dtype=np.float32)


def quantize(label: str, values: Array, grid: Grid) -> Array:
    """The nearest stored integers, ties to even, saturated."""
    name = grid.zero.dtype.name
    if values.dtype.kind not in "fiu":
        raise ModelError(label, f"quantizes numbers of type {values.dtype}, expected float32")
    if name not in RANGES:
        raise ModelError(label, f"quantizes to {name}, expected integers of 4 to 16 bits")
    scale, zero = (spread(label, part, values.shape, grid) for part in (grid.scale, grid.zero))
    steps = np.rint(values.astype(np.float32) / scale) + zero.astype(np.float32)
    low, high = RANGES[name]
    return np.asarray(np.clip(steps, low, high).astype(grid.zero.dtype))


def spread(label: str, part: Array, shape: tuple[int, ...], grid: Grid) -> Array:
    """A scale or zero point in a shape that broadcasts over a tensor of `shape`."""
    if grid.single:
        return part.reshape(())
    rank = len(shape)
    axis = grid.axis + rank if grid.axis < 0 else grid.axis
    if not 0 <= axis < rank:
        raise ModelError(
            label, f"attribute axis = {grid.axis} does not fit a tensor of {rank} axes"
        )
    if grid.block:
        blocks = -(-shape[axis] // grid.block)
        expected = (*shape[:axis], blocks, *shape[axis + 1 :])
        _check_shape(label, part.shape, expected, f"blocks of {grid.block} along axis {axis}")
        block = min(grid.block, shape[axis])
        return part.repeat(block, axis=axis).take(range(shape[axis]), axis=axis)
    _check_shape(label, part.shape, (shape[axis],), f"one number per index of axis {axis}")
    return part.reshape((1,) * axis + (-1,) + (1,) * (rank - axis - 1))


def _check_shape(label: str, found: tuple[int, ...], expected: tuple[int, ...], what: str) -> None:
    if found != expected:
        raise ModelError(
            label,
            f"its scale and zero point are {list(found)}, expected {list(expected)} ({what}); is "
            "the axis right?",
        )
