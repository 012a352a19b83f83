"""Windows along time as all front ends make them: a convolution's weights, padding, the layer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.ir.clock import Window
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import Floats
from lstm_edge.layers.dense import dense
from lstm_edge.layers.inner import Inner, depthwise
from lstm_edge.layers.window import conv1d

Doubles = npt.NDArray[np.float64]

LONGEST_WINDOW = 4096
"""Vectors that a window may see."""
MOST_WEIGHTS = 2**26
"""Entries of a convolution's matrix."""


FEW_CHANNELS = 4
"""Up to so many channels, each convolved for itself, take no more weights as a matrix with zeros
than the code of separate products.
"""


def convolved(
    draft: Draft,
    x: str,
    taps: Doubles,
    bias: Doubles,
    groups: int,
    window: Window,
    dilation: int,
    source: str,
) -> str:
    """Append a convolution along time of weights [units, features / groups, kernel]; its result.
    Where a step sees itself alone it is a dense layer.
    """
    units, own, kernel = taps.shape
    alone = window == Window(1)
    if own == 1 and is_depthwise(units, groups):
        inner = Inner(1, units, 1, frames=0 if alone else (kernel - 1) * dilation + 1)
        cell, params = each_channel(inner, taps[..., None], bias, (dilation, 1))
    else:
        cell = dense() if alone else conv1d()
        matrix = conv_matrix(taps, groups, own * groups, dilation, source)
        params = product_params(matrix, bias)
    sight = None if alone else window
    return draft.layer("conv1d", cell, x, units, params, source, window=sight)["y"]


def is_depthwise(units: int, groups: int) -> bool:
    """Whether each of several channels is better convolved for itself than by a matrix of zeros."""
    return units == groups > FEW_CHANNELS


def each_channel(
    inner: Inner, taps: Doubles, bias: Doubles, dilations: tuple[int, int]
) -> tuple[Cell, dict[str, Floats]]:
    """A vector of weights for each frame and place that is seen. taps: [units, 1, frames, places],
    `dilations` apart.
    """
    frames, places = (
        tuple(k * apart for k in range(count))
        for count, apart in zip(taps.shape[2:], dilations, strict=True)
    )
    vectors = taps[:, 0].transpose(2, 1, 0).reshape(-1, len(taps))
    params = {f"w_{k}": row.astype(np.float32) for k, row in enumerate(vectors)}
    params["b_y"] = bias.astype(np.float32)
    return depthwise(inner, frames, places), params


def with_scale(
    taps: Doubles, bias: Doubles, groups: int, scale: Doubles, offset: Doubles
) -> tuple[Doubles, Doubles]:
    """Weights [units, channels of a group, ...] and bias that take x for scale * x + offset, of
    which each channel has its own.
    """
    channels = np.arange(groups * taps.shape[1]).reshape(groups, -1)
    of_unit = channels.repeat(len(taps) // groups, axis=0)
    seen = tuple(range(2, taps.ndim))
    bias = bias + (taps.sum(axis=seen) * offset[of_unit]).sum(axis=1)
    return taps * np.expand_dims(scale[of_unit], seen), bias


def conv_matrix(taps: Doubles, groups: int, features: int, dilation: int, source: str) -> Doubles:
    """[units, seen * features], the oldest vector first; 0 between and beside what is seen.

    taps: [units, features / groups, kernel].
    """
    units, inner, kernel = taps.shape
    seen = (kernel - 1) * dilation + 1
    if units * seen * features > MOST_WEIGHTS:
        raise ModelError(
            source,
            f"is a matrix of {units} by {seen} * {features} weights, more than {MOST_WEIGHTS}",
        )
    matrix = np.zeros((units, seen, features))
    each = units // groups
    for g in range(groups):
        rows, columns = slice(g * each, (g + 1) * each), slice(g * inner, (g + 1) * inner)
        for k in range(kernel):
            matrix[rows, k * dilation, columns] = taps[rows, :, k]
    return matrix.reshape(units, -1)


def product_params(weights: Doubles, bias: Doubles) -> dict[str, Floats]:
    """The matrix [units, columns] and the bias of a product."""
    return {"W_y": np.ascontiguousarray(weights, np.float32), "b_y": bias.astype(np.float32)}


def same_padding(steps: int, seen: int, stride: int) -> tuple[int, int]:
    """The smaller and the larger half of a padding that leaves steps / stride steps, rounded up.

    steps: those of the sequence; without a stride any number gives the same.
    """
    total = max((-(-steps // stride) - 1) * stride + seen - steps, 0)
    return total // 2, total - total // 2


def over_window(
    draft: Draft,
    cell: Cell,
    x: str,
    window: Window,
    source: str,
    pad: float = 0.0,
) -> str:
    """Append a layer that sees several steps of each feature alone; returns its result. pad: what
    lies around them.
    """
    first = {"recent": np.full(1, pad, np.float32)} if pad else {}
    tensors = [
        draft.layer(cell.name, cell, part, None, {}, source, first, window=window)["y"]
        for part in draft.parts(x)
    ]
    return draft.concat(tensors, source)
