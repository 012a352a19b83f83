"""Int8 formats with a scale and a zero point for each unit of a vector.

Units of a layer differ in their ranges, and many ranges lie off zero. Where only matrix products
read a vector, scales go into the columns of their weights and zero points into their biases, as
those of a model input do.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format, saturated
from lstm_edge.rounding import SMALLEST, bits_above

Doubles = npt.NDArray[np.float64]

BITS = 8
MARGIN_BY_UNIT = 0.25
"""Share of half its calibrated range by which a unit may leave that at either end."""
LEAST_SHARE = 1.0 / 8.0
"""A unit has at least this share of the widest one's range, however still it stood."""
LEAST_GAIN = 1.0
"""Rounding noise in dB that a vector must lose by it to have units of their own."""
MULTIPLIER_BITS = 15


def by_unit(low: Doubles, high: Doubles, bound: float, uniform: Format) -> Format | None:
    """The format of units that calibration saw in [low, high] [units] and that cannot leave
    +-bound; None where `uniform`, one scale for all, is about as good.

    Scales are 2**e / m with whole numbers m of up to 15 bits, so that from any power of two a
    multiplication brings a unit to its scale exactly.
    """
    largest = max(float(np.maximum(np.abs(low), np.abs(high)).max()), SMALLEST)
    half, middle = (high - low) / 2.0, (high + low) / 2.0
    half = np.maximum(half, max(float(half.max()), SMALLEST) * LEAST_SHARE)
    reach = half * (1.0 + MARGIN_BY_UNIT)
    ends = np.clip(np.stack([middle - reach, middle + reach]), -bound, bound)
    middle, reach = ends.mean(axis=0), (ends[1] - ends[0]) / 2.0
    gain = 10.0 * np.log10(uniform.unit**2 / np.mean((reach / 127.0) ** 2))
    if not gain >= LEAST_GAIN:
        return None
    exponent = bits_above(largest) + 2
    multiplier = np.floor(127.0 / reach * 2.0**exponent)
    scale = 2.0**exponent / np.clip(multiplier, 1.0, 2.0**MULTIPLIER_BITS - 1.0)
    return saturated(1.0, BITS).with_meaning(scale, -np.floor(middle / scale + 0.5).astype(np.int64))
