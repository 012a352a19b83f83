"""What the compiler estimates against what QEMU counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lstm_edge.emit.render import render
from lstm_edge.emit.testing import pack_input, render_harness
from lstm_edge.interpret.feed import Feed
from lstm_edge.interpret.ports import quantize
from lstm_edge.ir.program import Program
from lstm_edge.kernels import KERNELS
from lstm_edge.passes.costs import FEW, TOLERANCE, cost_of_step
from lstm_edge.passes.options import Options
from lstm_edge.passes.select import Selection, select
from lstm_edge.profile.counting import Executable, build_program, count_calls
from lstm_edge.targets import Target, load_target
from tests.support.choices import MEASURED
from tests.support.exactness import float_program
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized

STEPS = 4
PLAIN: dict[str, Any] = {
    **MEASURED,
    "norm": "",
    "layout": "batch_first",
    "steps": None,
    "rows": 0,
    "lengths": False,
}
DENSE = {"head": ("dense",), "classes": 10}
Case = tuple[str, dict[str, Any], Options]
FLOAT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cortex-m4", {"features": 16, "hidden": (32,), **DENSE}),
    ("cortex-m7", {"cell": "gru_reset_after", "features": 9, "hidden": (30,)}),
    ("cortex-m33", {"features": 20, "hidden": (40,)}),
    ("cortex-m55", {"features": 28, "hidden": (20,)}),
    ("cortex-m55", {"cell": "gru", "features": 16, "hidden": (32,), **DENSE}),
)
CASES: tuple[Case, ...] = (
    ("cortex-m4", {"features": 128, "hidden": (128,)}, Options()),
    ("cortex-m4", {"features": 3, "hidden": (5,), **DENSE}, Options()),
    ("cortex-m4", {"cell": "gru", "features": 28, "hidden": (20,)}, Options(weights=4)),
    ("cortex-m4", {"features": 12, "hidden": (16, 24), **DENSE}, Options(activations=8)),
    ("cortex-m4", {"rows": 9, "ids": 1, "hidden": (14,)}, Options(power_of_two=True)),
    ("cortex-m33", {"cell": "gru_reset_after", "features": 9, "hidden": (32,)}, Options()),
    ("cortex-m7", {"features": 20, "hidden": (28,), "head": ("dense", "softmax")}, Options()),
    ("cortex-m7", {"cell": "rnn", "features": 3, "hidden": (5,)}, Options(16, 32, 16)),
    ("cortex-m3", {"features": 40, "hidden": (64,), **DENSE}, Options()),
    ("cortex-m3", {"cell": "gru", "hidden": (11,), "front": ("conv",), "steps": 9}, Options()),
    ("cortex-m3", {"cell": "rnn", "hidden": (30,), "head": ("dense", "argmax")}, Options(8)),
    ("cortex-m0", {"features": 16, "hidden": (32,), **DENSE}, Options()),
    ("cortex-m0", {"cell": "gru", "features": 5, "hidden": (9,)}, Options(weights=4)),
    ("cortex-m0", {"cell": "rnn", "features": 20, "hidden": (70,)}, Options(power_of_two=True)),
)


def built(
    target: Target, program: Program, inputs: Mapping[str, Any], folder: Path, optimize: str
) -> Executable:
    """A program that runs a few steps of one sample."""
    code = folder / "c"
    code.mkdir()
    for name, text in render(program, target, "gates", ("for a test",), optimize).files.items():
        (code / name).write_text(text)
    (code / "main.c").write_text(render_harness(program, target))
    steps = program.steps or STEPS
    stored = {
        port.name: quantize(program, port, inputs[port.name][:1, :steps]) for port in program.inputs
    }
    sources = [code / f"{program.name}.c", code / f"{program.name}_weights.c", code / "main.c"]
    made = folder / "built"
    made.mkdir()
    (made / "input.bin").write_bytes(pack_input(program, Feed.of_samples(stored)))
    return build_program(target, sources, [code], made)


def made(choices: dict[str, Any], options: Options) -> tuple[Program, Mapping[str, Any]]:
    model = random_model(3, **{**PLAIN, **choices})
    inputs = random_inputs(model, 8)
    return quantized(model, inputs, options), inputs


def tile_costs(selection: Selection, kernel: str) -> set[int]:
    form = selection.forms[kernel]
    return {
        KERNELS[kernel].instructions(run.length, form)
        for tiles in selection.tiles.values()
        if tiles.kernel is KERNELS[kernel]
        for runs in tiles.runs
        for run in runs
    }


@pytest.mark.parametrize(("target", "choices", "options"), CASES)
def test_an_estimate_is_near_what_is_counted_and_tiles_are_exact(
    target: str,
    choices: dict[str, Any],
    options: Options,
    tmp_path: Path,
    tool_or_skip: Callable[..., None],
) -> None:
    tool_or_skip("arm-none-eabi-gcc", "qemu-system-arm", "cc")
    program, inputs = made(choices, options)
    assert_near(load_target(target), program, inputs, tmp_path)


@pytest.mark.parametrize(("target", "choices"), FLOAT)
def test_an_estimate_of_float32_is_near(
    target: str, choices: dict[str, Any], tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("arm-none-eabi-gcc", "qemu-system-arm", "cc")
    model = random_model(3, **{**PLAIN, **choices})
    assert_near(load_target(target), float_program(model), random_inputs(model, 8), tmp_path)


def assert_near(core: Target, program: Program, inputs: Mapping[str, Any], tmp_path: Path) -> None:
    """The estimate of a step is near what is counted, that of tiles is exact."""
    executable = built(core, program, inputs, tmp_path, "speed")
    selection = select(program, core, "gates")
    for kernel in selection.forms:
        calls = count_calls(executable, f"le_{KERNELS[kernel].symbol}_rows").calls
        assert set(calls) == tile_costs(selection, kernel)
    steps = program.steps or STEPS
    counted = count_calls(executable, f"net_{'step' if program.streams else 'run'}").mean
    cost = cost_of_step(program, selection, core, steps)
    assert cost.instructions is not None
    estimated = cost.instructions * (1 if program.streams else steps)
    room = max(TOLERANCE * counted, FEW * (1 if program.streams else steps))
    assert abs(estimated - counted) < room, f"{estimated:,.0f}, counted {counted:,.0f}"


def test_an_estimate_of_plain_c_on_a_riscv(
    tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """With the costs of a Cortex-M4 it is a third too low."""
    core = load_target("riscv32")
    target_or_skip(core)
    program, inputs = made({"features": 16, "hidden": (32,), **DENSE}, Options())
    executable = built(core, program, inputs, tmp_path, "speed")
    counted = count_calls(executable, "net_step").mean
    estimated = cost_of_step(program, select(program, core, "gates"), core, STEPS).instructions
    assert estimated == pytest.approx(counted, rel=0.12)


@pytest.mark.parametrize("weights", [4, 8, 16])
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m3", "cortex-m4"])
@pytest.mark.parametrize("fixed", [False, True])
def test_tiles_of_code_that_is_small_are_exact_too(
    target: str, weights: int, fixed: bool, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("arm-none-eabi-gcc", "qemu-system-arm", "cc")
    core = load_target(target)
    options = Options(weights=weights, power_of_two=fixed)
    program, inputs = made({"features": 7, "hidden": (19,), "head": ("dense",)}, options)
    executable = built(core, program, inputs, tmp_path, "size")
    selection = select(program, core, "gates", "size")
    for kernel in selection.forms:
        calls = count_calls(executable, f"le_{KERNELS[kernel].symbol}_rows").calls
        assert set(calls) == tile_costs(selection, kernel)
