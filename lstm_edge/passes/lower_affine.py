"""Quantize a matrix product: scales per row, shared accumulators, biases, multipliers.

A row's accumulator counts in units of its scale s; the pre-activation is `mulw(acc << pre, m)`
with F fractional bits, so s = m * 2**(pre - F - 16) makes the multiplier exact: requantization adds
no error but its floor, whose half unit is given back in the bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import QuantizationError
from lstm_edge.formats import INT32_MAX, Format, fixed
from lstm_edge.ir.program import State, Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.calibrate import Moments
from lstm_edge.passes.round_weights import round_second_order, round_to_nearest

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WEIGHT_LIMIT = 127
"""int8 weights are symmetric: -128 is never used."""
SHARING_RATIO = 4.0
"""Operands share an accumulator where their largest scaled weights differ by no more than this."""
MIN_FRACTION, MAX_FRACTION = 12, 18
"""Fractional bits of a pre-activation: enough for the tables, few enough for 32-bit products."""
ACCUMULATOR_LIMIT = INT32_MAX - 2**20


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
    """Quantized rows: matrices per operand, bias [rows], multiplier [rows], and p's format."""

    matrices: tuple[Ints, ...]
    bias: Ints
    multiplier: Ints
    left_shift: int
    fraction: int
    bound: int


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


def _typical(largest: Doubles) -> float:
    return float(np.median(largest[largest > 0])) if np.any(largest > 0) else 0.0


def quantize_rows(
    operands: tuple[Operand, ...], bias: Doubles, moments: Moments | None, source: str
) -> Rows:
    """Integers for `bias + sum of W @ x` of operands that share an accumulator.

    moments: of the concatenated real operands, for second-order rounding and for the bias to take
    back the mean error; None rounds to nearest.
    """
    scaled = [o.weights * o.scale for o in operands]
    joined = np.concatenate(scaled, axis=1)
    step = np.abs(joined).max(axis=1) / WEIGHT_LIMIT
    largest = np.concatenate([np.full(len(o.scale), float(o.largest)) for o in operands])
    offset = np.concatenate([o.zero_point for o in operands])
    folded = bias - joined @ offset
    step = np.maximum(step, _smallest_step(joined, folded, largest, step))
    fraction, left_shift = _fraction(step, joined, folded, largest, source)
    exponent = fraction + 16 - left_shift
    multiplier = np.maximum(np.ceil(step * 2.0**exponent), 1.0).astype(np.int64)
    step = multiplier * 2.0**-exponent
    rows, correction = _round(joined / step[:, None], operands, moments)
    half = 2.0**15 / (multiplier * 2.0**left_shift)
    real = (bias + correction * step) / step + half
    stored_bias = np.floor(real + 0.5).astype(np.int64) - rows @ offset
    reach = (np.abs(rows) * largest).sum(axis=1) + np.abs(stored_bias)
    splits = np.cumsum([o.weights.shape[1] for o in operands])[:-1]
    matrices = tuple(np.split(rows, splits, axis=1))
    return Rows(matrices, stored_bias, multiplier, left_shift, fraction, int(reach.max()))


def _smallest_step(joined: Doubles, bias: Doubles, largest: Doubles, step: Doubles) -> Doubles:
    """The scale below which a row could overflow its accumulator; positive for empty rows too."""
    reach = (np.abs(joined) * largest).sum(axis=1) + np.abs(bias)
    rounding = float(largest.sum())
    floor = np.abs(step[step > 0]).min() if np.any(step > 0) else 2.0**-15
    room = max(ACCUMULATOR_LIMIT - rounding, 2.0**24)
    return np.asarray(np.maximum(reach / room, floor * 2.0**-6))


def _fraction(
    step: Doubles, joined: Doubles, bias: Doubles, largest: Doubles, source: str
) -> tuple[int, int]:
    """Fractional bits of the result and the shift before the multiplier."""
    exponent = int(np.floor(np.log2(32767.0 / step.max())))
    fraction = min(exponent - 16, MAX_FRACTION)
    if fraction >= MIN_FRACTION:
        return fraction, 0
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
    return fraction, left_shift


def _round(
    rows: Doubles, operands: tuple[Operand, ...], moments: Moments | None
) -> tuple[Ints, Doubles]:
    """Integer rows, and what to add to the bias (in units of the row's scale)."""
    if moments is None:
        return round_to_nearest(rows, WEIGHT_LIMIT), np.zeros(len(rows))
    scale = np.concatenate([o.scale for o in operands])
    covariance = moments.covariance / np.outer(scale, scale)
    rounded = round_second_order(rows, WEIGHT_LIMIT, covariance)
    return rounded, (rows - rounded) @ (moments.mean / scale)


def emit_rows(
    b: Builder,
    operands: tuple[Operand, ...],
    rows: Rows,
    name: str,
    comment: str,
    gate: str,
) -> Value:
    """The operations of quantized rows: matvec, shift where needed, mulw."""
    units = len(rows.bias)
    matrices = tuple(b.constant(o.matrix, m) for o, m in zip(operands, rows.matrices, strict=True))
    acc = b.emit(
        "matvec",
        f"{name}_acc",
        tuple(o.value for o in operands),
        Format("int32", 1.0, -rows.bound, rows.bound),
        length=units,
        bias=b.constant(f"{gate}_bias", rows.bias),
        matrices=matrices,
        comment=comment,
    )
    return requantize(b, acc, rows, name, gate)


def emit_running_sum(b: Builder, x: Value, rows: Rows, layer: str) -> Value:
    """The sum over the steps so far of products with the weights of each; a state keeps it."""
    units = len(rows.bias)
    reach = Format("int32", 1.0, -rows.bound, rows.bound)
    before = b.value(f"{layer}.sum", units, reach, "sum over the steps so far")
    after = b.emit(
        "matvec_over_time",
        f"{layer}.sum_next",
        (before, x),
        reach,
        length=units,
        bias=b.constant(f"{layer}.bias", rows.bias),
        matrices=(b.constant(f"{layer}.W", np.stack(rows.matrices)),),
        comment="sum += W[step] x",
    )
    b.states.append(State(before.name, after.name, np.zeros(units, np.int64), accumulator=True))
    return after


def requantize(b: Builder, acc: Value, rows: Rows, name: str, gate: str) -> Value:
    """An accumulator as fixed point: (acc << left_shift) * multiplier >> 16."""
    if rows.left_shift:
        n = rows.left_shift
        wide = Format("int32", 1.0, -rows.bound << n, rows.bound << n)
        acc = b.emit("shift", f"{name}_scaled", (acc,), wide, n=-n)
    most = int(rows.multiplier.max())
    factor = b.vector(f"{gate}_multiplier", rows.multiplier, Format("int16", 1.0, 1, most))
    reach = ((rows.bound << rows.left_shift) * most >> 16) + 1
    return b.emit("mulw", name, (acc, factor), fixed(rows.fraction, -reach, reach, "int32"))
