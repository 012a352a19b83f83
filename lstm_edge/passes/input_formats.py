"""Scales and zero points of the model's inputs, one per feature."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format, saturated
from lstm_edge.passes.readers import Scaling
from lstm_edge.rounding import bits_above, bits_with_headroom

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HEADROOM = 3.0
"""How far beyond the calibrated range an input may go before it saturates."""
MARGIN_8_BITS = 1.5
"""The same where 8 bits leave little to give away."""
LEAST_DRIVE, LEAST_DRIVE_8_BITS = 1.0, 0.5
"""A feature may move a pre-activation at least this share of what the strongest one does, however
still it stood in calibration; its noise is then no larger than the strongest one's. 8 bits have
less to give away.
"""
SATURATING_DRIVE = 64.0
"""Without data: an input that moves a pre-activation by this much has saturated every gate."""
OPEN_RANGE = 256.0
"""Without data: the range of an input that something else than gates reads."""
DRAWN_RANGE = 8.0
"""Without data: the least range; inputs drawn from a normal distribution stay in it."""
DRAWN_RANGE_8_BITS = 16.0

WHOLE_SAMPLES = 64.0
"""Samples of audio that are as large are whole numbers of 16 bits."""

AS_THEY_ARE: Mapping[str, Format] = {
    "bool": Format("int8", 1.0, 0, 1),
    "int8": Format("int8", 1.0, -(2**7), 2**7 - 1),
    "uint8": Format("uint8", 1.0, 0, 2**8 - 1),
    "int16": Format("int16", 1.0, -(2**15), 2**15 - 1),
}
"""Types of inputs that are stored as the file has them: operands of products hold no wider ones."""
WIDER = ("uint16", "int32", "int64")
"""Types of integers that may be stored so, too, where what was seen of them has room."""


def _stored(scale: Doubles, zero_point: Doubles, bits: int) -> Format:
    """Numbers of `bits` bits in int16 (int8 where 8 bits): feature k stands for
    scale[k] * (q - zero_point[k]).
    """
    plain = saturated(1.0, bits, "int8" if bits == 8 else "int16")
    return plain.with_meaning(scale, zero_point.astype(np.int64))


def samples_format(largest: float) -> Format:
    """Of samples of audio, one scale for all: a converter's 16 bits are -1 .. 1 where calibration
    saw no more than that, and whole numbers where it saw such; in between they have a bit to spare.
    """
    unit = 2.0**-15
    if largest > 1.0:
        unit = 1.0 if largest >= WHOLE_SAMPLES else 2.0 ** (bits_above(largest) - 14)
    while largest > unit * 2**15:
        unit *= 2.0
    return Format("int16", unit, -(2**15), 2**15 - 1)


def drawn_format(
    columns: Doubles, only_gates: bool, activations: int, scaling: Scaling | None = None
) -> Format:
    """Without calibration data: a range so wide that useful inputs stay within.

    columns: largest weight of each feature [features]; only_gates: nothing else reads the input;
    scaling: what the input is brought to its mean and scale by.
    """
    if activations == 8:
        bits, half = 8, np.full(len(columns), DRAWN_RANGE_8_BITS)
    else:
        bits, half = 16, np.full(len(columns), OPEN_RANGE)
        if only_gates:
            drive = SATURATING_DRIVE / np.maximum(columns, 2.0**-10)
            half = np.where(columns > 0.0, np.maximum(drive, DRAWN_RANGE), half)
    if scaling is not None:
        scale = half / scaling.gain / (2 ** (bits - 1) - 1)
        return _stored(scale, -np.floor(scaling.middle / scale + 0.5), bits)
    return _stored(half / (2 ** (bits - 1) - 1), np.zeros(len(half)), bits)


def calibrated_format(
    low: Doubles,
    high: Doubles,
    columns: Doubles,
    balanced: float,
    activations: int,
    fine: bool = False,
) -> Format:
    """From the calibrated range [low, high] per feature.

    columns: largest weight of each feature; balanced: what `columns * scale` should be, so that
    the input's part of a row has weights as large as the other operand's (0: no other operand).
    fine: no matrix reads it, so that its scale can be as small as its range allows.
    """
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    off_centre = np.abs(middle) > 0.25 * half
    middle = np.where(off_centre, middle, 0.0)
    half = np.where(off_centre, half, np.maximum(np.abs(low), np.abs(high)))
    drive = float((half * columns).max()) if np.any(half * columns > 0.0) else 1.0
    share = LEAST_DRIVE_8_BITS if activations == 8 else LEAST_DRIVE
    least = share * drive / np.maximum(columns, 2.0**-10)
    half = np.maximum(half, np.where(columns > 0.0, least, np.maximum(half.max(), 2.0**-10)))
    if activations == 8:
        bits, scale = 8, half * MARGIN_8_BITS / 127.0
    else:
        bits = bits_with_headroom(activations)
        finest = half * HEADROOM / (2 ** (bits - 1) - 1)
        coarsest = half / 2 ** (activations - 3)
        wanted = balanced / np.maximum(columns, 2.0**-30) if balanced > 0.0 else coarsest
        wanted = np.zeros_like(half) if fine else wanted
        scale = np.minimum(np.maximum(wanted, finest), np.maximum(coarsest, finest))
    return _stored(scale, -np.floor(middle / scale + 0.5), bits)


def power_of_two_format(chosen: Format, features: int) -> Format:
    """The same with scales that are powers of two, none of which holds less."""
    given, points = chosen.scales(features), chosen.zero_points(features)
    scale = 2.0 ** np.ceil(np.log2(given))
    middle = np.floor(points * given / scale + 0.5)
    return chosen.with_meaning(scale, middle.astype(np.int64))
