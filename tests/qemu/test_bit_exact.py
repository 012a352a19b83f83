"""Every core computes what numpy computes, bit for bit, under QEMU."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.interpret.feed import Feed, run_numpy
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.targets import Target, load_target
from tests.support.boards import BOARDS, SAME_C, each_pair
from tests.support.choices import ALL_CELLS, FUNCTION_HEADS, HEADS, PLAIN, over_time
from tests.support.exactness import (
    UNROLLS,
    assert_bit_exact,
    assert_same_bits,
    compiled_outputs,
    every,
    float_program,
    integer_program,
    random_steps,
    rendered,
    steps_of,
    stored_streams,
    with_saturated_state,
)
from tests.support.models import random_model
from tests.support.programs import BITS

every_board = pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)


def cases() -> list[pytest.ParameterSet]:
    """(seed, target, unroll, activations, cell state): all of them."""
    axes = (enumerate(BOARDS), enumerate(UNROLLS), enumerate(BITS))
    return [
        pytest.param(seed, target, unroll, *bits, marks=each_pair(i, j, k))
        for seed, ((i, target), (j, unroll), (k, bits)) in enumerate(product(*axes))
    ]


def named(case: object) -> str | None:
    return case.name if isinstance(case, Target) else None


def small_model(seed: int, **choices: object) -> Model:
    """A model of a few units, so that straight-line code compiles in a second: all cells and heads
    come by as the seed goes on.
    """
    rng = np.random.default_rng([seed, 8])
    drawn = {
        "hidden": tuple(int(n) for n in rng.integers(1, 6, 1 + seed % 2)),
        "features": int(rng.integers(1, 6)),
        "cell": list(ALL_CELLS)[(seed + seed // 6) % len(ALL_CELLS)],
        "head": (*HEADS, *FUNCTION_HEADS)[seed % (len(HEADS) + len(FUNCTION_HEADS))],
        "classes": int(rng.integers(1, 5)),
        "weights": "normal" if seed % 3 else "huge",
    }
    return random_model(seed, **{**drawn, **choices})


@pytest.mark.parametrize(("core", "other"), SAME_C.items())
def test_boards_that_meet_fewer_cases_run_the_c_of_another(core: str, other: str) -> None:
    for seed, unroll in product((1, 2, 709), UNROLLS):
        model = small_model(seed)
        for program in (integer_program(model), float_program(model)):
            mine, theirs = (
                {path: text.replace(name, "core") for path, text in files.items()}
                for name in (core, other)
                for files in [rendered(program, load_target(name), unroll).files]
            )
            assert mine == theirs


@every_board
@pytest.mark.parametrize("unroll", ["none", "gates"])
def test_models_that_look_over_several_steps(
    unroll: str, target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """Convolutions, pooling, lengths given at run time, reductions over time."""
    target_or_skip(target)
    first = BOARDS.index(target) + 5 * len(unroll)
    for seed in range(700 + first, 708 + first, 2):
        model = random_model(seed, **over_time(seed))
        is_float = target.name == "cortex-m4" and seed % 4 == 0
        program = float_program(model) if is_float else integer_program(model)
        assert_bit_exact(
            program, target, unroll, tmp_path / str(seed), stored_streams(program, 60, seed)
        )


@pytest.mark.parametrize(
    ("seed", "target", "unroll", "activations", "cell_state"), cases(), ids=named
)
def test_an_integer_model(
    seed: int,
    target: Target,
    unroll: str,
    activations: int,
    cell_state: int,
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
) -> None:
    """Thousands of steps: random numbers, both ends of the inputs' range, a saturated state."""
    target_or_skip(target)
    program = integer_program(small_model(seed), activations, cell_state)
    if seed % 2:
        program = with_saturated_state(program, seed)
    inputs = stored_streams(program, 400, seed)
    assert steps_of(inputs) >= 3000
    assert_bit_exact(program, target, unroll, tmp_path, inputs)


@every_board
@pytest.mark.parametrize("unroll", UNROLLS)
def test_a_float_model(
    unroll: str, target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    seed = UNROLLS.index(unroll) * len(BOARDS) + BOARDS.index(target)
    program = float_program(small_model(500 + seed))
    inputs = stored_streams(program, 200, seed)
    assert_bit_exact(program, target, unroll, tmp_path, inputs)


@every_board
@pytest.mark.parametrize("norm", ["layer_norm", "scale"])
def test_normalizations_before_between_and_after_layers(
    norm: str, target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    model = small_model(
        700 + BOARDS.index(target), norm=norm, hidden=(4, 3), features=3, cell="gru", head=(norm,)
    )
    programs = {"int8": integer_program(model), "float": float_program(model)}
    for scheme, program in programs.items():
        inputs = stored_streams(program, 200)
        assert_bit_exact(program, target, "gates", tmp_path / scheme, inputs)


def long_run() -> tuple[Program, dict[str, np.ndarray]]:
    """A stack of two layers and 10,000 random steps."""
    model = random_model(600, **PLAIN, hidden=(5, 4), features=3, head=("dense",))
    program = integer_program(model)
    return program, random_steps(program, 1, 10_000)


@pytest.fixture(scope="module")
def ten_thousand() -> tuple[Program, dict[str, np.ndarray], dict[str, np.ndarray]]:
    program, inputs = long_run()
    return program, inputs, every(run_numpy(program, Feed(inputs)))


@pytest.mark.all_cases
@every_board
def test_ten_thousand_steps_without_a_reset(
    target: Target,
    ten_thousand: tuple[Program, dict[str, np.ndarray], dict[str, np.ndarray]],
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
) -> None:
    target_or_skip(target)
    program, inputs, expected = ten_thousand
    found = compiled_outputs(program, target, "gates", tmp_path, inputs)
    assert found["y"].shape[2] == 10_000
    assert_same_bits(expected, found)


@every_board
@pytest.mark.parametrize("columns", [(3, 5), (1, 34), (8, 49)], ids=str)
def test_columns_of_tiles(
    columns: tuple[int, int],
    target: Target,
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
) -> None:
    """Odd numbers of columns, and so many that they are walked in blocks."""
    target_or_skip(target)
    features, hidden = columns
    model = random_model(700, **PLAIN, features=features, hidden=(hidden,), head=())
    program = integer_program(model)
    parts = ("mve", "dsp", "armv7m", "armv6m")
    part = next((p for p in parts if p in target.features), None)
    tiles = rendered(program, target, "gates").selection.tiles.values()
    assert {each.kernel.name for each in tiles if each.kernel} == {
        f"{part}/int8" if part else "portable/rows"
    }
    inputs = stored_streams(program, 150)
    for unroll in ("none", "gates"):
        assert_bit_exact(program, target, unroll, tmp_path / unroll, inputs)


@pytest.mark.parametrize("optimize", ["-O0", "-Os", "-O3"])
@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_the_optimization_does_not_matter(
    name: str, optimize: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target(name)
    target_or_skip(target)
    model = small_model(
        800,
        hidden=(4,),
        cell="plain",
        direction="forward",
        read="steps",
        head=("dense", "softmax"),
        weights="normal",
    )
    for scheme, program in (("int8", integer_program(model)), ("float", float_program(model))):
        inputs = stored_streams(program, 100)
        folder = tmp_path / scheme
        assert_bit_exact(program, target, "gates", folder, inputs, optimize=optimize)


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"])
def test_float_code_protects_itself_against_fused_multiply_adds(
    name: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """A user's own build need not pass -ffp-contract=off; gcc fuses unless told not to."""
    target = load_target(name)
    target_or_skip(target)
    program = float_program(
        small_model(810, hidden=(5,), cell="plain", read="steps", weights="normal")
    )
    inputs = stored_streams(program, 150)
    options = {"extra_flags": ("-ffp-contract=fast",), "optimize": "-O2"}
    assert_bit_exact(program, target, "gates", tmp_path, inputs, **options)
