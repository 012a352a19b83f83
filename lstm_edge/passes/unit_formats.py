"""Int8 formats with a scale and a zero point for each unit of a vector.

Units of a layer differ in their ranges, and many ranges lie off zero. Where only matrix products
read a vector, scales go into the columns of their weights and zero points into their biases, as
those of a model input do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format, saturated
from lstm_edge.rounding import SMALLEST, bits_above

Doubles = npt.NDArray[np.float64]

BITS = 8
MARGIN_BY_UNIT = 0.4
"""Share of half its calibrated range by which a unit may leave that at either end."""
SURPRISE = 5.0
"""By how much more, for each share by which data that are held back leave the range of the rest."""
LEAST_SHARE = 0.75
"""A unit has at least this share of the widest one's range, however still it stood."""
LEAST_GAIN = 2.0
"""Rounding noise in dB that a vector must lose by it to have units of their own."""
MULTIPLIER_BITS = 15


@dataclass(frozen=True)
class Seen:
    """What units took in calibration, and what they took without the data that are held back."""

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
        """By which share of half their range units leave what was seen without the data held back,
        on the mean: on other data they will leave what was seen by as much again, or more.
        """
        below, above = self.low_without - self.low, self.high - self.high_without
        return float(np.mean(np.maximum(below, above) / self.half))


def by_unit(seen: Seen, bound: float, uniform: Format) -> Format | None:
    """The format of units that cannot leave +-bound; None where `uniform`, one scale for all, is
    about as good.

    Scales are 2**e / m with whole numbers m of up to 15 bits, so that from any power of two a
    multiplication brings a unit to its scale exactly.
    """
    middle = (seen.high + seen.low) / 2.0
    reach = seen.half * (1.0 + MARGIN_BY_UNIT + SURPRISE * seen.surprise)
    ends = np.clip(np.stack([middle - reach, middle + reach]), -bound, bound)
    middle, reach = ends.mean(axis=0), (ends[1] - ends[0]) / 2.0
    gain = 10.0 * np.log10(uniform.unit**2 / np.mean((reach / 127.0) ** 2))
    if not gain >= LEAST_GAIN:
        return None
    exponent = bits_above(uniform.unit * uniform.magnitude) + 2
    multiplier = np.floor(127.0 / reach * 2.0**exponent)
    scale = 2.0**exponent / np.clip(multiplier, 1.0, 2.0**MULTIPLIER_BITS - 1.0)
    return saturated(1.0, BITS).with_meaning(scale, -np.floor(middle / scale + 0.5).astype(np.int64))
