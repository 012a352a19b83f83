"""Windows along time as all front ends make them: a convolution's matrix, padding, the layer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.tensor import check_finite
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.ir.clock import Window
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import Floats

Doubles = npt.NDArray[np.float64]

LONGEST_WINDOW = 4096
"""Vectors that a window may see."""
MOST_WEIGHTS = 2**26
"""Entries of a convolution's matrix."""


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


def product_params(source: str, weights: Doubles, bias: Doubles) -> dict[str, Floats]:
    """The matrix [units, columns] and the bias of a product. Raises ModelError for numbers that
    float32 has not.
    """
    params = {"W_y": np.ascontiguousarray(weights, np.float32), "b_y": bias.astype(np.float32)}
    for array in params.values():
        check_finite(source, array)
    return params


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
    units: int | None,
    params: Mapping[str, Floats],
    window: Window,
    source: str,
    pad: float = 0.0,
) -> str:
    """Append a layer that sees several steps; returns its result. pad: what lies around them.

    units: None for one that acts on each feature alone, which runs on each part that x joins.
    """
    first = {"recent": np.full(1, pad, np.float32)} if pad else {}
    parts = draft.parts(x) if units is None else (x,)
    tensors = [
        draft.layer(cell.name, cell, part, units, params, source, first, window=window)["y"]
        for part in parts
    ]
    return draft.concat(tensors, source)
