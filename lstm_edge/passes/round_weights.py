"""Round the rows of a matrix to integers, second order on calibration data."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lstm_edge.rounding import Doubles, Ints, round_to_nearest

LEAST_DAMPING = 0.01
BLOCK = 64
"""Columns between two updates of all that are left."""


def round_second_order(
    rows: Doubles, largest: int, covariance: Doubles, damping: float = LEAST_DAMPING
) -> Ints:
    """Integers whose error on inputs of this covariance [columns, columns] is small.

    GPTQ (Frantar et al. 2022): columns are rounded one after the other, those with the most
    variance first, and each one's error is pushed into the columns not yet rounded. `damping` is
    the share of the mean variance that is added to every column's: it keeps unseen columns near
    their values. Rows are in units of their scale, so a row's scale does not matter here.
    """
    variance = np.diag(covariance)
    mean = float(variance.mean())
    if not mean > 0.0:
        return round_to_nearest(rows, largest)
    order = np.argsort(-variance, kind="stable")
    damped = (covariance + damping * mean * np.eye(len(covariance)))[np.ix_(order, order)]
    result = np.empty(rows.shape, np.int64)
    result[:, order] = _pushed(rows[:, order], largest, damped)
    return result


def _pushed(rows: Doubles, largest: int, covariance: Doubles) -> Ints:
    """Each column rounded, its error pushed into those behind it; far ones block by block."""
    upper = _inverse_factor(covariance)
    left = rows.copy()
    result = np.zeros(rows.shape, np.int64)
    columns = rows.shape[1]
    for start in range(0, columns, BLOCK):
        end = min(start + BLOCK, columns)
        errors = np.zeros((len(rows), end - start))
        for k in range(start, end):
            result[:, k] = round_to_nearest(left[:, k], largest)
            errors[:, k - start] = (left[:, k] - result[:, k]) / upper[k, k]
            left[:, k + 1 : end] -= np.outer(errors[:, k - start], upper[k, k + 1 : end])
        left[:, end:] -= errors @ upper[start:end, end:]
    return result


def _inverse_factor(matrix: Doubles) -> Doubles:
    """The upper triangular U with U.T @ U = inverse of the positive definite `matrix`.

    Gates of a layer read the same operands, so the last ones are kept.
    """
    return _factor_of(matrix.tobytes(), len(matrix))


@lru_cache(maxsize=4)
def _factor_of(numbers: bytes, size: int) -> Doubles:
    """The same of the numbers of a square matrix.

    Its inverse is the triangular factor of the matrix itself, taken from the last column to the
    first, which is better conditioned than inverting the matrix.
    """
    matrix = np.frombuffer(numbers).reshape(size, size)
    lower = np.linalg.cholesky(matrix[::-1, ::-1])
    return np.asarray(np.linalg.inv(lower[::-1, ::-1]))
