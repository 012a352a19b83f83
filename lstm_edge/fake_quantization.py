"""The formats of the compiled program as functions on real numbers, to train against them.

They return real numbers: those that the stored integers stand for. They are plain numpy. In a
training loop the gradient passes by the rounding, as if it were not there (the straight-through
estimator of Bengio et al. 2013, arXiv:1308.3432); `fake_quant_gradients` has it, with those of
learned steps (LSQ, Esser et al. 2020, arXiv:1902.08153) and of learned rounding (AdaRound, Nagel et
al. 2020, arXiv:2004.10568).

docs/qat.md has the whole way, examples/qat a module for PyTorch and a script.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lstm_edge.rounding import (
    ACTIVATION_BITS,
    WEIGHT_LIMITS,
    Doubles,
    activation_format,
    multiplier_exponent,
    multipliers,
    power_of_two_scales,
    round_to_nearest,
)

HIDDEN_STATE = 2.0**-11
"""The scale of a hidden state that is bounded by 1, with activations of 12 bits."""
CLIPPED = 2.0**-20
"""A weight that is so much of itself beyond the largest integer is not clipped, but float32."""


class Gradients(NamedTuple):
    """Of a loss, with respect to what `fake_quant` was given: weights [rows, columns], clip [rows],
    and rounding [rows, columns], which is None where that was.
    """

    weights: npt.NDArray[Any]
    clip: Doubles
    rounding: npt.NDArray[Any] | None


def fake_quant(
    weights: npt.ArrayLike,
    bits: int,
    *,
    columns: npt.ArrayLike = HIDDEN_STATE,
    gates: int = 1,
    clip: npt.ArrayLike = 1.0,
    rounding: npt.ArrayLike | None = None,
    power_of_two: bool = False,
) -> npt.NDArray[Any]:
    """Weights [rows, columns] as the compiled program has them when it rounds to nearest.

    Matrices that share an accumulator, as W and R of a layer, are given side by side: their rows
    have one scale. bits: 4, 8 or 16.

    columns: the scale of what each column is multiplied with [columns], or of all: what
    `Compiled.weights` says, or for a model input `manifest.json`, else that of `activation_format`.
    Columns are multiplied with it before the rows get their scales. gates: the rows are so many
    matrices of equal height, one below the other, each with its own unit for the scales: 4 of an
    LSTM, 3 of a GRU.
    clip: share of a row's largest weight that still fits [rows], or of all rows, in (0, 1]: the
    step of a row is so much of its largest weight, over the largest integer.
    rounding: what is added to each weight, in steps and rounded down [rows, columns], in [0, 1]: 0
    for down, 1 for up, and what lies between is on no grid. Weights next to the largest integer
    take it, whatever this says: a row needs one for its scale to be found again.
    power_of_two: scales that are powers of two.

    Where a row could overflow its accumulator (long rows at 16 bits, tiny weights under a large
    bias) the compiler takes a coarser scale than this.

    The result has the type of `weights` where that is float32 or float64. With 4 or 8 bits it is
    its own result with clip = 1 and no rounding, unless a row is 64 times smaller than the largest
    of its gate, or rounding lies between; at 16 bits the scale of a row may move by one unit.
    Raises ValueError for arguments that do not fit.
    """
    grid = _grid(weights, bits, columns, gates, clip, rounding, power_of_two)
    return np.asarray(grid.levels * grid.steps / grid.columns).astype(grid.weights.dtype)


def fake_quant_gradients(
    upstream: npt.ArrayLike,
    weights: npt.ArrayLike,
    bits: int,
    *,
    columns: npt.ArrayLike = HIDDEN_STATE,
    gates: int = 1,
    clip: npt.ArrayLike = 1.0,
    rounding: npt.ArrayLike | None = None,
    power_of_two: bool = False,
) -> Gradients:
    """The gradients of a loss, of `upstream`, its gradient with respect to the result of
    `fake_quant` [rows, columns]; the other arguments are those that it was given.

    Rounding counts as the identity. So a weight has the gradient of its result, or none where it is
    clipped. The step of a row has that of LSQ: a weight of w steps that became q counts q - w, or q
    where it is clipped; it is given for `clip`, with the largest weight held. Rounding has a step
    where it decides, else 0. Raises ValueError for arguments that do not fit.
    """
    grid = _grid(weights, bits, columns, gates, clip, rounding, power_of_two)
    above = _real("upstream", upstream)
    if above.shape != grid.weights.shape:
        raise ValueError(f"upstream: shape {above.shape}, expected {list(grid.weights.shape)}")
    inside = np.abs(grid.wanted) <= grid.limit * (1.0 + CLIPPED)
    by_step = np.where(inside, grid.levels - grid.wanted, grid.levels)
    by_result = above / grid.columns
    kind = grid.weights.dtype
    return Gradients(
        np.where(inside, above, 0.0).astype(kind),
        (by_result * by_step).sum(axis=1) * grid.steps[:, 0] / grid.clip,
        None
        if rounding is None
        else np.where(grid.decided, 0.0, by_result * grid.steps).astype(kind),
    )


@dataclass(frozen=True, eq=False)
class _Grid:
    """Weights on their grid. wanted, levels: of each weight, in steps of its row, before and after
    rounding; decided: at the largest integer, whatever rounding says. steps [rows, 1].
    """

    weights: npt.NDArray[Any]
    columns: Doubles
    clip: Doubles
    limit: int
    steps: Doubles
    wanted: Doubles
    levels: Doubles
    decided: npt.NDArray[np.bool_]


def _grid(
    weights: npt.ArrayLike,
    bits: int,
    columns: npt.ArrayLike,
    gates: int,
    clip: npt.ArrayLike,
    rounding: npt.ArrayLike | None,
    power_of_two: bool,
) -> _Grid:
    array = _real("weights", weights)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"weights: shape {array.shape}, expected [rows, columns]")
    if bits not in WEIGHT_LIMITS:
        raise ValueError(f"bits: {bits!r}, expected one of {', '.join(map(str, WEIGHT_LIMITS))}")
    if gates < 1 or len(array) % gates:
        raise ValueError(f"gates: {gates}, expected a divisor of the {len(array)} rows")
    scale = _positive("columns", columns, array.shape[1])
    share = _positive("clip", clip, len(array))
    if share.max() > 1.0:
        raise ValueError(f"clip: {share.max():g}, expected at most 1")
    offsets = None if rounding is None else _shares("rounding", rounding, array.shape)
    folded = array.astype(np.float64) * scale
    limit = WEIGHT_LIMITS[bits]
    least = share * np.abs(folded).max(axis=1) / limit
    parts = [_row_scales(part, power_of_two) for part in np.split(least, gates)]
    steps = np.concatenate(parts)[:, None]
    wanted = folded / steps
    levels = round_to_nearest(wanted, limit).astype(np.float64)
    decided = np.abs(levels) == limit
    if offsets is not None:
        levels = np.where(decided, levels, np.floor(wanted) + offsets)
    return _Grid(array, scale, share, limit, steps, wanted, levels, decided)


def fake_quant_activations(
    values: npt.ArrayLike, bits: int, *, largest: float = np.inf, bound: float = np.inf
) -> npt.NDArray[Any]:
    """Values of any shape as a program stores a vector that enters a matrix product.

    bits: 8, 12 or 16. largest: the magnitude that calibration saw; bound: one that cannot be
    exceeded, as 1 of a hidden state; one of them, or both. `rounding.activation_format` chooses
    the format. Not for inputs of a model, which have a scale per feature; and with 8 bits a program
    may have one for each unit, which is finer. The result has the type of `values` where that is
    float32 or float64. Raises ValueError for arguments that do not fit.
    """
    array = _real("values", values)
    if bits not in ACTIVATION_BITS:
        raise ValueError(f"bits: {bits!r}, expected one of {', '.join(map(str, ACTIVATION_BITS))}")
    for name, given in (("largest", largest), ("bound", bound)):
        if not given > 0.0:
            raise ValueError(f"{name}: {given:g}, expected a number above 0")
    if np.isinf(largest) and np.isinf(bound):
        raise ValueError("largest, bound: neither is finite; give one of them, or both")
    stored = activation_format(bits, largest, bound)
    counts = np.floor(array.astype(np.float64) / stored.scale + 0.5)
    return np.asarray(np.clip(counts, stored.low, stored.high) * stored.scale).astype(array.dtype)


def _row_scales(steps: Doubles, power_of_two: bool) -> Doubles:
    """Scales of the rows of one matrix, at least `steps` [rows]; any for rows of zeros."""
    if not steps.any():
        return np.ones(len(steps))
    if power_of_two:
        return power_of_two_scales(np.where(steps > 0.0, steps, 1.0))
    exponent = multiplier_exponent(steps)
    return np.asarray(multipliers(steps, exponent) * 2.0**-exponent)


def _real(name: str, given: npt.ArrayLike) -> npt.NDArray[Any]:
    """An array of float32 or float64 whose numbers are all finite."""
    array = np.asarray(given)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: holds a number that is not finite")
    return array


def _positive(name: str, given: npt.ArrayLike, length: int) -> Doubles:
    """Numbers above 0, [length] or one for all of them."""
    array = np.asarray(given, np.float64)
    if array.shape not in ((), (length,)):
        raise ValueError(f"{name}: shape {array.shape}, expected one number or [{length}]")
    if not ((array > 0.0) & np.isfinite(array)).all():
        raise ValueError(f"{name}: expected finite numbers above 0")
    return np.broadcast_to(array, (length,))


def _shares(name: str, given: npt.ArrayLike, shape: tuple[int, ...]) -> Doubles:
    """Numbers from 0 to 1, in this shape."""
    array = np.asarray(given, np.float64)
    if array.shape != shape:
        raise ValueError(f"{name}: shape {array.shape}, expected {list(shape)}")
    if not ((array >= 0.0) & (array <= 1.0)).all():
        raise ValueError(f"{name}: expected numbers from 0 to 1")
    return array
