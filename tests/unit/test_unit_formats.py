"""Vectors of 8 bits with a scale and a zero point for each unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lstm_edge.formats import Format, fixed, saturated
from lstm_edge.interpret.ports import dequantize_state, quantize_state
from lstm_edge.ir.model import Layer, is_a
from lstm_edge.ir.program import Program
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.rescale import rescale_by_unit
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from lstm_edge.passes.unit_formats import LEAST_SHARE, Seen, by_unit
from lstm_edge.rounding import Doubles
from tests.support.models import random_inputs
from tests.support.off_zero import off_zero
from tests.support.programs import quantized, real_outputs, sqnr_db

LEAST_DECIBELS = {
    ("plain", "forward"): 53.5,
    ("plain", "both"): 46.5,
    ("gru", "forward"): 50.5,
    ("gru", "both"): 53.0,
    ("gru_reset_after", "forward"): 52.0,
    ("gru_reset_after", "both"): 53.0,
}
"""1.5 to 2 dB below what each gives, and above what it gives with one scale for all units."""
UNIFORM = saturated(1.0 / 127.0, 8)
LOW, HIGH = np.array([0.5, -0.9, -0.1]), np.array([0.9, -0.7, 0.1])


def seen(low: Doubles = LOW, high: Doubles = HIGH, beyond: float = 0.0) -> Seen:
    """Ranges of which held-back data took `beyond` at either end."""
    return Seen(low, high, low + beyond, high - beyond)


def ends(fmt: Format, length: int) -> tuple[Doubles, Doubles]:
    low, high = fmt.real(np.full(length, fmt.low)), fmt.real(np.full(length, fmt.high))
    return low, high


def test_units_off_zero_have_finer_scales_that_hold_their_ranges() -> None:
    found = by_unit(seen(), 2.0, UNIFORM)
    assert found is not None
    low, high = ends(found, 3)
    scales = found.scales(3)
    assert np.all(low <= LOW - 0.2 * (HIGH - LOW) + scales)
    assert np.all(high >= HIGH + 0.2 * (HIGH - LOW) - scales)
    assert scales.max() < UNIFORM.unit / 2
    assert scales.max() <= scales.min() / LEAST_SHARE * 1.01


def test_held_back_data_that_leave_the_rest_widen_all_units() -> None:
    close, wide = by_unit(seen(), 2.0, UNIFORM), by_unit(seen(beyond=0.02), 2.0, UNIFORM)
    assert close is not None
    assert wide is not None
    assert np.all(wide.scales(3) > 1.2 * close.scales(3))


@pytest.mark.parametrize(
    "given",
    [
        seen(np.full(3, -1.0), np.full(3, 1.0)),
        seen(beyond=0.2),
        seen(np.full(3, 0.99), np.full(3, 0.9901)),
    ],
    ids=["all alike", "held-back data elsewhere", "hardly moving"],
)
def test_one_scale_is_kept_where_more_pay_little_or_risk_much(given: Seen) -> None:
    assert by_unit(given, 1.0, UNIFORM) is None


def test_rescaling_is_to_nearest_and_saturates() -> None:
    found = by_unit(seen(), 1.0, UNIFORM)
    assert found is not None
    b = Builder()
    x = b.value("x", 3, fixed(30, -(2**30), 2**30, "int32"))
    made = rescale_by_unit(b, x, found, "y")
    b.close_block("layer", 0)
    numbers = np.linspace(-(2**30), 2**30, 999).astype(np.int64)[:, None].repeat(3, axis=1)
    values = {"x": numbers, **{name: array[None] for name, array in b.constants.items()}}
    for op in b.blocks[0].ops:
        left, right = values[op.args[0]], values[op.args[-1]]
        values[op.dest] = {
            "mulw": lambda left=left, right=right: (left * right) >> 16,
            "add": lambda left=left, right=right: left + right,
            "shift": lambda left=left, op=op: left >> op.n,
            "saturate": lambda left=left: np.clip(left, -128, 127),
        }[op.kind]()
    exact = np.clip(numbers / 2.0**30 / found.scales(3) + found.zero_points(3), -128, 127)
    assert made.format.zero_point == found.zero_point
    assert np.abs(values[made.name] - exact).max() <= 0.501


def states_of(program: Program) -> list[Format]:
    return [program.values[s.name].format for s in program.states]


@pytest.mark.parametrize("cell", ["plain", "gru", "gru_reset_after"])
@pytest.mark.parametrize("direction", ["forward", "both"])
def test_states_off_zero_gain_by_units_of_their_own(cell: str, direction: str) -> None:
    model = off_zero(cell, direction)
    given = random_inputs(model, 24, 20, seed=1)
    program = quantized(model, given, Options(8))
    prove(program)
    assert sum(not fmt.is_uniform for fmt in states_of(program)) == 2
    fixed_scales = quantized(model, given, Options(8, power_of_two=True))
    assert all(fmt.is_uniform for fmt in states_of(fixed_scales))
    unseen = random_inputs(model, 16, 20, seed=2)
    real, ours = (real_outputs(p, unseen)["y"] for p in (lower_real(model), program))
    assert sqnr_db(real, ours) > LEAST_DECIBELS[cell, direction]


def test_nothing_has_units_without_data_or_with_more_bits() -> None:
    model = off_zero("plain", "forward")
    given = random_inputs(model, 24, 20, seed=1)
    for program in (
        quantized(model, given, Options(8), from_data=False),
        quantized(model, given, Options()),
    ):
        assert all(fmt.is_uniform for fmt in states_of(program))


@pytest.mark.parametrize("factor", [1 / 30, 1.0, 30.0])
@pytest.mark.parametrize("gates", ["W_", "W_f"])
def test_rows_of_an_lstm_have_one_accumulator(gates: str, factor: float) -> None:
    """However much larger the weights of x are than those of h, in all gates; in one of them up to
    some times.
    """
    model = off_zero("plain", "forward")
    layer, *rest = model.nodes
    assert is_a(layer, Layer)
    by = np.float32(factor if gates == "W_" else np.clip(factor, 0.2, 5.0))
    params = {n: a * by if n.startswith(gates) else a for n, a in layer.op.params.items()}
    model = replace(model, nodes=(replace(layer, op=replace(layer.op, params=params)), *rest))
    program = quantized(model, random_inputs(model, 24, 20, seed=1), Options(8))
    sums = [op.dest for op in program.products if op.dest.startswith(f"{layer.name}.")]
    assert len(sums) == 4


def test_states_are_set_and_read_in_the_units_that_they_have() -> None:
    """And begin at real 0, which no unit of these stores as 0."""
    model = off_zero("plain", "forward")
    program = quantized(model, random_inputs(model, 24, 20, seed=1), Options(8))
    state = next(s for s in program.states if not program.values[s.name].format.is_uniform)
    fmt = program.values[state.name].format
    points = fmt.zero_points(program.values[state.name].length)
    zero = np.zeros((2, len(points)), np.float32)
    assert np.array_equal(state.initial, np.clip(points, fmt.low, fmt.high))
    assert np.array_equal(quantize_state(program, state.name, zero)[0], state.initial)
    numbers = np.tile(np.arange(fmt.low, fmt.high + 1)[:, None], len(points))
    real = dequantize_state(program, state.name, numbers)
    assert np.array_equal(quantize_state(program, state.name, real), numbers)
