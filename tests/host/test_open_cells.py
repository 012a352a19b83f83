"""Steps that are known by their equations alone: the C computes what numpy does, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.ir.program import Program
from lstm_edge.passes.options import Options
from lstm_edge.targets import load_target
from tests.support.boards import combined
from tests.support.exactness import (
    UNROLLS,
    assert_bit_exact,
    float_program,
    stored_streams,
    with_saturated_state,
)
from tests.support.models import random_inputs
from tests.support.open_cells import OPEN_CELLS, open_model
from tests.support.programs import quantized
from tests.support.random_steps import random_step

HOST = load_target("host")
CORES = ("host", "cortex-m55", "cortex-m4", "cortex-m3", "cortex-m0")
"""Plain C, vectors of units, and the other dialects; all of it runs on this computer."""
WIDTHS = ((12, 8), (16, 16), (8, 8), (12, 4))
FOUND = (202, 254, 443, 568, 627)
"""Seeds that did not build, or were not proved, once."""
OPTIMIZATIONS = ("-O0", "-O1", "-O2", "-O3")


@pytest.fixture(autouse=True)
def _compiler(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


def in_integers(name: str, activations: int, weights: int) -> Program:
    model = open_model(name)
    options = Options(activations, weights=weights)
    return quantized(model, random_inputs(model, 8, 16, seed=1), options)


@pytest.mark.parametrize("name", OPEN_CELLS)
def test_a_cell_in_float(name: str, tmp_path: Path) -> None:
    program = float_program(open_model(name))
    assert_bit_exact(program, HOST, "gates", tmp_path, stored_streams(program, 120))


@pytest.mark.parametrize(("name", "core"), combined(OPEN_CELLS, CORES, of=2))
def test_a_cell_in_integers(name: str, core: str, tmp_path: Path) -> None:
    """Inputs of any kind, states at the ends of their formats."""
    widths = WIDTHS[(CORES.index(core) + list(OPEN_CELLS).index(name)) % len(WIDTHS)]
    program = with_saturated_state(in_integers(name, *widths))
    options = {"rendered_for": load_target(core), "optimize": "-O1"}
    assert_bit_exact(program, HOST, "gates", tmp_path, stored_streams(program, 120), **options)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("optimize", OPTIMIZATIONS)
def test_all_curves_with_each_compiler(
    compiler: str, optimize: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler)
    for program in (in_integers("curves", 16, 8), float_program(open_model("curves"))):
        folder = tmp_path / program.scheme
        inputs = stored_streams(program, 60)
        options = {"compiler": compiler, "optimize": optimize}
        assert_bit_exact(program, HOST, "gates", folder, inputs, **options)


@pytest.mark.parametrize(
    "seed", [*range(15), *(pytest.param(k, marks=pytest.mark.long) for k in range(15, 60)), *FOUND]
)
def test_a_random_step(seed: int, tmp_path: Path) -> None:
    model = random_step(seed)
    core, unroll = CORES[seed % len(CORES)], UNROLLS[seed % len(UNROLLS)]
    options = Options((8, 12, 16)[seed % 3], (16, 32)[seed % 2], (4, 8, 16)[seed // 2 % 3])
    program = quantized(model, random_inputs(model, 8, 10, seed=1), options)
    program = with_saturated_state(program) if seed % 2 else program
    built = {"rendered_for": load_target(core), "optimize": "-O1"}
    assert_bit_exact(program, HOST, unroll, tmp_path / "i", stored_streams(program, 60), **built)
    if seed % 4 == 0:
        program = float_program(model)
        assert_bit_exact(program, HOST, unroll, tmp_path / "f", stored_streams(program, 60))
