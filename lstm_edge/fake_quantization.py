"""The formats of the compiled program as functions on real numbers, to train against them.

Both functions return real numbers: those that the stored integers stand for. They are plain numpy.
In a training loop the gradient passes by them, as if they were not there (the straight-through
estimator of Bengio et al. 2013, arXiv:1308.3432), with torch:

    on_grid = torch.from_numpy(fake_quant(weight.detach().numpy(), 4, columns=scale))
    weight = weight + (on_grid - weight).detach()

docs/qat.md has the whole way, examples/qat a training loop.
"""

from __future__ import annotations

from typing import Any

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


def fake_quant(
    weights: npt.ArrayLike,
    bits: int,
    *,
    columns: npt.ArrayLike = HIDDEN_STATE,
    gates: int = 1,
    clip: npt.ArrayLike = 1.0,
    power_of_two: bool = False,
) -> npt.NDArray[Any]:
    """Weights [rows, columns] as the compiled program has them when it rounds to nearest.

    Matrices that share an accumulator, as W and R of a layer, are given side by side: their rows
    have one scale. bits: 4, 8 or 16.

    columns: the scale of what each column is multiplied with [columns], or of all: for a model
    input what `manifest.json` says, else that of `activation_format`. Columns are multiplied with
    it before the rows get their scales. gates: the rows are so many matrices of equal height, one
    below the other, each with its own unit for the scales: 4 of an LSTM, 3 of a GRU.
    clip: share of a row's largest weight that still fits [rows], or of all rows, in (0, 1].
    power_of_two: scales that are powers of two.

    Where a row could overflow its accumulator (long rows at 16 bits, tiny weights under a large
    bias) the compiler takes a coarser scale than this.

    The result has the type of `weights` where that is float32 or float64. With clip = 1 and 4 or 8
    bits it is its own result, unless a row is 64 times smaller than the largest of its gate; at 16
    bits the scale of a row may move by one unit. Raises ValueError for arguments that do not fit.
    """
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
    folded = array.astype(np.float64) * scale
    limit = WEIGHT_LIMITS[bits]
    wanted = share * np.abs(folded).max(axis=1) / limit
    parts = [_row_scales(part, power_of_two) for part in np.split(wanted, gates)]
    steps = np.concatenate(parts)[:, None]
    result = round_to_nearest(folded / steps, limit) * steps / scale
    return result.astype(array.dtype)


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
