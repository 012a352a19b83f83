"""Quantize a matrix product: scales per row, shared accumulators, biases, multipliers or shifts.

A row's accumulator counts in units of its scale s; the pre-activation has F fractional bits. It is
`mulw(acc << pre, m)`, so s = m * 2**(pre - F - 16) makes the multiplier exact, or, where scales are
powers of two, `(acc << pre) >> n` with s = 2**(pre - F - n): requantization adds no error but its
floor, whose half unit is given back in the bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.errors import QuantizationError
from lstm_edge.formats import INT32_MAX
from lstm_edge.ir.program import Value
from lstm_edge.passes.moments import Moments
from lstm_edge.passes.round_weights import LEAST_DAMPING, round_second_order
from lstm_edge.rounding import (
    MAX_FRACTION,
    WEIGHT_LIMITS,
    Doubles,
    Ints,
    multiplier_exponent,
    multipliers,
    power_of_two_scales,
    round_to_nearest,
)

SHARING_RATIO = 4.0
"""Operands share an accumulator where their largest scaled weights differ by no more than this."""
MIN_FRACTION = 12
"""Fractional bits of a pre-activation: enough for the tables; more than MAX_FRACTION would leave
too few for its range."""
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
DAMPINGS = (LEAST_DAMPING, 0.1)
"""What second-order rounding is tried with; the more, the less it trusts the covariance."""
CHANGING_GAIN = 0.97
"""A candidate must have less than this share of the error of the first second-order one, of the
whole range and the least damping, to be taken in its place.
"""


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


@dataclass(frozen=True, eq=False)
class Operand:
    """One factor of a matrix product in stored numbers.

    weights [rows, columns] real; the value's real meaning is scale * (q - zero_point), per column.
    largest: bound of |q|.
    """

    value: Value
    matrix: str
    weights: Doubles
    scale: Doubles
    zero_point: Ints
    largest: int


@dataclass(frozen=True)
class Rows:
    """Quantized rows: matrices per operand and bias [rows], in units of `scale` [rows].

    The result has `fraction` fractional bits: that of (acc << left_shift) times multiplier [rows]
    and 2**-16, or shifted right by `shift` [rows] where scales are powers of two. bound: of any
    partial sum.
    """

    matrices: tuple[Ints, ...]
    bias: Ints
    scale: Doubles
    multiplier: Ints
    shift: Ints
    left_shift: int
    fraction: int
    bound: int
    scheme: Scheme


@dataclass(frozen=True)
class _Grid:
    """The scales that a row may have: whole numbers of 2**-exponent, or powers of two."""

    fraction: int
    left_shift: int
    power_of_two: bool

    @property
    def exponent(self) -> int:
        return self.fraction + 16 - self.left_shift

    def at_least(self, step: Doubles) -> Doubles:
        """The scales next above."""
        if self.power_of_two:
            least = 2.0 ** (self.left_shift - self.fraction - MOST_SHIFT)
            return power_of_two_scales(np.maximum(step, least))
        return np.asarray(multipliers(step, self.exponent) * 2.0**-self.exponent)


def sharing_groups(operands: tuple[Operand, ...]) -> list[tuple[Operand, ...]]:
    """Operands that may share one accumulator per row, those of comparable scaled weights.

    From the largest down, each joins the group before it while it is within SHARING_RATIO of that
    group's largest; operands without weights join any.
    """
    typical = {id(o): _typical(np.abs(o.weights * o.scale).max(axis=1)) for o in operands}
    groups: list[list[Operand]] = []
    for operand in sorted(operands, key=lambda o: -typical[id(o)]):
        size = typical[id(operand)]
        if groups and (size == 0.0 or typical[id(groups[-1][0])] <= SHARING_RATIO * size):
            groups[-1].append(operand)
        else:
            groups.append([operand])
    return [tuple(o for o in operands if o in group) for group in groups]


def columns_of(group: tuple[Operand, ...], operands: tuple[Operand, ...]) -> Ints:
    """Which of the numbers of all operands, end to end, those of the group are."""
    ends = np.cumsum([o.value.length for o in operands])
    starts = {id(o): end - o.value.length for o, end in zip(operands, ends, strict=True)}
    return np.concatenate([starts[id(o)] + np.arange(o.value.length) for o in group])


def _typical(largest: Doubles) -> float:
    return float(np.median(largest[largest > 0])) if np.any(largest > 0) else 0.0


def quantize_rows(
    operands: tuple[Operand, ...],
    bias: Doubles,
    moments: tuple[Moments, ...],
    source: str,
    scheme: Scheme,
) -> Rows:
    """Integers for `bias + sum of W @ x` of operands that share an accumulator.

    moments: of the concatenated real operands, for second-order rounding and for the bias to take
    back the mean error, in blocks that are taken as independent; none at all rounds to nearest.
    """
    scaled = [o.weights * o.scale for o in operands]
    joined = np.concatenate(scaled, axis=1)
    step = np.abs(joined).max(axis=1) / scheme.limit
    largest = np.concatenate([np.full(len(o.scale), float(o.largest)) for o in operands])
    offset = np.concatenate([o.zero_point for o in operands])
    folded = bias - joined @ offset
    least = _smallest_step(joined, folded, largest, step)
    grid = _grid(np.maximum(step, least), joined, folded, largest, source, scheme)
    steps = [grid.at_least(np.maximum(step * clip, least)) for clip in scheme.clips]
    in_real = np.concatenate([o.scale for o in operands])
    rows, step = _best_rows(joined, steps, in_real, moments, scheme)
    correction = np.zeros(len(bias))
    if moments:
        wanted = np.concatenate([m.wanted for m in moments])
        found = np.concatenate([m.mean for m in moments])
        correction = joined @ (wanted / in_real) - (rows * step[:, None]) @ (found / in_real)
    multiplier = np.rint(step * 2.0**grid.exponent).astype(np.int64)
    shift = np.rint(-np.log2(step) - grid.fraction + grid.left_shift).astype(np.int64)
    half = 2.0 ** (shift - 1 - grid.left_shift) * (shift > 0)
    if not scheme.power_of_two:
        half = 2.0**15 / (multiplier * 2.0**grid.left_shift)
    stored_bias = np.floor((bias + correction) / step + half + 0.5).astype(np.int64) - rows @ offset
    reach = (np.abs(rows) * largest).sum(axis=1) + np.abs(stored_bias)
    splits = np.cumsum([o.weights.shape[1] for o in operands])[:-1]
    return Rows(
        tuple(np.split(rows, splits, axis=1)),
        stored_bias,
        step,
        multiplier,
        shift,
        grid.left_shift,
        grid.fraction,
        int(reach.max()),
        scheme,
    )


def _smallest_step(joined: Doubles, bias: Doubles, largest: Doubles, step: Doubles) -> Doubles:
    """The scale below which a row could overflow its accumulator; positive for empty rows too."""
    reach = (np.abs(joined) * largest).sum(axis=1) + np.abs(bias)
    rounding = float(largest.sum())
    floor = np.abs(step[step > 0]).min() if np.any(step > 0) else 2.0**-15
    room = max(ACCUMULATOR_LIMIT - rounding, 2.0**24)
    return np.asarray(np.maximum(reach / room, floor * 2.0**-6))


def _grid(
    step: Doubles,
    joined: Doubles,
    bias: Doubles,
    largest: Doubles,
    source: str,
    scheme: Scheme,
) -> _Grid:
    """The scales to choose from: fractional bits of the result, and the shift before the rest."""
    if scheme.power_of_two:
        step = power_of_two_scales(step)
        fraction = min(int(-np.log2(step.max())), MAX_FRACTION)
    else:
        fraction = multiplier_exponent(step) - 16
    if fraction >= MIN_FRACTION:
        return _Grid(fraction, 0, scheme.power_of_two)
    reach = ((np.abs(joined) / step[:, None] + 0.5) * largest).sum(axis=1) + np.abs(bias) / step
    room = int(np.floor(np.log2(ACCUMULATOR_LIMIT / reach.max())))
    left_shift = min(MIN_FRACTION - fraction, max(room, 0))
    fraction += left_shift
    if fraction < 6:
        most = float((reach * step).max())
        raise QuantizationError(
            f"{source}: the products of weights and inputs reach {most:.3g}, which "
            "no fixed-point format holds with a useful resolution; "
            "scale the input or the weights down"
        )
    return _Grid(fraction, left_shift, scheme.power_of_two)


def _best_rows(
    joined: Doubles,
    steps: list[Doubles],
    in_real: Doubles,
    moments: tuple[Moments, ...],
    scheme: Scheme,
) -> tuple[Ints, Doubles]:
    """Integer rows and their scales: of each row the candidate with the least error on data that
    none was made from. The first is the nearest integers of the whole range: none chosen is worse.

    joined: real weights per unit of the operands; in_real: that unit, per column.
    """
    nearest = round_to_nearest(joined / steps[0][:, None], scheme.limit)
    if not moments:
        return nearest, steps[0]
    scales = np.stack([steps[0], *steps * len(DAMPINGS)])
    tried = np.tile(joined, (len(steps), 1)) / np.concatenate(steps)[:, None]
    made, noise, start = [], np.zeros((len(scales), len(joined))), 0
    for block in moments:
        columns = slice(start, start + len(block.mean))
        start = columns.stop
        unit = np.outer(in_real[columns], in_real[columns])
        rounded = [
            round_second_order(tried[:, columns], scheme.limit, block.covariance / unit, damping)
            for damping in DAMPINGS
        ]
        candidates = np.split(np.concatenate(rounded), len(scales) - 1)
        rows = np.stack([nearest[:, columns], *candidates])
        error = joined[:, columns] - rows * scales[:, :, None]
        noise += ((error @ (block.held_back / unit)) * error).sum(axis=-1)
        made.append(rows)
    noise[2:] /= CHANGING_GAIN
    best, every = noise.argmin(axis=0), np.arange(len(joined))
    return np.concatenate(made, axis=-1)[best, every], scales[best, every]
