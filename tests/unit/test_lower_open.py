"""What steps may do beyond the cells that are known: refusals, formats, and sizes of states."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from lstm_edge import functions as f
from lstm_edge.errors import ModelError, QuantizationError
from lstm_edge.formats import Format, fixed
from lstm_edge.ir.expr import Cell, Expr, apply, input_vector, layer_norm, select, state, tanh
from lstm_edge.ir.model import Layer, Model
from lstm_edge.ir.program import Program, Value
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Call, Constants, Moment
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.rescale import rescale_by_unit
from lstm_edge.passes.lower_divide import Divisor, lower_divide
from lstm_edge.passes.lower_function import lower_fine_sigmoid, lower_function
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.lower_root import lower_log, lower_sqrt
from lstm_edge.passes.lower_softmax import lower_fine_softmax, lower_softmax
from lstm_edge.passes.lower_wave import lower_wave
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from tests.support.exactness import stored_streams
from tests.support.models import random_inputs, random_model
from tests.support.open_cells import FEATURES, Weights, step_model
from tests.support.programs import quantized, real_outputs

x = input_vector("x")


def model_of(e: Expr, units: int = FEATURES) -> Model:
    return step_model(Cell("step", {"y": e}, limited=True), {}, {"y": units}, {})


def in_integers(model: Model, activations: int = 16) -> Program:
    return quantized(model, random_inputs(model, 8, 16, seed=1), Options(activations))


@pytest.mark.parametrize("e", [1.0 / x, x / (x + 0.1), f.power(x, -3.0)])
def test_a_divisor_on_both_sides_of_0_is_refused(e: Expr) -> None:
    with pytest.raises(QuantizationError, match="stays on one side of 0"):
        in_integers(model_of(e))


@pytest.mark.parametrize("curve", ["log", "sqrt"])
def test_what_has_no_logarithm_or_root_is_refused(curve: str) -> None:
    with pytest.raises(QuantizationError, match=f"operand of {curve} went down to -"):
        in_integers(model_of(apply(curve, x)))


def test_what_nothing_needs_may_be_of_any_range() -> None:
    """The logarithm and the quotient of what nobody saw are left out, not refused."""
    cell = Cell("step", {"y": x * 0.5, "unread": apply("log", x) / x}, limited=True)
    program = in_integers(step_model(cell, {}, {"y": FEATURES}, {}))
    assert [op.kind for block in program.blocks for op in block.ops].count("log") == 0


def emitted(b: Builder, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All values of what was emitted."""
    b.close_block("all", 0)
    constants: Constants = {name: a.astype(np.int64) for name, a in b.constants.items()}
    values = {**constants, **given}
    for op in b.blocks[0].ops:
        record = OPERATIONS[op.kind]
        args = tuple(values[name] for name in op.args)
        call = Call(op, args, constants, Moment(0, True, -1, 1))
        assert record.integer is not None
        values[op.dest] = record.integer(*record.bind(call))
    return values


def drawn(value: Value) -> np.ndarray:
    """Numbers of all magnitudes within a format, its ends among them."""
    rng = np.random.default_rng(0)
    numbers = np.floor(rng.normal(size=4000) * 2.0 ** rng.integers(0, 31, 4000))
    low, high = value.format.low, value.format.high
    ends = [low, low + 1, -1, 0, 1, high - 1, high]
    return np.clip(np.concatenate([numbers, ends]), low, high).astype(np.int64)[:, None]


SHAPES = ((20, 30), (12, 27), (5, 15), (0, 31), (-3, 20), (24, 24))
"""Fractional bits and bits of operands."""


@pytest.mark.parametrize(("fraction", "bits"), SHAPES)
def test_a_root_of_any_number(fraction: int, bits: int) -> None:
    b = Builder()
    value = b.value("x", 1, fixed(fraction, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, "int32"))
    result = lower_sqrt(b, value, "y", "")
    numbers = drawn(value)
    found = emitted(b, {"x": numbers})["y"] * result.format.unit
    exact = np.sqrt(np.maximum(numbers, 0) * value.format.unit)
    assert (np.abs(found - exact) <= 1.3e-4 * exact + 2.0 * result.format.unit).all()
    assert (found[numbers <= 0] == 0).all()


@pytest.mark.parametrize(("fraction", "bits"), SHAPES)
def test_a_logarithm_of_any_number(fraction: int, bits: int) -> None:
    b = Builder()
    value = b.value("x", 1, fixed(fraction, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, "int32"))
    result = lower_log(b, value, "y", "")
    numbers = drawn(value)
    found = emitted(b, {"x": numbers})["y"] * result.format.unit
    exact = np.log(np.maximum(numbers, 1) * value.format.unit)
    assert np.abs(found - exact).max() <= 1.2e-4


CURVES = {
    "sigmoid": lambda v: 0.5 + np.tanh(v / 2.0) / 2.0,
    "tanh": np.tanh,
    "elu_tail": lambda v: np.exp(np.minimum(v, 0.0)) - 1.0,
    "softplus_tail": lambda v: np.log1p(np.exp(-np.abs(v))),
    "softsign": lambda v: v / (1.0 + np.abs(v)),
    "fine sigmoid": lambda v: 0.5 + np.tanh(v / 2.0) / 2.0,
}


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize(("fraction", "bits"), [*SHAPES, (-10, 22), (-24, 8), (-21, 11), (6, 16)])
def test_a_curve_of_any_number(curve: str, fraction: int, bits: int) -> None:
    """Of operands all of whose units lie beyond a table, too."""
    b = Builder()
    value = b.value("x", 1, fixed(fraction, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, "int32"))
    if curve == "fine sigmoid":
        result = lower_fine_sigmoid(b, value, "y", "")
    else:
        result = lower_function(b, curve, value, "y", "").value
    numbers = drawn(value)
    found = emitted(b, {"x": numbers})["y"]
    assert result.format.low <= found.min() <= found.max() <= result.format.high
    exact = CURVES[curve](numbers * value.format.unit)
    assert np.abs(found * result.format.unit - exact).max() <= 2.0**-11


COARSE = ((6, 16), (3, 16), (2, 14), (0, 30), (-3, 20), (-5, 8), (-7, 8), (-24, 8))


@pytest.mark.parametrize("kind", ["softmax", "log_softmax", "fine"])
@pytest.mark.parametrize(("fraction", "bits"), [(20, 30), (12, 27), (24, 24), *COARSE])
def test_a_softmax_of_any_numbers(kind: str, fraction: int, bits: int) -> None:
    """Also where all differences but 0 are beyond its table."""
    b = Builder()
    value = b.value("x", 3, fixed(fraction, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, "int32"))
    if kind == "fine":
        result = lower_fine_softmax(b, value, "s_", "y")
    else:
        result = lower_softmax(b, kind, value, "s_", "y")
    one = drawn(value)
    numbers = np.concatenate([one, one[::-1], np.roll(one, 5)], axis=1)
    found = emitted(b, {"x": numbers})["y"]
    assert result.format.low <= found.min() <= found.max() <= result.format.high
    below = (numbers - numbers.max(axis=1, keepdims=True)) * value.format.unit
    logarithm = below - np.log(np.exp(below).sum(axis=1, keepdims=True))
    exact = logarithm if kind == "log_softmax" else np.exp(logarithm)
    coarse = 2.0**-6 if (fraction, bits) in COARSE else 0.0
    unit = 1.6 * value.format.unit if kind == "log_softmax" else 0.0
    assert np.abs(found * result.format.unit - exact).max() <= 2.0**-10 + coarse + unit


@pytest.mark.parametrize("ahead", [0.0, np.pi / 2.0])
@pytest.mark.parametrize(
    ("fraction", "bits", "reach"), [(18, 25, 3.0), (15, 31, 400.0), (12, 28, 3e4), (20, 32, 900.0)]
)
def test_a_sine_of_any_number(fraction: int, bits: int, reach: float, ahead: float) -> None:
    """Beyond the reach it is some number within [-1, 1]."""
    b = Builder()
    value = b.value("x", 1, fixed(fraction, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, "int32"))
    result = lower_wave(b, value, ahead, reach, "y", "")
    numbers = drawn(value)
    found = emitted(b, {"x": numbers})["y"] * result.format.unit
    real = numbers * value.format.unit
    inside = np.abs(real) <= reach
    coarse = 2.0 ** -min(fraction, 18, 26 - int(np.ceil(np.log2(reach))))
    error = np.abs(found - np.sin(real + ahead))
    assert error[inside].max() <= 6e-5 + coarse
    assert np.abs(found).max() <= 1.0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("low", "high"), [(0.01, 3.0), (0.5, 0.6), (100.0, 3000.0)])
def test_a_quotient_of_any_numbers(sign: int, low: float, high: float) -> None:
    """To 14 bits or half a unit; a divisor nearer to 0 than low / 4, or beyond it, counts as
    that.
    """
    b = Builder()
    dividend = b.value("x", 1, fixed(18, -(2**24), 2**24, "int32"))
    divisor = b.value("d", 1, fixed(14, -(2**29), 2**29, "int32"))
    seen = Divisor(divisor, *sorted((sign * low, sign * high)))
    reach = 64.0 / low * 16.0
    result = lower_divide(b, dividend, seen, reach, "y", "")
    rng = np.random.default_rng(1)
    numbers, divisors = drawn(dividend), drawn(divisor)
    rng.shuffle(divisors)
    found = emitted(b, {"x": numbers, "d": divisors})["y"] * result.format.unit
    least = max(1, int(low / 4.0 * 2**14))
    size = np.maximum(sign * divisors, least)
    exact = sign * numbers * 2.0**-18 / (size * 2.0**-14)
    assert (np.abs(found - exact) <= 1.3e-4 * np.abs(exact) + 2.0 * result.format.unit).all()


def test_three_operand_groups_whose_sum_another_product_reads() -> None:
    """Operands of very different sizes have sums of their own."""
    w = Weights(np.random.default_rng(0))
    small, large = tanh(x) * 1e-3, x * 900.0
    inner = w.matrix("a", 6, (x, FEATURES), (small, FEATURES), (large, FEATURES))
    w.params["R_a2"] *= np.float32(30.0)
    w.params["R_a1"] *= np.float32(1e-4)
    outer = w.matrix("b", 3, (inner, 6))
    model = step_model(Cell("step", {"y": outer}), w.params, {"y": 3}, {})
    program = in_integers(model, 12)
    prove(program)
    assert sum(op.dest.startswith("cell.pre_a") for op in program.products) == 3
    assert set(program.stands_for.values()) >= {"cell.pre_a", "cell.y"}


def norm_of_a_product(corrected: bool) -> Model:
    """A norm of a product with a state that starts at 0; its product is shown, too, or not."""
    w = Weights(np.random.default_rng(0))
    h = state("h")
    product = w.matrix("a", 8, (h, 8), bias=False)
    results = {"h": tanh(layer_norm(product, 1e-5) + w.matrix("b", 8, (x, FEATURES)))}
    if corrected:
        results["y"] = product
    return step_model(
        Cell("step", results), w.params, {"y": 8} if corrected else {"h": 8}, {"h": 8}
    )


def test_a_product_that_only_a_norm_reads_adds_nothing_at_0() -> None:
    """Its bias, which would take back the mean error, is what rounding takes off."""
    biases = {}
    for corrected in (False, True):
        program = in_integers(norm_of_a_product(corrected), 12)
        product = next(op for op in program.products if "W_b" not in op.matrices[0])
        scale = program.values[product.dest].format.scales(8)
        biases[corrected] = np.abs(program.constants[product.bias] * scale).max()
    assert biases[False] < 1e-4 < biases[True]


def test_states_have_the_sizes_that_the_layer_says() -> None:
    results: dict[str, Expr] = {
        "s": state("s") * 0.5 + 1.0,
        "t": state("t") * 0.25 - 1.0,
        "y": x * 1.0,
    }
    results["y"] = x * f.mean(state("s"), 3) + f.mean(state("t"), 2)
    model = step_model(Cell("step", results), {}, {"y": FEATURES}, {"s": 3, "t": 2})
    for program in (lower_real(model), in_integers(model)):
        lengths = {s.name: program.values[s.name].length for s in program.states}
        assert lengths == {"cell.s": 3, "cell.t": 2}


def test_products_of_a_limited_cell_stay_near_what_was_seen() -> None:
    """Of others they have the range that their factors could give."""
    e = f.square(f.power_of(2.0, x)) * f.power_of(3.0, x)
    widths = {}
    for limited in (False, True):
        cell = Cell("step", {"y": e}, limited=limited)
        program = in_integers(step_model(cell, {}, {"y": FEATURES}, {}))
        fmt = program.values[program.outputs[0].value].format
        widths[limited] = fmt.magnitude * fmt.unit, fmt.unit
    assert widths[True][0] < widths[False][0]
    assert widths[True][1] < widths[False][1]


def test_an_input_beyond_all_that_was_seen_has_a_result() -> None:
    """The proof holds for each number that a format takes; so does the interpreter."""
    model = model_of(apply("sin", x) / (f.absolute(x) + 0.1) + f.root(f.absolute(x)))
    program = in_integers(model)
    prove(program)
    assert stored_streams(program, 20)["x"].max() == program.values["x"].format.high


def test_a_value_above_0_is_proved_in_formats_of_its_units() -> None:
    """The smallest product is that of the smallest multiplier."""
    b = Builder()
    value = b.value("x", 3, fixed(12, 5000, 9000, "int32"))
    scales, points = np.array([0.01, 0.02, 0.05]), np.array([-90, -60, -20])
    target = Format("int8", 1.0, -128, 127).with_meaning(scales, points)
    rescale_by_unit(b, value, target, "y")
    b.close_block("all", 0)
    ends = (np.full(3, 5000), np.full(3, 9000))
    bounds = {"x": ends} | {name: (a, a) for name, a in b.constants.items()}
    for op in b.blocks[0].ops:
        bounds_of = OPERATIONS[op.kind].bounds
        assert bounds_of is not None
        bounds[op.dest] = bounds_of(op, [bounds[name] for name in op.args], b.constants)
        declared = b.values[op.dest].format
        assert declared.low <= bounds[op.dest][0].min()
        assert bounds[op.dest][1].max() <= declared.high


@pytest.mark.parametrize("e", [select(x, 1e-5, x, 0.3), select(0.0 + x, 0.0, 300.0, x * 1e-3)])
def test_a_large_number_beside_tiny_ones_is_chosen_as_it_is(e: Expr) -> None:
    model = model_of(e)
    tiny = {"x": random_inputs(model, 8, 16, seed=1)["x"] * np.float32(1e-4)}
    program = quantized(model, tiny, Options(16))
    prove(program)
    real, ours = (real_outputs(p, tiny)["y"] for p in (lower_real(model), program))
    assert np.abs(real - ours).max() < 1e-4


def test_what_looks_back_needs_a_length_that_is_known() -> None:
    """The layer is named that does: no other, and no program is made."""
    model = random_model(3, direction="reverse", cell="gru", hidden=(2,), read="steps", steps=4)
    looking = next(n for n in model.nodes if isinstance(n.op, Layer) and n.op.reverse)
    with pytest.raises(ModelError, match=f"^{re.escape(looking.label)}.*needs the whole sequence"):
        lower_real(replace(model, steps=None))
