"""The scales that rows of weights may have, and the fractional bits that follow from them.

The accumulator of a row counts in units of its scale s, the result has F fractional bits: it is
`mulw(acc << n, m)` with s = m * 2**(n - F - 16), or `(acc << n) >> shift` with s = 2**(n - F -
shift). F is the same for all rows, so the largest scale decides it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.errors import QuantizationError
from lstm_edge.formats import INT32_MAX
from lstm_edge.rounding import (
    MAX_FRACTION,
    WEIGHT_LIMITS,
    Doubles,
    Ints,
    multiplier_exponent,
    multipliers,
    power_of_two_scales,
)

MIN_FRACTION = 12
"""Fractional bits of a pre-activation: enough for the tables; more than MAX_FRACTION would leave
too few for its range."""
LEAST_FRACTION = 6
"""Fewer say too little to be of use."""
ACCUMULATOR_LIMIT = INT32_MAX - 2**20
MOST_SHIFT = 20
"""Bits that a sum may be shifted right by; half of the last unit, in the bias, has room."""
CLIPS = {
    4: (1.0, 0.93, 0.86, 0.79, 0.72, 0.65, 0.58),
    8: (1.0, 0.92),
    16: (1.0,),
}
"""By width of the weights: shares of a row's largest weight that its range is tried at."""
POWER_CLIPS = {4: (1.0, 0.5), 8: (1.0, 0.5), 16: (1.0,)}
"""The same where scales are powers of two."""


@dataclass(frozen=True)
class Scheme:
    """How rows are stored: bits of a weight, which are symmetric integers, and whether their scales
    are powers of two.
    """

    bits: int = 8
    power_of_two: bool = False

    @property
    def limit(self) -> int:
        """Largest weight; the most negative integer is never used."""
        return WEIGHT_LIMITS[self.bits]

    @property
    def clips(self) -> tuple[float, ...]:
        """Shares of a row's largest weight that its range is tried at, the whole one first."""
        return (POWER_CLIPS if self.power_of_two else CLIPS)[self.bits]


@dataclass(frozen=True)
class Grid:
    """The scales that a row may have: whole numbers of 2**-exponent, or powers of two.

    A result has `fraction` fractional bits; sums are shifted left by `left_shift` at first.
    """

    fraction: int
    left_shift: int
    power_of_two: bool

    @property
    def exponent(self) -> int:
        """A multiplier is the row's scale times 2**exponent."""
        return self.fraction + 16 - self.left_shift

    def shift(self, step: Doubles) -> Ints:
        """Bits that a sum in these scales, powers of two, is shifted right by."""
        shift = -np.log2(step) - self.fraction + self.left_shift
        return np.asarray(np.rint(shift), np.int64)

    def at_least(self, step: Doubles) -> Doubles:
        """The scales next above."""
        if self.power_of_two:
            least = 2.0 ** (self.left_shift - self.fraction - MOST_SHIFT)
            return power_of_two_scales(np.maximum(step, least))
        return np.asarray(multipliers(step, self.exponent) * 2.0**-self.exponent)


def smallest_step(joined: Doubles, bias: Doubles, largest: Doubles, step: Doubles) -> Doubles:
    """The scale below which a row could overflow its accumulator; positive for empty rows too."""
    reach = (np.abs(joined) * largest).sum(axis=1) + np.abs(bias)
    rounding = float(largest.sum())
    floor = np.abs(step[step > 0]).min() if np.any(step > 0) else 2.0**-15
    room = max(ACCUMULATOR_LIMIT - rounding, 2.0**24)
    return np.asarray(np.maximum(reach / room, floor * 2.0**-6))


def grid_for(
    joined: Doubles,
    bias: Doubles,
    largest: Doubles,
    source: str,
    scheme: Scheme,
    room: float = 1.0,
) -> tuple[Grid, Doubles]:
    """The scales to choose from: fractional bits of the result, and the shift before the rest; and
    the least scale of each row. room: how many times as large other weights may be, in the same
    scales.
    """
    joined, bias = joined * room, bias * room
    whole = np.abs(joined).max(axis=1) / scheme.limit
    least = smallest_step(joined, bias, largest, whole)
    step = np.maximum(whole, least)
    if scheme.power_of_two:
        step = power_of_two_scales(step)
        fraction = min(int(-np.log2(step.max())), MAX_FRACTION)
    else:
        fraction = multiplier_exponent(step) - 16
    if fraction >= MIN_FRACTION:
        return Grid(fraction, 0, scheme.power_of_two), least
    products = (np.abs(joined) * largest).sum(axis=1) + np.abs(bias)
    reach = products / step + largest.sum()
    room = int(np.floor(np.log2(ACCUMULATOR_LIMIT / reach.max())))
    wanted = MIN_FRACTION - fraction
    left_shift = min(wanted, max(room, 0))
    # A row of small weights whose bias fills its accumulator leaves no room for the shift that
    # large rows need: it gets larger scales, up to theirs.
    for shift in range(wanted, left_shift, -1):
        limit = ACCUMULATOR_LIMIT * 2.0**-shift - largest.sum()
        if limit > 0 and products.max() <= step.max() * limit:
            left_shift, least = shift, np.maximum(least, products / limit)
            break
    fraction += left_shift
    if fraction < LEAST_FRACTION:
        most = float((reach * step).max())
        raise QuantizationError(
            f"{source}: the products of weights and inputs reach {most:.3g}, which "
            "no fixed-point format holds with a useful resolution; calibrate with inputs in the "
            "unit that the network was trained with, or scale the input or the weights down"
        )
    return Grid(fraction, left_shift, scheme.power_of_two), least
