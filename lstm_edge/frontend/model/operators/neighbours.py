"""Of each place of a resized axis the old ones that it is made of, as ONNX counts them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.walk import OnnxNode

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HALF_PIXEL = ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")
COORDINATES = ("asymmetric", "align_corners", *HALF_PIXEL)
"""Values of the attribute coordinate_transformation_mode."""


@dataclass(frozen=True)
class Resizing:
    """An axis of `size` places that gets `count`; scale: how many for each, as the file says."""

    size: int
    count: int
    scale: float

    @property
    def times(self) -> int:
        """How many places each one becomes; 0 where that is no whole number."""
        times, rest = divmod(self.count, self.size)
        return 0 if rest or times != self.scale else times

    @property
    def stays(self) -> bool:
        """Whether it is the same axis."""
        return self.times == 1


@dataclass(frozen=True)
class Neighbours:
    """Of each new place the old ones on both sides of it, and the share of `high`."""

    low: Ints
    high: Ints
    share: Doubles

    @property
    def alone(self) -> bool:
        """Whether each new place is an old one."""
        return not self.share.any()

    def matrix(self, size: int) -> Doubles:
        """The shares of all `size` old places, [new places, old places]."""
        rows = np.arange(len(self.low))
        found = np.zeros((len(rows), size))
        found[rows, self.low] += 1.0 - self.share
        found[rows, self.high] += self.share
        return found


def neighbours(node: OnnxNode, resizing: Resizing) -> Neighbours:
    """Of each new place the old ones around it; in mode nearest the one that ONNX takes."""
    exact = _coordinates(node, resizing)
    last = resizing.size - 1
    if node.attributes.get("mode", "nearest") == "nearest":
        rounded = _rounded(exact, str(node.attributes.get("nearest_mode", "")))
        at = np.clip(rounded, 0, last).astype(np.int64)
        return Neighbours(at, at, np.zeros(len(at)))
    exact = np.clip(np.round(exact, 9), 0, last)  # a place is no neighbour of itself by rounding
    low = np.floor(exact).astype(np.int64)
    return Neighbours(low, np.minimum(low + 1, last), exact - low)


def _coordinates(node: OnnxNode, resizing: Resizing) -> Doubles:
    """Where each new place lies among the old ones."""
    size, count, scale = resizing.size, resizing.count, resizing.scale
    at = np.arange(count, dtype=np.float64)
    mode = str(node.attributes.get("coordinate_transformation_mode", "half_pixel"))
    if mode == "align_corners":
        return at * (size - 1) / max(1, count - 1)
    if mode == "asymmetric":
        return at / scale
    if mode == "pytorch_half_pixel" and count == 1:
        return at
    middle = size / 2 * (1.0 - count / (size * scale)) if mode == "half_pixel_symmetric" else 0.0
    return middle + (at + 0.5) / scale - 0.5


def _rounded(exact: Doubles, mode: str) -> Doubles:
    if mode == "floor":
        return np.floor(exact)
    if mode == "ceil":
        return np.ceil(exact)
    return np.floor(exact + 0.5) if mode == "round_prefer_ceil" else np.ceil(exact - 0.5)
