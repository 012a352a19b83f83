"""What is trained against is what is compiled: the same grids, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import lstm_edge
from lstm_edge.fake_quant import HIDDEN_STATE, fake_quant, fake_quant_activations
from lstm_edge.formats import fraction_bits
from lstm_edge.ir.model import Layer, Model
from lstm_edge.ir.program import Op, Program
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.choose_formats import FormatChoice, Options
from lstm_edge.rounding import WEIGHT_LIMITS
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BITS = tuple(WEIGHT_LIMITS)
CHOICES: dict[str, Any] = {"front": (), "hidden": (5, 4), "head": ("dense",), "rows": 0}


def rows(seed: int) -> Doubles:
    """Weights [12, 9] whose rows have different magnitudes."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=(12, 9)) * np.exp2(rng.uniform(-2.0, 2.0, (12, 1))))


def ops_of(program: Program) -> list[Op]:
    return [op for block in program.blocks for op in block.ops]


def reader(program: Program, name: str) -> Op:
    return next(op for op in ops_of(program) if name in op.args)


def stored_weights(program: Program, op: Op) -> tuple[Ints, Doubles, Doubles]:
    """Of a matvec: integers [rows, columns], scales of the rows, scales of the columns.

    The value of a row's unit is that of the multiplier behind it: see docs/numerics.md.
    """
    after = reader(program, op.dest)
    shift = -after.n if after.kind == "shift" else 0
    after = reader(program, after.dest) if shift else after
    fraction = fraction_bits(program.values[after.dest].format.scale)
    assert after.kind == "mulw"
    assert fraction is not None
    multiplier = program.constants[after.args[1]].astype(np.float64)
    of_input = {port.value: port.scale for port in program.inputs}
    scales = [of_input.get(v, np.full(1, program.values[v].format.scale)) for v in op.args]
    lengths = [program.values[v].length for v in op.args]
    columns = [np.broadcast_to(s, n) for s, n in zip(scales, lengths, strict=True)]
    integers = [program.constants[m].astype(np.int64) for m in op.matrices]
    units = multiplier * 2.0 ** (shift - fraction - 16)
    return np.concatenate(integers, axis=1), units, np.concatenate(columns)


def products(model: Model, program: Program) -> Iterator[tuple[Op, Doubles]]:
    """Each matvec of a program with the real weights that it was made from."""
    params = {
        f"{node.name}.{name}": array
        for node in model.nodes
        if isinstance(node, Layer)
        for name, array in node.params.items()
    }
    for op in ops_of(program):
        if op.kind == "matvec":
            yield op, np.concatenate([params[m] for m in op.matrices], axis=1).astype(np.float64)


def compiled(model: Model, activations: int = 12) -> Program:
    inputs = random_inputs(model, samples=4)
    return quantized(model, inputs, Options(activations), from_data=False)


@pytest.mark.parametrize("activations", [8, 12, 16])
@pytest.mark.parametrize("cell", ["plain", "gru", "gru_reset_after", "projected"])
def test_weights_are_those_of_the_compiled_program(cell: str, activations: int) -> None:
    model = random_model(3, cell=cell, **CHOICES)
    program = compiled(model, activations)
    found = list(products(model, program))
    assert len(found) >= 7
    for op, real in found:
        integers, units, columns = stored_weights(program, op)
        expected = integers * units[:, None] / columns
        assert np.array_equal(fake_quant(real, 8, columns=columns), expected), op.dest


def with_params(model: Model, new: dict[str, npt.NDArray[np.float32]]) -> Model:
    nodes = []
    for node in model.nodes:
        if isinstance(node, Layer):
            params = {name: new.get(f"{node.name}.{name}", a) for name, a in node.params.items()}
            node = replace(node, params=params)
        nodes.append(node)
    return replace(model, nodes=tuple(nodes))


def on_grid(model: Model, program: Program) -> Model:
    """A model whose weights are what a program's integers stand for, as float32."""
    new: dict[str, npt.NDArray[np.float32]] = {}
    for op, real in products(model, program):
        _, _, columns = stored_weights(program, op)
        rounded = fake_quant(real, 8, columns=columns).astype(np.float32)
        ends = np.cumsum([program.values[v].length for v in op.args])[:-1]
        new |= dict(zip(op.matrices, np.split(rounded, ends, axis=1), strict=True))
    return with_params(model, new)


@pytest.mark.parametrize("cell", ["plain", "gru", "rnn"])
def test_weights_on_the_grid_compile_to_the_integers_that_they_are(cell: str) -> None:
    model = random_model(3, cell=cell, **CHOICES)
    before = compiled(model)
    after = compiled(on_grid(model, before))
    inputs = {port.value for port in before.inputs}
    found = zip(ops_of(before), ops_of(after), strict=True)
    inner = [(a, b) for a, b in found if a.kind == "matvec" and not inputs & {*a.args}]
    assert inner
    for a, b in inner:
        integers, units, _ = stored_weights(before, a)
        again, its_units, _ = stored_weights(after, b)
        assert np.array_equal(again, integers), a.dest
        np.testing.assert_allclose(its_units, units, rtol=2.0**-13)


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("seed", range(5))
def test_fake_quant_is_its_own_result(seed: int, bits: int, power_of_two: bool) -> None:
    columns = np.random.default_rng(seed).uniform(1e-4, 1e-2, 9)
    options: dict[str, Any] = {"columns": columns, "gates": 4, "power_of_two": power_of_two}
    once = fake_quant(rows(seed), bits, **options)
    np.testing.assert_allclose(fake_quant(once, bits, **options), once, rtol=1e-15, atol=0.0)
    assert not np.array_equal(once, rows(seed))


@pytest.mark.parametrize("bits", [4, 8])
def test_float32_keeps_weights_on_their_grid(bits: int) -> None:
    columns = np.random.default_rng(1).uniform(1e-4, 1e-2, 9)
    once = fake_quant(rows(1).astype(np.float32), bits, columns=columns)
    assert once.dtype == np.float32
    again = fake_quant(once, bits, columns=columns)
    np.testing.assert_allclose(again, once, rtol=2.0**-23, atol=0.0)


@pytest.mark.parametrize("bits", BITS)
def test_a_row_has_so_many_levels_and_its_largest_weight_is_the_last(bits: int) -> None:
    limit = WEIGHT_LIMITS[bits]
    real = rows(2)
    unit = np.abs(real).max(axis=1, keepdims=True) / limit
    rounded = fake_quant(real, bits, power_of_two=True)
    assert np.abs(fake_quant(real, bits) - real).max() <= 0.51 * unit.max()
    coarse = np.exp2(np.ceil(np.log2(unit)))
    levels = rounded / coarse
    assert np.array_equal(levels, np.rint(levels))
    assert np.abs(levels).max() <= limit
    assert np.abs(levels).max(axis=1).min() >= limit // 2


def test_int4_errors_are_at_most_half_a_level() -> None:
    real = rows(3)
    unit = np.abs(real).max(axis=1, keepdims=True) / 7
    assert (np.abs(fake_quant(real, 4) - real) <= 0.5001 * unit).all()


def test_columns_share_the_range_of_a_row_by_what_they_are_multiplied_with() -> None:
    real = np.array([[1.0, 1000.0], [-0.5, 300.0]])
    alone = fake_quant(real, 4, columns=1.0)
    folded = fake_quant(real, 4, columns=[1.0, 0.001])
    assert not alone[:, 0].any()
    np.testing.assert_allclose(folded[0], real[0], rtol=1e-3)


def test_gates_count_their_scales_in_units_of_their_own() -> None:
    real = rows(5) * np.repeat([1.0, 2.0**-9], 6)[:, None]
    both = fake_quant(real, 8, columns=1.0, gates=2)
    each = [fake_quant(half, 8, columns=1.0) for half in np.split(real, 2)]
    assert np.array_equal(both, np.concatenate(each))
    assert not np.array_equal(both, fake_quant(real, 8, columns=1.0))


def test_clip_cuts_the_largest_weights_and_makes_the_others_finer() -> None:
    real = np.array([[0.1, 0.2, -0.3, 1.0]])
    cut = fake_quant(real, 4, clip=[0.4])
    assert cut[0, 3] == pytest.approx(0.4, rel=1e-3)
    assert np.abs(cut - real)[0, :3].max() < np.abs(fake_quant(real, 4) - real)[0, :3].max()


def test_rows_of_zeros_stay_zeros() -> None:
    real = rows(6)
    real[3] = 0.0
    for power_of_two in (False, True):
        assert not fake_quant(real, 4, power_of_two=power_of_two)[3].any()
    assert not fake_quant(np.zeros((2, 3)), 8).any()


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("largest", [0.02, 0.3, 1.0, 3.7])
@pytest.mark.parametrize("bound", [1.0, 2.0, np.inf])
def test_activations_are_those_of_the_compiler(bits: int, largest: float, bound: float) -> None:
    model = random_model(0)
    choice = FormatChoice(model, Ranges({}, {}, {}, True), Options(bits), frozenset())
    stored = choice.of_activation(largest, bound)
    values = np.linspace(-6.0, 6.0, 4001)
    counts = np.clip(np.floor(values / stored.scale + 0.5), stored.low, stored.high)
    found = fake_quant_activations(values, bits, largest=largest, bound=bound)
    assert np.array_equal(found, counts * stored.scale)
    again = fake_quant_activations(found, bits, largest=largest, bound=bound)
    assert np.array_equal(again, found)


def test_a_hidden_state_of_12_bits_counts_in_its_scale() -> None:
    found = fake_quant_activations(np.array([0.3, 1.0, -1.0], np.float32), 12, bound=1.0)
    assert found.dtype == np.float32
    assert (found / HIDDEN_STATE).tolist() == [614.0, 2048.0, -2048.0]


def test_the_package_offers_both() -> None:
    assert lstm_edge.fake_quant is fake_quant
    assert lstm_edge.fake_quant_activations is fake_quant_activations


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("bits: 5, expected one of 4, 8, 16", {"bits": 5}),
        ("gates: 5, expected a divisor of the 12 rows", {"gates": 5}),
        ("gates: 0, expected", {"gates": 0}),
        (r"columns: shape \(3,\), expected one number or \[9\]", {"columns": np.ones(3)}),
        ("columns: expected finite numbers above 0", {"columns": 0.0}),
        (r"clip: shape \(9,\), expected one number or \[12\]", {"clip": np.ones(9)}),
        ("clip: 1.5, expected at most 1", {"clip": 1.5}),
        (r"weights: shape \(3,\), expected \[rows, columns\]", {"weights": np.ones(3)}),
        ("weights: holds a number that is not finite", {"weights": np.array([[np.nan]])}),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(
    message: str, options: dict[str, Any]
) -> None:
    given: dict[str, Any] = {"weights": rows(0), "bits": 4, **options}
    with pytest.raises(ValueError, match=f"^{message}"):
        fake_quant(**given)


@pytest.mark.parametrize(
    ("message", "bits", "options"),
    [
        ("bits: 4, expected one of 8, 12, 16", 4, {"bound": 1.0}),
        ("largest: -1, expected a number above 0", 8, {"largest": -1.0}),
        ("bound: nan, expected a number above 0", 8, {"bound": np.nan}),
        ("largest, bound: neither is finite", 12, {}),
    ],
)
def test_ranges_that_do_not_fit_are_refused_by_name(
    message: str, bits: int, options: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        fake_quant_activations(np.ones(3), bits, **options)
