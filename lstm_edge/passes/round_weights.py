"""Round the rows of a matrix to integers, second order on calibration data."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lstm_edge.operations.limits import limited
from lstm_edge.rounding import Doubles, Ints, round_to_nearest

LEAST_DAMPING = 0.01
ROWS = 2**16
"""Rows that are rounded at once, those of a table of words; they know nothing of each other."""
BLOCK = 64
"""Columns between two updates of all that are left."""


@dataclass(frozen=True, eq=False)
class Hessian:
    """The second moments of what enters a product, and what rounding needs of them, made once: the
    gates of a layer read the same operands.

    covariance [columns, columns].
    """

    covariance: Doubles
    _factors: dict[float, Doubles] = field(default_factory=dict, init=False, repr=False)

    def rounded(self, rows: Doubles, largest: int, damping: float = LEAST_DAMPING) -> Ints:
        """Integers whose error on inputs of this covariance is small.

        GPTQ (Frantar et al. 2022): columns are rounded one after the other, those with the most
        variance first, and each one's error is pushed into the columns not yet rounded. `damping`
        is the share of the mean variance that is added to every column's: it keeps unseen columns
        near their values. Rows are in units of their scale, so a row's scale does not matter here.
        """
        variance = np.diag(self.covariance)
        if not float(variance.mean()) > 0.0:
            return round_to_nearest(rows, largest)
        order = np.argsort(-variance, kind="stable")
        result = np.empty(rows.shape, np.int64)
        upper = self._factor(order, damping)
        for k in range(0, len(rows), ROWS):
            result[k : k + ROWS, order] = _pushed(rows[k : k + ROWS, order], largest, upper)
        return result

    def _factor(self, order: Ints, damping: float) -> Doubles:
        """Of the damped covariance, columns in this order; kept."""
        if damping not in self._factors:
            mean = float(np.diag(self.covariance).mean())
            damped = self.covariance + damping * mean * np.eye(len(self.covariance))
            self._factors[damping] = inverse_factor(damped[np.ix_(order, order)])
        return self._factors[damping]


def round_second_order(
    rows: Doubles, largest: int, covariance: Doubles, damping: float = LEAST_DAMPING
) -> Ints:
    """The same of a covariance that is used once."""
    return Hessian(covariance).rounded(rows, largest, damping)


def _pushed(rows: Doubles, largest: int, upper: Doubles) -> Ints:
    """Each column rounded, its error pushed into those behind it; far ones block by block.

    upper: as `inverse_factor` gives it. A column of the weights is a row here: its numbers lie
    together.
    """
    left = np.ascontiguousarray(rows.T)
    result = np.empty(left.shape)
    for start in range(0, len(left), BLOCK):
        end = min(start + BLOCK, len(left))
        errors = np.empty((end - start, len(rows)))
        for k in range(start, end):
            result[k] = limited(np.floor(left[k] + 0.5), -largest, largest)
            error = errors[k - start]
            np.subtract(left[k], result[k], out=error)
            error /= upper[k, k]
            left[k + 1 : end] -= upper[k, k + 1 : end, None] * error
        left[end:] -= upper[start:end, end:].T @ errors
    return result.T.astype(np.int64)


def inverse_factor(matrix: Doubles) -> Doubles:
    """The upper triangular U with U.T @ U = inverse of the positive definite `matrix`.

    It is the inverse of the triangular factor of the matrix itself, taken from the last column to
    the first, which is better conditioned than inverting the matrix.
    """
    lower = np.linalg.cholesky(matrix[::-1, ::-1])
    return np.asarray(np.linalg.inv(lower[::-1, ::-1]))
