"""Int8 formats with a scale and a zero point for each unit of a vector.

Units of a layer differ in their ranges, and many ranges lie off zero. Where only matrix products
read a vector, scales go into the columns of their weights and zero points into their biases, as
those of a model input do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format
from lstm_edge.rounding import SMALLEST, bits_above

Doubles = npt.NDArray[np.float64]

MARGIN_BY_UNIT = 0.4
"""By which share of half its calibrated range a unit may leave that, at either end."""
SURPRISE = 5.0
"""How many times as far it may, beyond that, as data that are held back left the range of the rest:
calibration data of which a part does not foretell the others do not foretell much else.
"""
LEAST_SHARE = 0.75
"""A unit has at least this share of the widest one's range, however still it stood."""
LEAST_GAIN = 2.0
"""By how many dB less rounding noise units of their own pay."""
LARGEST_ZERO_POINT = 2**12
"""Beyond it units hardly move, beside how far off zero they lie."""
MULTIPLIER_BITS = 15
"""Of what brings a unit to its scale."""


@dataclass(frozen=True)
class Seen:
    """The lowest and the highest number of each unit in calibration [units], and the same without
    the data that are held back.
    """

    low: Doubles
    high: Doubles
    low_without: Doubles
    high_without: Doubles

    @property
    def half(self) -> Doubles:
        """Half the range of each unit, at least LEAST_SHARE of the widest."""
        half = (self.high - self.low) / 2.0
        return np.asarray(np.maximum(half, max(float(half.max()), SMALLEST) * LEAST_SHARE))

    @property
    def surprise(self) -> float:
        """By which share of half its range a unit leaves, on the mean, what was seen without the
        data that are held back.
        """
        beyond = np.maximum(self.low_without - self.low, self.high - self.high_without)
        return float(np.mean(beyond / self.half))


def by_unit(seen: Seen, bound: float, uniform: Format) -> Format | None:
    """The format of units that cannot leave +-bound; None where `uniform`, one scale for all, is
    about as good.

    Scales are 2**e / m with whole numbers m of up to 15 bits, so that from any power of two a
    multiplication brings a unit to its scale exactly.
    """
    middle = (seen.high + seen.low) / 2.0
    reach = seen.half * (1.0 + MARGIN_BY_UNIT + SURPRISE * seen.surprise)
    low, high = np.clip(middle - reach, -bound, bound), np.clip(middle + reach, -bound, bound)
    middle, half = (low + high) / 2.0, np.maximum((high - low) / 2.0, SMALLEST)
    limit = uniform.high
    gain = 20.0 * np.log10(uniform.unit * limit) - 10.0 * np.log10(np.mean(half**2))
    if not gain >= LEAST_GAIN:
        return None
    exponent = bits_above(uniform.unit * limit) + 2
    most = 2.0**MULTIPLIER_BITS - 1.0
    scale = 2.0**exponent / np.clip(np.floor(2.0**exponent * limit / half), 1.0, most)
    zero_point = -np.floor(middle / scale + 0.5).astype(np.int64)
    if np.abs(zero_point).max() > LARGEST_ZERO_POINT:
        return None
    return uniform.with_meaning(scale, zero_point)
