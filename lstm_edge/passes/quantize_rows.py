"""Quantize a matrix product: scales per row, shared accumulators, biases, multipliers or shifts.

A row's accumulator counts in units of its scale s; the pre-activation has F fractional bits. It is
`mulw(acc << pre, m)`, so s = m * 2**(pre - F - 16) makes the multiplier exact, or, where scales are
powers of two, `(acc << pre) >> n` with s = 2**(pre - F - n): requantization adds no error but its
floor, whose half unit is given back in the bias.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.errors import QuantizationError
from lstm_edge.formats import INT32_MAX
from lstm_edge.ir.program import Value
from lstm_edge.passes.decisions import Decisions, integer, pair
from lstm_edge.passes.moments import Moments
from lstm_edge.passes.round_weights import LEAST_DAMPING
from lstm_edge.passes.row_scales import (
    ACCUMULATOR_LIMIT,
    MOST_SHIFT,
    Grid,
    Scheme,
    grid_for,
)
from lstm_edge.rounding import MULTIPLIER_LIMIT, Doubles, Ints, median, round_to_nearest

SHARING_RATIO = 3.0
"""Operands share an accumulator where their largest scaled weights differ by no more than this."""
SHARING_RATIO_8_BITS = 8.0
"""The same with activations of 8 bits, where those of a layer were shifted to comparable sizes."""
DAMPINGS = (LEAST_DAMPING, 0.1)
"""What second-order rounding is tried with; the more, the less it trusts the covariance."""
CHANGING_GAIN = 0.97
"""A candidate must have less than this share of the error of the first second-order one, of the
whole range and the least damping, to be taken in its place.
"""


ROOM_OF_SUMS = 4
"""How many times as far sums of other weights may go: a bias holds what inputs with a large offset
put into it.
"""


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

    @property
    def columns(self) -> int:
        """Of its weights: numbers of the value, or of what is read of it at each position."""
        return int(self.weights.shape[1])


@dataclass(frozen=True)
class Rows:
    """Quantized rows: matrices per operand and bias [rows], in units of `scale` [rows].

    The result has `fraction` fractional bits: that of (acc << left_shift) times multiplier [rows]
    and 2**-16, or shifted right by `shift` [rows] where scales are powers of two. bound: of any
    partial sum. largest_multiplier, shifts: what other rows may have in this place, too.
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
    largest_multiplier: int
    shifts: tuple[int, int]


def sharing_groups(
    operands: tuple[Operand, ...], ratio: float = SHARING_RATIO
) -> list[tuple[Operand, ...]]:
    """Operands that may share one accumulator per row, those of comparable scaled weights.

    From the largest down, each joins the group before it while it is within `ratio` of that
    group's largest; operands without weights join any.
    """
    sizes = {id(o): typical(np.abs(o.weights * o.scale).max(axis=1)) for o in operands}
    groups: list[list[Operand]] = []
    for operand in sorted(operands, key=lambda o: -sizes[id(o)]):
        size = sizes[id(operand)]
        if groups and (size == 0.0 or sizes[id(groups[-1][0])] <= ratio * size):
            groups[-1].append(operand)
        else:
            groups.append([operand])
    return [tuple(o for o in operands if o in group) for group in groups]


def sharing_ratio(activations: int) -> float:
    """That of operands of so many bits."""
    return SHARING_RATIO_8_BITS if activations == 8 else SHARING_RATIO


def columns_of(group: tuple[Operand, ...], operands: tuple[Operand, ...]) -> Ints:
    """Which of the numbers of all operands, end to end, those of the group are."""
    ends = np.cumsum([o.columns for o in operands])
    starts = {id(o): end - o.columns for o, end in zip(operands, ends, strict=True)}
    return np.concatenate([starts[id(o)] + np.arange(o.columns) for o in group])


def typical(largest: Doubles) -> float:
    """The median of those above 0."""
    above = largest[largest > 0]
    return median(above) if above.size else 0.0


def quantize_rows(
    operands: tuple[Operand, ...],
    bias: Doubles,
    moments: tuple[Moments, ...],
    source: str,
    scheme: Scheme,
    *,
    corrected: bool = True,
    decisions: Decisions | None = None,
    name: str = "",
) -> Rows:
    """Integers for `bias + sum of W @ x` of operands that share an accumulator.

    moments: of the concatenated real operands, for second-order rounding and for the bias to take
    back the mean error, in blocks that are taken as independent; none at all rounds to nearest.
    decisions, name: what is kept of these rows for other weights, and what it is called.
    """
    decisions = decisions or Decisions()
    joined = np.concatenate([o.weights * o.scale for o in operands], axis=1)
    step = np.abs(joined).max(axis=1) / scheme.limit
    largest = np.concatenate([np.full(len(o.scale), float(o.largest)) for o in operands])
    offset = np.concatenate([o.zero_point for o in operands])
    folded = bias - joined @ offset
    kept = _Kept(decisions, name, source, scheme)
    grid, least = kept.grid(joined, folded, largest)
    steps = [grid.at_least(np.maximum(step * clip, least)) for clip in scheme.clips]
    in_real = np.concatenate([o.scale for o in operands])
    tried = _candidates(joined, steps, in_real, moments, scheme)
    half = _lost_by_the_floor(tried.steps, grid)
    taken_back = _correction(joined, tried, in_real, moments if corrected else ())
    products = (np.abs(tried.rows) * largest).sum(axis=-1)
    plain, biases = (
        np.floor((bias + more) / tried.steps + half).astype(np.int64) - tried.rows @ offset
        for more in (0.0, taken_back)
    )
    # Of operands that jump, a mean error may be more than scales have room for.
    held = (products + np.abs(biases)) * 2.0**grid.left_shift <= INT32_MAX
    biases = np.where(held, biases, plain)
    reach = products + np.abs(biases)
    noise = tried.noise.copy()
    noise[1:][reach[1:] * 2.0**grid.left_shift > INT32_MAX] = np.inf
    best = noise.argmin(axis=0), np.arange(len(bias))
    rows, step, stored_bias = tried.rows[best], tried.steps[best], biases[best]
    splits = np.cumsum([o.weights.shape[1] for o in operands])[:-1]
    multiplier = np.rint(step * 2.0**grid.exponent).astype(np.int64)
    shift = grid.shift(step)
    return Rows(
        tuple(np.split(rows, splits, axis=1)),
        stored_bias,
        step,
        multiplier,
        shift,
        grid.left_shift,
        grid.fraction,
        kept.bound(int(reach[best].max()), largest, grid),
        scheme,
        kept.factors(multiplier, step),
        kept.shifts(shift),
    )


@dataclass(frozen=True)
class _Kept:
    """What the code around rows depends on. name: of what is kept; source: what messages say."""

    decisions: Decisions
    name: str
    source: str
    scheme: Scheme

    def grid(self, joined: Doubles, bias: Doubles, largest: Doubles) -> tuple[Grid, Doubles]:
        """As `grid_for`, of these weights or of those that the code was made for."""
        room = self.decisions.room if self.decisions.known is None else 1.0
        grid, least = grid_for(joined, bias, largest, self.source, self.scheme, room)
        fraction, left = self.decisions.keep(
            f"{self.name}: fractional bits",
            lambda: [grid.fraction, grid.left_shift],
            pair(integer(-64, 64)),
        )
        return replace(grid, fraction=fraction, left_shift=left), least

    def bound(self, reach: int, largest: Doubles, grid: Grid) -> int:
        """What sums may reach: where weights may change, with any, and a bias as large."""
        if not self.decisions.updatable:
            return reach
        most = ACCUMULATOR_LIMIT >> grid.left_shift
        every = int(2 * self.scheme.limit * largest.sum())
        room = max(every, ROOM_OF_SUMS * reach)
        bound = self.decisions.keep(
            f"{self.name}: sums", lambda: max(min(room, most), reach), integer(0, 2**62)
        )
        if reach > bound:
            self.decisions.beyond(f"{self.source}: a sum of products, in its units,", reach, bound)
        return bound

    def factors(self, multiplier: Ints, step: Doubles) -> int:
        """The largest multiplier that a row may have."""
        found = int(multiplier.max())
        if not self.decisions.updatable or self.scheme.power_of_two:
            return found
        if found > MULTIPLIER_LIMIT:
            most = float(step.max()) * self.scheme.limit * MULTIPLIER_LIMIT / found
            self.decisions.beyond(
                f"{self.source}: the largest weight, in units of its operand,",
                float(step.max()) * self.scheme.limit,
                most,
            )
        return MULTIPLIER_LIMIT

    def shifts(self, shift: Ints) -> tuple[int, int]:
        """The least and the most that a sum may be shifted by, where scales are powers of two."""
        least, most = int(shift.min()), int(shift.max())
        if not self.decisions.updatable or not self.scheme.power_of_two:
            return least, most
        low, high = self.decisions.keep(
            f"{self.name}: shifts",
            lambda: [max(least - 1, 0), min(most + 2, MOST_SHIFT)],
            pair(integer(0, MOST_SHIFT)),
        )
        if least < low:
            what = f"{self.source}: a unit of its sums, in those of their results,"
            self.decisions.beyond(what, 2.0**-least, 2.0**-low)
        if most > high:
            raise QuantizationError(
                f"{self.source}: weights are so small that a sum is shifted by {most}, and the "
                f"code that is to stay shifts by {high} at most; compile this network and replace "
                "the code as well"
            )
        return low, high


@dataclass(frozen=True)
class _Candidates:
    """Ways to store each row: integers [candidates, rows, columns], scales and mean squared errors
    [candidates, rows]. The first is the nearest integers of the whole range.
    """

    rows: Ints
    steps: Doubles
    noise: Doubles


def _candidates(
    joined: Doubles,
    steps: list[Doubles],
    in_real: Doubles,
    moments: tuple[Moments, ...],
    scheme: Scheme,
) -> _Candidates:
    """The error is that on data that none was made from, so the least is no worse than nearest.

    joined: real weights per unit of the operands; in_real: that unit, per column.
    """
    nearest = round_to_nearest(joined / steps[0][:, None], scheme.limit)
    if not moments:
        return _Candidates(nearest[None], steps[0][None], np.zeros((1, len(joined))))
    scales = np.stack([steps[0], *steps * len(DAMPINGS)])
    tried = np.tile(joined, (len(steps), 1)) / np.concatenate(steps)[:, None]
    made, noise, start = [], np.zeros(scales.shape), 0
    for block in moments:
        columns = slice(start, start + len(block.mean))
        start = columns.stop
        known = block.in_units(in_real[columns])
        rounded = [
            known.hessian.rounded(tried[:, columns], scheme.limit, damping) for damping in DAMPINGS
        ]
        candidates = np.split(np.concatenate(rounded), len(scales) - 1)
        rows = np.stack([nearest[:, columns], *candidates])
        error = joined[:, columns] - rows * scales[:, :, None]
        noise += ((error @ known.held_back) * error).sum(axis=-1)
        made.append(rows)
    noise[2:] /= CHANGING_GAIN
    return _Candidates(np.concatenate(made, axis=-1), scales, noise)


def _correction(
    joined: Doubles, tried: _Candidates, in_real: Doubles, moments: tuple[Moments, ...]
) -> Doubles:
    """What the bias takes back of each candidate: the mean error of its products."""
    if not moments:
        return np.zeros(tried.steps.shape)
    wanted = np.concatenate([m.wanted for m in moments]) / in_real
    found = np.concatenate([m.mean for m in moments]) / in_real
    return np.asarray(joined @ wanted - (tried.rows @ found) * tried.steps)


def _lost_by_the_floor(step: Doubles, grid: Grid) -> Doubles:
    """What requantization takes off in the mean, in units of the row, and half a unit more for the
    bias to be rounded to nearest.
    """
    if grid.power_of_two:
        dropped = 2.0 ** np.maximum(grid.shift(step) - grid.left_shift, 0)
        return np.asarray(dropped / 2.0)
    return np.asarray(2.0**15 / (step * 2.0 ** (grid.exponent + grid.left_shift)) + 0.5)
