"""The generated C computes on this computer what numpy computes, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.interpret.feed import Feed, run_numpy
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op
from lstm_edge.targets import load_target
from lstm_edge.toolchain import gcc
from tests.support.boards import combined, each_pair
from tests.support.choices import (
    ALL_CELLS,
    CELLS,
    DIRECTIONS,
    FUNCTION_HEADS,
    HEADS,
    NORM_HEADS,
    over_time,
)
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
    sanitized,
    steps_of,
    stored_streams,
    with_saturated_state,
)
from tests.support.models import random_model
from tests.support.programs import BITS, Array

HOST = load_target("host")
DSP = load_target("cortex-m4")
CORES = {
    "portable": HOST,
    "dsp": DSP,
    "armv7m": load_target("cortex-m3"),
    "armv6m": load_target("cortex-m0"),
}
"""By the part of kernels and operations that C for them has; all of it runs on this computer."""
USUAL, PLAIN_CODE = "-O2", "-O0"
"""For many steps; where addresses are the point, and for sanitizers, which then see each access as
it is written. Random models are built with QUICK, samples with each optimization.
"""


@pytest.fixture(autouse=True)
def _compiler(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


def grid() -> list[pytest.ParameterSet]:
    """(seed, unroll, part, activations, cell state): every combination."""
    axes = (enumerate(UNROLLS), enumerate(CORES), enumerate(BITS))
    return [
        pytest.param(seed, unroll, part, *bits, marks=each_pair(i, j, k))
        for seed, ((i, unroll), (j, part), (k, bits)) in enumerate(product(*axes))
    ]


@pytest.mark.parametrize(("seed", "unroll", "part", "activations", "cell_state"), grid())
def test_a_random_integer_model(
    seed: int, unroll: str, part: str, activations: int, cell_state: int, tmp_path: Path
) -> None:
    program = integer_program(random_model(seed), activations, cell_state)
    inputs = stored_streams(program, 300, seed)
    assert steps_of(inputs) >= 2000
    options = {"rendered_for": CORES[part]}
    assert_bit_exact(program, HOST, unroll, tmp_path, inputs, **options)


@pytest.mark.parametrize(("seed", "unroll"), combined(range(100, 108), UNROLLS))
def test_a_random_float_model(seed: int, unroll: str, tmp_path: Path) -> None:
    program = float_program(random_model(seed))
    inputs = stored_streams(program, 150, seed)
    assert_bit_exact(program, HOST, unroll, tmp_path, inputs)


@pytest.mark.parametrize(
    ("read", "head"),
    combined(("steps", "last", "flat"), (*HEADS, *FUNCTION_HEADS, *NORM_HEADS)),
    ids=lambda value: value if isinstance(value, str) else "_".join(value) or "none",
)
def test_a_head_of_each_kind(read: str, head: tuple[str, ...], tmp_path: Path) -> None:
    choices = {"steps": 3} if read == "flat" else {}
    model = random_model(200, read=read, head=head, hidden=(3,), classes=4, **choices)
    programs = {"int8": integer_program(model), "float": float_program(model)}
    for scheme, program in programs.items():
        inputs = stored_streams(program, 120)
        assert_bit_exact(program, HOST, "gates", tmp_path / scheme, inputs)


@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=each_pair(n, n // 8, of=2)) for n in range(32)]
)
def test_a_model_that_looks_over_several_steps(seed: int, tmp_path: Path) -> None:
    """Convolutions, pooling, lengths given at run time, reductions over time."""
    model = random_model(seed, **over_time(seed))
    programs = {
        "int8": integer_program(model, (8, 12, 16)[seed % 3], (16, 32)[seed % 2]),
        "float": float_program(model),
    }
    for scheme, program in programs.items():
        inputs = stored_streams(program, 120, seed)
        options = {"rendered_for": list(CORES.values())[seed // 2 % 4]}
        unroll = UNROLLS[seed % 3]
        assert_bit_exact(program, HOST, unroll, tmp_path / scheme, inputs, **options)


@pytest.mark.parametrize(("cell", "direction"), combined(ALL_CELLS, DIRECTIONS))
def test_a_cell_of_each_kind(cell: str, direction: str, tmp_path: Path) -> None:
    model = random_model(210, cell=cell, direction=direction, hidden=(3, 4), weights="normal")
    programs = {"int8": integer_program(model), "float": float_program(model)}
    for scheme, program in programs.items():
        inputs = stored_streams(program, 120)
        assert_bit_exact(program, HOST, "gates", tmp_path / scheme, inputs)


@pytest.mark.parametrize(("cell", "bits"), combined(CELLS, BITS))
def test_states_and_inputs_at_the_ends_of_their_range(
    cell: str, bits: tuple[int, int], tmp_path: Path
) -> None:
    model = random_model(
        300, cell=cell, direction="forward", hidden=(5, 4), weights="huge", read="last", head=()
    )
    program = with_saturated_state(integer_program(model, *bits))
    inputs = stored_streams(program, 300)
    grows = "coupled" not in cell
    assert clipped(program, inputs) > 0 or not grows
    assert_bit_exact(program, HOST, "gates", tmp_path, inputs, rendered_for=DSP)


def with_params(model: Model, change: Callable[[str, Array], Array]) -> Model:
    """The model with other weights and biases in its first layer."""
    layer = model.layers[0]
    params = {name: change(name, array) for name, array in layer.op.params.items()}
    return replace(
        model, nodes=(replace(layer, op=replace(layer.op, params=params)), *model.nodes[1:])
    )


@pytest.mark.parametrize(
    ("cell", "direction", "unroll"), combined(ALL_CELLS, ("forward", "both"), UNROLLS)
)
def test_parts_of_features_are_read_where_they_are(
    cell: str, direction: str, unroll: str, tmp_path: Path
) -> None:
    """Of the input, and of every layer's result, in both number systems and for all cores."""
    choices = {"cell": cell, "direction": direction, "read": "steps", "weights": "normal"}
    model = random_model(230, features=6, hidden=(5, 4), cut=("input", "hidden"), **choices)
    for name, program in (("int8", integer_program(model)), ("float", float_program(model))):
        inputs = stored_streams(program, 20)
        for part, target in CORES.items() if name == "int8" else [("portable", HOST)]:
            folder = tmp_path / name / part
            more = {"rendered_for": target, "optimize": PLAIN_CODE}
            assert_bit_exact(program, HOST, unroll, folder, inputs, **more)


def clipped(program: Program, inputs: dict[str, Array]) -> int:
    """How often a saturating operation changed its operand."""
    count = 0

    def observe(op: Op, args: tuple[Array, ...], result: Array) -> None:
        nonlocal count
        if op.kind == "saturate":
            count += int(np.sum(args[0] != result))

    run_numpy(program, Feed(inputs), observe)
    return count


def test_a_cell_state_that_its_inputs_drive_into_saturation_stays_exact(tmp_path: Path) -> None:
    """The forget gate is open and the candidate at its end: c grows at every step."""
    model = random_model(
        310,
        cell="plain",
        direction="forward",
        hidden=(4,),
        initial=False,
        read="steps",
        front=(),
        cut=(),
    )
    biases = {"b_f": 20.0, "b_i": 20.0, "b_g": 20.0}
    model = with_params(model, lambda name, a: np.full_like(a, biases.get(name, 1e-3)))
    for cell_state in (16, 32):
        program = integer_program(model, 12, cell_state)
        inputs = stored_streams(program, 1000 if cell_state == 16 else 2500)
        assert clipped(program, inputs) > 1000
        folder = tmp_path / str(cell_state)
        assert_bit_exact(program, HOST, "none", folder, inputs, optimize=USUAL)


@pytest.mark.parametrize(
    ("scheme", "part"), [*(("int8", part) for part in CORES), ("float32", "portable")]
)
def test_sizes_around_the_unrolled_blocks(part: str, scheme: str, tmp_path: Path) -> None:
    """1 unit, 1 feature, odd numbers, and columns on both sides of 16 and 32."""
    for features, hidden in ((1, (1,)), (33, (1, 1)), (17, (31,)), (1, (32, 33)), (47, (49,))):
        name = f"{features}_{'_'.join(map(str, hidden))}"
        model = random_model(
            320,
            features=features,
            hidden=hidden,
            cell="peephole",
            direction="forward",
            read="last",
            head=("dense",),
            weights="normal",
        )
        program = integer_program(model) if scheme == "int8" else float_program(model)
        inputs = stored_streams(program, 100)
        for unroll in ("none", "gates"):
            folder = tmp_path / f"{name}_{unroll}"
            options = {"rendered_for": CORES[part]}
            assert_bit_exact(program, HOST, unroll, folder, inputs, **options)


@pytest.mark.parametrize("part", [part for part in CORES if part != "portable"])
@pytest.mark.parametrize("hidden", [5, 34, 67])
def test_tiles_of_the_largest_weights(hidden: int, part: str, tmp_path: Path) -> None:
    """All recurrent weights of a gate at +-127, states at both ends: starts of digits wrap."""
    model = with_params(
        random_model(
            330, features=3, hidden=(hidden,), cell="plain", direction="forward", front=()
        ),
        lambda name, a: np.copysign({"W": 0.25, "R": 1.0}.get(name[0], a), a).astype(np.float32),
    )
    for activations in (12, 16):
        program = with_saturated_state(integer_program(model, activations))
        chosen = rendered(program, CORES[part], "gates").selection
        recurrent = next(t for t in chosen.tiles.values() if len(t.sets[0].operands) == 2)
        assert recurrent.kernel is not None
        assert recurrent.kernel.name == f"{part}/int8"
        folder = tmp_path / str(activations)
        inputs = stored_streams(program, 150)
        options = {"rendered_for": CORES[part], "optimize": USUAL}
        assert_bit_exact(program, HOST, "gates", folder, inputs, **options)


@cache
def samples() -> list[tuple[str, Program, str]]:
    """Programs that hold every operation between them, each with an unrolling."""
    deep = random_model(
        400,
        hidden=(5, 3),
        cell="peephole_coupled",
        direction="forward",
        front=("dense", "relu"),
        read="steps",
        head=("layer_norm", "dense", "log_softmax"),
        norm="scale",
        also=("hidden", "cell"),
        initial=True,
        weights="normal",
    )
    flat = random_model(
        401,
        hidden=(4,),
        cell="plain",
        direction="forward",
        read="flat",
        head=("softmax",),
        steps=3,
        front=("tanh",),
        norm="layer_norm",
        weights="normal",
    )
    both = random_model(
        402,
        hidden=(3, 2),
        cell="gru",
        direction="both",
        read="joined",
        steps=5,
        front=(),
        head=("dense", "elu"),
        also=("hidden",),
        weights="normal",
    )
    return [
        ("deep8", integer_program(deep, 8, 16), "none"),
        ("deep12", integer_program(deep, 12, 32), "gates"),
        ("flat16", integer_program(flat, 16, 16), "full"),
        ("both12", integer_program(both, 12, 32), "gates"),
        ("deepfloat", float_program(deep), "gates"),
        ("flatfloat", float_program(flat), "full"),
    ]


@pytest.mark.parametrize(
    ("compiler", "optimize", "sample"),
    combined(("gcc", "clang"), ("-O0", "-O2", "-Os", "-O3"), range(6), of=2),
)
def test_every_compiler_and_optimization_gives_the_same_bits(
    compiler: str, optimize: str, sample: int, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler)
    _, program, unroll = samples()[sample]
    inputs = stored_streams(program, 60)
    options = {"compiler": compiler, "optimize": optimize, "rendered_for": DSP}
    assert_bit_exact(program, HOST, unroll, tmp_path, inputs, **options)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_access_out_of_bounds_and_no_undefined_behaviour(
    compiler: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler)
    options = {"rendered_for": DSP, "optimize": PLAIN_CODE, **sanitized(compiler)}
    for name, program, unroll in samples():
        saturated = with_saturated_state(program)
        inputs = stored_streams(saturated, 60)
        assert_bit_exact(saturated, HOST, unroll, tmp_path / name, inputs, **options)


@pytest.mark.parametrize(("compiler", "more"), [("g++", ()), ("clang++", ("-Wno-deprecated",))])
def test_the_same_code_is_cpp(
    compiler: str,
    more: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tool_or_skip: Callable[..., None],
) -> None:
    """These compilers take a .c file as C++; clang++ says that it does."""
    tool_or_skip(compiler)
    warnings = tuple(w for w in gcc.WARNINGS if not w.startswith("-std="))
    monkeypatch.setattr(gcc, "WARNINGS", ("-std=c++11", *warnings, *more))
    for name, program, unroll in samples():
        inputs = stored_streams(program, 60)
        options = {"compiler": compiler, "rendered_for": DSP}
        assert_bit_exact(program, HOST, unroll, tmp_path / name, inputs, **options)


@pytest.mark.parametrize(
    ("compiler", "flags"), [("gcc", "-ffp-contract=fast"), ("clang", "-ffp-contract=on")]
)
def test_float_code_protects_itself_against_fused_multiply_adds(
    compiler: str, flags: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """A user's own build need not pass -ffp-contract=off: what a compiler does unasked is safe."""
    tool_or_skip(compiler)
    if " fma " not in cpu_features():
        pytest.skip("this computer has no fused multiply-add")
    program = float_program(
        random_model(410, hidden=(9,), cell="plain", read="steps", weights="normal")
    )
    inputs = stored_streams(program, 100)
    options = {"compiler": compiler, "optimize": "-O3", "extra_flags": ("-mfma", flags)}
    assert_bit_exact(program, HOST, "gates", tmp_path, inputs, **options)


def cpu_features() -> str:
    info = Path("/proc/cpuinfo")
    return info.read_text(encoding="utf-8") if info.is_file() else ""


@pytest.mark.all_cases
@pytest.mark.parametrize("part", CORES)
def test_ten_thousand_steps_without_a_reset(part: str, tmp_path: Path) -> None:
    program = integer_program(
        random_model(
            420,
            hidden=(6,),
            cell="plain",
            direction="forward",
            read="steps",
            head=("dense",),
            weights="normal",
        )
    )
    inputs = random_steps(program, 2, 10_000)
    expected = every(run_numpy(program, Feed(inputs)))
    options = {"rendered_for": CORES[part], "optimize": USUAL}
    found = compiled_outputs(program, HOST, "gates", tmp_path, inputs, **options)
    assert_same_bits(expected, found)
    assert found["y"].shape[2] == 10_000
