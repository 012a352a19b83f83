"""Parts of the compiler, each with operands that are drawn for it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from lstm_edge.formats import (
    Format,
    fits,
    fixed,
    fraction_bits,
    saturated,
    signed_bits,
    smallest_storage,
)
from lstm_edge.operations import curves_float
from lstm_edge.passes.calibrate import Ranges, key_at
from lstm_edge.passes.fixed import arithmetic, over_time, rescale, shifts
from lstm_edge.passes.fixed.whole import whole
from lstm_edge.passes.input_formats import (
    calibrated_format,
    drawn_format,
    power_of_two_format,
    samples_format,
)
from lstm_edge.passes.lift import Weighed, lift, lifts
from lstm_edge.passes.lower_affine import emit_rows
from lstm_edge.passes.lower_divide import Divisor, lower_divide
from lstm_edge.passes.lower_function import (
    lower_exponential,
    lower_fine_sigmoid,
    lower_function,
)
from lstm_edge.passes.lower_input import compared
from lstm_edge.passes.lower_layer_norm import lower_layer_norm
from lstm_edge.passes.lower_lookup import Table, lower_lookup
from lstm_edge.passes.lower_root import lower_log, lower_sqrt
from lstm_edge.passes.lower_softmax import lower_fine_softmax, lower_softmax
from lstm_edge.passes.lower_wave import lower_wave
from lstm_edge.passes.moments import Halves, Moments
from lstm_edge.passes.numbers import Number, number
from lstm_edge.passes.options import Options
from lstm_edge.passes.quantize_rows import Operand, quantize_rows, sharing_groups
from lstm_edge.passes.round_products import Called, Rounding
from lstm_edge.passes.row_scales import Scheme
from lstm_edge.passes.unit_formats import Seen, by_unit
from lstm_edge.rounding import activation_format, multipliers, power_of_two_scales
from tests.golden.drawn import Draw

FLOAT_CURVES = (
    *(curves_float.exp, curves_float.log, curves_float.rsqrt, curves_float.sqrt, curves_float.erf),
    *(curves_float.sigmoid, curves_float.tanh, curves_float.elu_tail, curves_float.softplus_tail),
    curves_float.softsign,
)
CURVES = ("sigmoid", "tanh", "elu_tail", "softplus_tail", "erf", "softsign")


def target(d: Draw) -> Format:
    """What a value is converted to: one scale or one for each of two numbers."""
    bits = d.one(8, 12, 16, 32)
    if d.one(True, False, False):
        return saturated(2.0 ** -d.whole(0, 20), bits)
    scales = np.abs(d.real(-20, 2, 2))
    points = d.rng.integers(-200, 200, 2) * d.one(0, 1)
    return saturated(1.0, bits).with_meaning(scales * d.one(1.0, np.ones(2)), points)


def converted(d: Draw) -> object:
    fmt = target(d)
    return rescale.convert(d.b, d.value(d.format(), 2), fmt, "y")


def unpacked(d: Draw) -> object:
    bits, length = d.one(8, 16), 3
    scales = np.abs(d.real(-10, 3, length))
    if d.one(True, False):
        scales = 2.0 ** np.floor(np.log2(scales) * d.one(1.0, 3.0))
    scales = scales * d.one(1.0, 1.0, d.rng.choice([-1.0, 1.0], length))
    points = d.rng.integers(-300, 300, length) * d.one(0, 1)
    stored = d.value(saturated(1.0, bits), length)
    return rescale.unpack_input(d.b, stored, stored.format.with_meaning(scales, points), "y")


def multiplied(d: Draw) -> object:
    one, other = d.number(3), d.number(1)
    if d.whole(0, 3) == 0:
        gate = d.value(Format("int32", 2.0**-15, -(2**14), 2**14), 3)
        one = Number(gate, "", centred=d.value(Format("int32", 2.0**-16, -(2**15), 2**15 - 1), 3))
    return arithmetic.multiply(d.b, one, other, "y", "", d.one(True, False))


def added(d: Draw) -> object:
    lost = (d.one(0.0, 0.5, 0.75), d.one(0.0, 0.5))
    kind = d.one("add", "sub")
    return arithmetic.add_or_subtract(d.b, kind, d.operand(), d.operand(), "y", "", lost)


def weights(d: Draw) -> object:
    d.updatable()
    value = shifts.weight_vector(d.b, "w", d.real(-6, 6, 4) * d.one(1.0, 0.0, 1.0))
    return shifts.narrow(d.b, shifts.with_fraction(d.b, value, d.whole(4, 20), "y"), "z")


def divided(d: Draw) -> object:
    low, high = sorted(float(np.abs(n)) for n in d.real(-8, 4, 2))
    sign, ends = d.one(1.0, 1.0, -1.0), d.one((low, high), (low, high), (-low, high))
    low, high = sorted(sign * end for end in ends)
    reach = float(np.abs(d.real(-10, 12)))
    divisor = Divisor(d.value(d.fixed(4, 24), 2), low, high)
    return lower_divide(d.b, d.value(d.fixed(0, 24), 2), divisor, reach, "y", "")


def softmax(d: Draw) -> object:
    value, kind = d.value(d.fixed(-6, 24), d.one(1, 2, 5, 40)), d.one("softmax", "log_softmax")
    return lower_softmax(d.b, kind, value, "p_", "y", d.one(True, False))


def compared_inputs(d: Draw) -> object:
    bits, length = d.one(8, 16), 2
    plain = d.value(saturated(1.0, bits), length)
    packed = plain.format.with_meaning(np.abs(d.real(-6, 1, 2)), d.rng.integers(-9, 9, 2))
    if d.one(True, False):
        packed = plain.format
    pair = [Number(plain, "", packed=packed), number(d.operand(length))]
    return compared(d.b, *pair[:: d.one(1, -1)], "y")


def looked_up(d: Draw) -> object:
    scheme = Scheme(d.one(4, 8, 16), d.one(True, False))
    if d.one(True, False):
        d.updatable()
    ids, bits = d.value(Format("int32", 1.0, 0, 6), 2), d.one(8, 12, 16)
    stored = saturated(2.0 ** (d.whole(2, 7) - bits), bits)
    if not scheme.power_of_two and d.one(True, False):
        stored = saturated(float(np.abs(d.real(2, 7))) * 2.0**-bits, bits)
    rows = d.real(-4, 4, 7, 3) * d.one(1.0, 1.0, 0.0)
    return lower_lookup(d.b, ids, d.whole(0, 1), Table("t", rows, 0, scheme), stored, "y")


def operand(d: Draw, k: int, rows: int) -> Operand:
    columns, bits = d.whole(1, 4), d.one(8, 16)
    value = d.value(saturated(2.0 ** -d.whole(4, 15), bits), columns)
    sizes = np.abs(d.real(-14, -2, columns)) if d.one(True, False) else np.full(columns, 2.0**-9)
    points = d.rng.integers(-90, 90, columns) * d.one(0, 1)
    w = d.real(-4, 3, rows, columns) * d.one(1.0, 1.0, 1.0, 0.0, 2.0**9)
    w *= d.rng.choice([0.0, 1.0, 1.0, 1.0], (rows, 1))
    return Operand(value, f"W{k}", w, sizes, points, value.format.magnitude)


def rows(d: Draw) -> object:
    scheme, count = Scheme(d.one(4, 8, 16), d.one(True, False)), d.whole(1, 3)
    operands = tuple(operand(d, k, count) for k in range(d.one(1, 2)))
    if d.one(True, False):
        d.updatable()
    bias = d.real(-3, 4, count) * d.one(1.0, 1.0, 0.0, 2.0**9)
    made = quantize_rows(operands, bias, (), "W", scheme, decisions=d.b.decisions, name="W")
    return made, emit_rows(d.b, operands, made, "y", "", "g")


def known(d: Draw, columns: int) -> Moments:
    """Of vectors, some of whose numbers never moved; the sums are exact."""
    vectors = d.real(-3, 1, 32, columns) * d.rng.choice([0.0, 1.0, 1.0, 1.0], columns)
    halves = Halves()
    halves.add(vectors, choosing=False)
    halves.add(vectors[::2] + d.real(-4, -1, 16, columns), choosing=True)
    found = halves.moments(d.one(None, d.real(-2, 1, columns)))
    assert found is not None
    return found


def rounded(d: Draw) -> object:
    """Rows of what is known best of their operands: once, in two parts, and over time."""
    options = Options(12, 32, d.one(4, 8), d.one(True, False))
    over = d.whole(0, 3) == 0
    count, first = d.whole(1, 3), operand(d, 0, 2)
    each = [replace(first, matrix=f"W{k}") for k in range(count)] if over else [first]
    moments = tuple(known(d, first.columns) for _ in each)
    keys = [key_at(("x",), t) for t in range(count)] if over else [("x",)]
    seen = dict(zip(keys, moments, strict=False)) if d.one(True, False) else {}
    ranges = Ranges({}, {}, seen, d.one(True, False))
    rounding = Rounding(ranges, options, d.one({}, {"W0": moments}))
    called = Called("layer", "W", "real", d.one(True, False))
    bias, columns = d.real(-3, 4, 2), np.arange(first.columns)
    if over:
        made: object = rounding.rows_over_time(tuple(each), bias, called, "x", "W0")
    elif d.one(True, False):
        made = rounding.rows((first,), bias, called, ("x",), columns, wide=d.one(True, False))
    else:
        made = rounding.doubled_rows((first,), bias, called, ("x",), columns)
    return made, rounding.products, list(rounding.changes.items())


def groups(d: Draw) -> object:
    operands = tuple(operand(d, k, 5) for k in range(3))
    return [[o.matrix for o in group] for group in sharing_groups(operands, d.one(1.5, 3.0, 8.0))]


def weighed(d: Draw) -> object:
    names = "abc"[: d.whole(1, 3)]
    sizes = np.abs(d.real(-3, 4, 3)) * d.rng.choice([0.0, 1.0, 1.0, 1.0], 3)
    each = [Weighed(n, float(s), 2 ** d.whole(5, 15)) for n, s in zip(names, sizes, strict=False)]
    bits = d.whole(1, 6)
    vector = saturated(1.0, 8).with_meaning(np.abs(d.real(-9, 0, 2)), d.rng.integers(-9, 9, 2))
    return lifts(each), lift(d.b, d.value(d.one(vector, saturated(0.25, 8)), 2), bits, "y")


def of_activations(d: Draw) -> object:
    largest = float(np.abs(d.real(-14, 12))) * d.one(1.0, 1.0, 0.0)
    bound = d.one(np.inf, 1.0, largest * 2.0, largest * 4.0, largest * 5.0, 2.0)
    bits = d.one(8, 12, 13, 14, 16)
    return activation_format(bits, largest, bound, power_of_two=d.one(True, False))


def of_inputs(d: Draw) -> object:
    low, high = np.sort(d.real(-6, 6, 2, 3), axis=0)
    columns = np.abs(d.real(-6, 3, 3)) * d.rng.choice([0.0, 1.0, 1.0], 3)
    bits, balanced = d.one(8, 12, 16), d.one(0.0, float(np.abs(d.real(-12, -2))))
    found = calibrated_format(low, high, columns, balanced, bits, d.one(True, False, False))
    drawn = drawn_format(columns, d.one(True, False), bits)
    return found, drawn, power_of_two_format(found, 3), samples_format(float(high.max()) * 2.0**9)


def of_units(d: Draw) -> object:
    middle, half = d.real(-3, 1, 4), np.abs(d.real(-5, 0, 4))
    without = half * d.one(1.0, 0.75, 0.9)
    seen = Seen(middle - half, middle + half, middle - without, middle + without)
    uniform = activation_format(8, float(np.abs(middle).max() + half.max()))
    return by_unit(seen, d.one(1.0, np.inf, 4.0), uniform)


def of_scales(d: Draw) -> object:
    steps, exponent = np.abs(d.real(-12, 2, 5)), d.whole(4, 20)
    return multipliers(steps, exponent), power_of_two_scales(steps), fraction_bits(steps[0])


def of_formats(d: Draw) -> object:
    fmt, other = d.format(), target(d)
    ends = fmt.low, fmt.high
    facts = (fmt.magnitude, fmt.stored_as, fmt.describe(), other.describe(), other.coarsest)
    several = other.take([1, 0, 0]), other.finer(3), fmt.finer(-2), other.is_uniform
    real = d.real(-8, 8, 3, 2)
    stored = other.stored(real), other.real(d.rng.integers(-100, 100, (3, 2)))
    near = [fixed(k, -9, 9, "int32").describe() for k in range(-3, 6)]
    return (
        facts,
        near,
        several,
        stored,
        signed_bits(*ends),
        smallest_storage(*ends),
        fits(fmt, other),
    )


def chosen(d: Draw) -> object:
    """The third of four values where the first is above the second."""
    return arithmetic.select(d.b, [d.operand(2) for _ in range(4)], "y", "")


def in_float(d: Draw) -> object:
    """The bits of each curve: C has the same."""
    bits = d.rng.integers(0, 2**32, 60, np.uint32).view(np.float32)
    near = d.real(-8, 5, 60).astype(np.float32)
    x = np.concatenate([np.where(np.isfinite(bits), bits, np.float32(1.0)), near])
    with np.errstate(over="ignore"):
        return [zlib.crc32(curve(x).tobytes()) for curve in FLOAT_CURVES]


def lengthened(d: Draw) -> object:
    length = d.value(Format("int32", 1.0, 0, 40), 1)
    return over_time.within(d.b, [d.operand(2), d.operand(2), length], "y", "")


PARTS: Mapping[str, Callable[[Draw], object]] = {
    "shift_left": lambda d: shifts.shift_left(d.b, d.value(d.format()), d.whole(0, 12), "y"),
    "shift_right": lambda d: shifts.shift_right(
        d.b, d.value(d.format()), d.whole(0, 12), "y", d.one(True, False)
    ),
    "fraction_of": lambda d: shifts.fraction_of(d.value(d.format())),
    "with_fraction": lambda d: shifts.with_fraction(d.b, d.operand(), d.whole(4, 24), "y"),
    "narrow": lambda d: shifts.narrow(d.b, d.operand(), "y"),
    "saturate": lambda d: shifts.saturate(d.b, d.value(d.format()), d.whole(2, 32), "y"),
    "bound_at": lambda d: shifts.bound_at(d.b, d.constant(), d.whole(0, 31)),
    "weights that may be replaced": weights,
    "as_fixed": lambda d: rescale.as_fixed(d.b, d.value(d.format()), "y"),
    "convert": converted,
    "unpack_input": unpacked,
    "multiply": multiplied,
    "add_or_subtract": added,
    "compare": lambda d: arithmetic.compare(
        d.b, d.one("larger", "smaller", "above"), d.operand(), d.operand(), "y", ""
    ),
    "select": chosen,
    "within": lengthened,
    "total": lambda d: arithmetic.total(d.b, d.value(d.format()), "y", ""),
    "whole": lambda d: whole(d.b, d.one("floor", "nearest"), d.value(d.format()), "y", ""),
    "function": lambda d: lower_function(d.b, d.one(*CURVES), d.value(d.fixed(-30, 30)), "y", ""),
    "fine sigmoid": lambda d: lower_fine_sigmoid(d.b, d.value(d.fixed()), "y", ""),
    "exponential": lambda d: lower_exponential(
        d.b, d.value(d.fixed(-30, 30)), 2.0 ** d.whole(-3, 34), "y", ""
    ),
    "sqrt": lambda d: lower_sqrt(d.b, d.value(d.fixed()), "y", ""),
    "log": lambda d: lower_log(d.b, d.value(d.fixed()), "y", ""),
    "wave": lambda d: lower_wave(
        d.b, d.value(d.fixed()), d.one(0.0, np.pi / 2.0), 2.0 ** d.whole(-2, 20), "y", ""
    ),
    "curves in float32": in_float,
    "divide": divided,
    "softmax": softmax,
    "fine softmax": lambda d: lower_fine_softmax(
        d.b, d.value(d.fixed(-6, 24), d.one(1, 2, 5, 40)), "p_", "y"
    ),
    "layer_norm": lambda d: lower_layer_norm(
        d.b, d.value(d.fixed(0, 20), d.one(1, 2, 3, 40)), 10.0 ** -d.whole(1, 12), "y"
    ),
    "compared inputs": compared_inputs,
    "lookup": looked_up,
    "rows": rows,
    "rounded rows": rounded,
    "groups of operands": groups,
    "lifts": weighed,
    "formats": of_formats,
    "formats of activations": of_activations,
    "formats of inputs": of_inputs,
    "formats of units": of_units,
    "scales of rows": of_scales,
}
