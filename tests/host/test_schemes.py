"""Every combination of scheme and widths gives the same bits in numpy and in C on this computer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options, Widths
from lstm_edge.passes.prove import prove
from lstm_edge.targets import load_target
from tests.support.exactness import (
    UNROLLS,
    assert_bit_exact,
    rendered,
    sanitized,
    stored_streams,
    with_saturated_state,
)
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized, real_outputs, sqnr_db
from tests.support.schemes import COMBINATIONS, described, mixed, program_of, sampled_model

HOST = load_target("host")
DSP = load_target("cortex-m4")
ONE_CELL = {"cell": "plain", "direction": "forward", "front": (), "head": ("dense",), "cut": ()}


@pytest.fixture(autouse=True)
def _compiler(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


@pytest.mark.parametrize(
    ("number", "options"), list(enumerate(COMBINATIONS)), ids=[described(o) for o in COMBINATIONS]
)
def test_a_combination_of_scheme_and_widths(number: int, options: Options, tmp_path: Path) -> None:
    """One width for all layers, without calibration data in every third; states start anywhere."""
    program = program_of(sampled_model(number), options, from_data=number % 3 > 0)
    program = with_saturated_state(program, number) if number % 2 else program
    inputs = stored_streams(program, 100, number)
    build = {"rendered_for": (HOST, DSP)[number // 2 % 2], "optimize": "-O0"}
    assert_bit_exact(program, HOST, UNROLLS[number % 3], tmp_path, inputs, **build)


@pytest.mark.parametrize("cell", ["plain", "gru", "gru_reset_after", "rnn"])
@pytest.mark.parametrize(
    "options",
    [Options(), Options(weights=4), Options(16), Options(8, power_of_two=True)],
    ids=["default", "int4", "16", "fixed"],
)
def test_matrices_of_twice_as_many_bits(cell: str, options: Options, tmp_path: Path) -> None:
    """All recurrent ones, then a single one: two products of one operand, 8 bits beside 4 in a loop
    of their own.
    """
    chosen = {**ONE_CELL, "cell": cell, "hidden": (7,), "steps": 9}
    model = random_model(3, **chosen)
    layer = next(n for n in model.layers if n.op.cell.states)
    recurrent = tuple(p for p in layer.op.cell.parameters if p.startswith("R"))
    for number, doubled in enumerate((recurrent, recurrent[:1])):
        widths = Widths(options.weights, options.activations, doubled)
        program = program_of(model, replace(options, layers={layer.name: widths}))
        made = [m for block in program.blocks for op in block.ops for m in op.matrices]
        low = [m for m in made if m.endswith("_low")]
        assert len(low) == len(doubled) * widths.in_parts
        assert {m.removesuffix("_low") for m in low} <= set(made)
        prove(program)
        inputs = stored_streams(program, 40, number)
        build = {"rendered_for": (HOST, DSP)[number], "optimize": "-O0"}
        folder = tmp_path / str(number)
        folder.mkdir()
        assert_bit_exact(program, HOST, UNROLLS[number], folder, inputs, **build)


THIRD = list(enumerate(COMBINATIONS))[1::3]


@pytest.mark.parametrize(("number", "options"), THIRD, ids=[described(o) for _, o in THIRD])
def test_layers_of_several_widths_under_sanitizers(
    number: int, options: Options, tmp_path: Path
) -> None:
    """Another model, every second layer in widths of its own; every third combination."""
    number += len(COMBINATIONS)
    model = sampled_model(number)
    program = with_saturated_state(program_of(model, mixed(model, options, number)), number)
    inputs = stored_streams(program, 60, number)
    build = {"optimize": "-O0", **sanitized("gcc")}
    assert_bit_exact(program, HOST, UNROLLS[(number + 1) % 3], tmp_path, inputs, **build)


@pytest.mark.parametrize("unroll", ["none", "gates"])
@pytest.mark.parametrize("columns", [(1, 1), (2, 3), (17, 31), (33, 64), (67, 34)], ids=str)
def test_int4_columns_in_pairs_and_blocks(
    columns: tuple[int, int], unroll: str, tmp_path: Path
) -> None:
    """One column, an odd one at the end, and both sides of 16 and 32 pairs."""
    features, units = columns
    model = random_model(940, **ONE_CELL, features=features, hidden=(units,), weights="normal")
    program = program_of(model, Options(weights=4))
    inputs = stored_streams(program, 60)
    for name, kernel in (("host", "portable"), ("cortex-m4", "dsp"), ("cortex-m0", "armv6m")):
        target, folder = load_target(name), tmp_path / name
        tiles = rendered(program, target, unroll).selection.tiles.values()
        assert {each.kernel.name for each in tiles if each.kernel} == {f"{kernel}/int4"}
        more = {"rendered_for": target, "optimize": "-O0"}
        assert_bit_exact(program, HOST, unroll, folder, inputs, **more)


@pytest.mark.parametrize("power_of_two", [False, True])
def test_sixteen_bits_of_everything_and_256_units_stay_within_int32(
    power_of_two: bool, tmp_path: Path
) -> None:
    """At either end of all formats at once; the weights give way, not the sums."""
    model = random_model(941, **ONE_CELL, features=8, hidden=(256,), weights="normal", steps=None)
    program = program_of(model, Options(16, 16, 16, power_of_two))
    program = with_saturated_state(program)
    inputs = stored_streams(program, 50)
    assert_bit_exact(program, HOST, "none", tmp_path, inputs, optimize="-O0")


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("sizes", [(1e12, 1.0, 1e-12), (1e18, 1e18, 1e18)], ids=str)
def test_features_of_very_different_sizes_that_no_matrix_reads(
    sizes: tuple[float, ...], power_of_two: bool, tmp_path: Path
) -> None:
    """One unit of the largest lies beyond the range of tanh: what counts is its sign."""
    choices = {**ONE_CELL, "front": ("tanh",), "read": "steps", "weights": "normal"}
    model = random_model(942, **choices, features=3, hidden=(3,))
    inputs = {"x": (random_inputs(model, 8)["x"] * np.array(sizes)).astype(np.float32)}
    program = quantized(model, inputs, Options(power_of_two=power_of_two))
    prove(program)
    assert_bit_exact(program, HOST, "gates", tmp_path, stored_streams(program, 60))
    real, ours = real_outputs(lower_real(model), inputs), real_outputs(program, inputs)
    assert sqnr_db(real["y"], ours["y"]) > 20.0 or min(sizes) < 1.0
