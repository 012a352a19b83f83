"""The grids that numbers are stored on: scales of weight rows, rounding, formats of activations.

One definition for the compiler and for `fake_quant`, which trains against it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format, saturated

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WEIGHT_LIMITS = {4: 7, 8: 127, 16: 32767}
"""Bits of a weight -> its largest integer. Symmetric: -8, -128 and -32768 are never used."""
ACTIVATION_BITS = (8, 12, 16)
"""Bits of a vector that enters a matrix product."""
MULTIPLIER_LIMIT = 32767
"""A row's multiplier has 15 bits."""
MAX_FRACTION = 18
"""Fractional bits of a pre-activation, at most."""
FLOAT32_SLACK = 2.0**-23
"""Weights on a grid are off it by up to 2**-24 of themselves once a file keeps them as float32.
A scale this much above a multiple of its unit is taken for that multiple."""

MARGIN = 1.1
"""Share by which a calibrated range is widened where nothing bounds a value."""
BOUND_SLACK = 4.0
"""A proved bound up to this factor above the calibrated range is used in its place."""
HEADROOM_BITS = 2
"""Above 8 bits, a calibrated value may still grow by this many bits before it saturates."""
SPLIT_BITS = 15
"""What a kernel can hold as two bytes of a vector, which is most of what activations have."""
SMALLEST = 2.0**-10
"""Ranges below this are taken for this: a dead unit still needs a format."""


def round_to_nearest(rows: Doubles, largest: int) -> Ints:
    """Nearest integers within +-largest; rows [rows, columns] in units of their scale."""
    return np.clip(np.floor(rows + 0.5), -largest, largest).astype(np.int64)


def median(numbers: Doubles) -> float:
    """What np.median gives, in a tenth of its time for as few as the rows of a layer."""
    ordered, middle = np.sort(numbers), len(numbers) // 2
    return float(0.5 * (ordered[~middle] + ordered[middle]))


def multiplier_exponent(steps: Doubles) -> int:
    """e of the unit 2**-e in which the scales of a matrix's rows [rows] are counted.

    The largest scale gets a multiplier of 15 bits. No unit is finer than that of a pre-activation
    with MAX_FRACTION fractional bits, of which `mulw` drops 16 more.
    """
    return min(int(np.floor(np.log2(MULTIPLIER_LIMIT / steps.max()))), MAX_FRACTION + 16)


def multipliers(steps: Doubles, exponent: int) -> Ints:
    """The smallest m >= 1 with m * 2**-exponent >= steps [rows], but for FLOAT32_SLACK."""
    counts = np.ceil(steps * 2.0**exponent * (1.0 - FLOAT32_SLACK))
    return np.maximum(counts, 1.0).astype(np.int64)


def power_of_two_scales(steps: Doubles) -> Doubles:
    """The smallest powers of two >= steps [rows], all above 0, but for FLOAT32_SLACK."""
    return np.asarray(np.exp2(np.ceil(np.log2(steps * (1.0 - FLOAT32_SLACK)))))


def activation_format(
    bits: int, largest: float, bound: float = np.inf, *, power_of_two: bool = False
) -> Format:
    """The format of a vector that enters a matrix product.

    bits: 8, 12 to 14, or 16; largest: magnitude that calibration saw; bound: one that cannot be
    exceeded, used where it is at most BOUND_SLACK times that, or 1. Above 8 bits scales are powers
    of two, and a range that is calibrated gets two bits on top, as far as SPLIT_BITS or 16 bits go.
    power_of_two: at 8 bits, too.
    """
    seen = max(largest, SMALLEST) * MARGIN
    if bits == 8:
        return eight_bits(min(seen, bound), power_of_two)
    if bound <= BOUND_SLACK * largest or bound <= 1.0:
        unit = 2.0 ** (bits_above(max(bound, SMALLEST)) + 1 - bits)
        high = 2 ** (bits - 1) if bits < 16 else 2 ** (bits - 1) - 1
        return Format("int16", unit, -(2 ** (bits - 1)), high)
    stored = bits_with_headroom(bits)
    return saturated(2.0 ** (bits_above(seen) + 1 + HEADROOM_BITS - stored), stored, "int16")


def bits_with_headroom(bits: int) -> int:
    """Bits of a number that has `bits` in the range that calibration saw, above 8."""
    return min(bits + HEADROOM_BITS, SPLIT_BITS) if bits < 16 else 16


def eight_bits(reach: float, power_of_two: bool) -> Format:
    """The finest int8 format that holds `reach`; all but its last 128th where the scale is a power
    of two.
    """
    return saturated(2.0 ** (bits_above(reach) - 7) if power_of_two else reach / 127.0, 8)


def bits_above(reach: float) -> int:
    """Smallest n with reach <= 2**n."""
    return int(np.ceil(np.log2(reach)))
