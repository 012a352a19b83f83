"""Costs of a step without any C; QEMU holds them against counts in tests/qemu/test_costs.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.cases import Case
from benchmarks.networks import Network
from lstm_edge.api.compiled import Compiled
from lstm_edge.emit.constants import constant_bytes, constants_of
from lstm_edge.emit.phase_printer import PhasePrinter
from lstm_edge.emit.render import render
from lstm_edge.errors import BudgetError
from lstm_edge.ir.program import Program
from lstm_edge.passes.costs import Cost, cost_of_step
from lstm_edge.passes.options import Options
from lstm_edge.passes.select import select
from lstm_edge.targets import load_target
from tests.support.choices import MEASURED
from tests.support.compiling import compile_file
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized

SLOWER = "makes this network slower"


def program(options: Options | None = None, **choices: Any) -> Program:
    model = random_model(1, **{**MEASURED, "norm": "", "rows": 0, "lengths": False, **choices})
    return quantized(model, random_inputs(model, 8), options or Options())


def cost(made: Program, target: str, unroll: str = "gates", optimize: str = "speed") -> Cost:
    core = load_target(target)
    return cost_of_step(made, select(made, core, unroll, optimize), core, 4)


def compiled(folder: Path, **options: Any) -> Compiled:
    case = Case(Network("lstm", 12, 16, 5), "cortex-m4")
    model, calibration = case.network.write(folder)
    return compile_file(model, case.target, calibration=calibration, **options)


def test_macs_are_the_numbers_in_the_matrices() -> None:
    found = cost(program(features=6, hidden=(16, 9), head=("dense",), classes=5), "cortex-m4")
    assert found.macs == 4 * 16 * (6 + 16) + 4 * 9 * (16 + 9) + 5 * 9


def test_what_runs_after_the_last_step_counts_in_its_share() -> None:
    last = program(head=("dense",), classes=8, read="last")
    assert cost(last, "cortex-m4").macs == 4 * 16 * (6 + 16) + 8 * 16 / 4


def test_a_core_with_more_instructions_needs_fewer_of_them() -> None:
    made = program(hidden=(40,))
    order = ["cortex-m4", "cortex-m3", "cortex-m0"]
    costs = [cost(made, name).instructions or 0.0 for name in order]
    assert costs == sorted(costs)
    assert costs[0] * 2 < costs[2]
    assert (cost(made, "portable").instructions or 0.0) > costs[0]


def test_four_bits_take_more_instructions_than_eight_on_a_core_with_dsp() -> None:
    narrow, usual = (program(Options(weights=bits), hidden=(40,)) for bits in (4, 8))
    found = [cost(each, "cortex-m4").instructions or 0.0 for each in (narrow, usual)]
    assert found[0] > found[1] * 1.05


def test_code_that_is_small_takes_more_instructions() -> None:
    made = program(hidden=(40,), head=("dense",))
    speed, size = (cost(made, "cortex-m4", "gates", each) for each in ("speed", "size"))
    assert (speed.instructions or 0.0) < (size.instructions or 0.0)
    for form in select(made, load_target("cortex-m4"), "gates", "size").forms.values():
        assert form.blocks == 1
    assert "LE_NOINLINE void net_step(" in small(made, "size")
    assert "LE_NOINLINE" not in small(made, "speed")


def small(made: Program, optimize: str) -> str:
    return render(made, load_target("cortex-m4"), "gates", ("",), optimize).files["net.c"]


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m0", "portable"])
@pytest.mark.parametrize("options", [Options(), Options(weights=4, activations=8)])
@pytest.mark.parametrize("head", [(), ("dense", "softmax")])
def test_constants_are_packed_without_c_and_are_those_of_the_c(
    target: str, options: Options, head: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, core = program(options, head=head), load_target(target)
    with monkeypatch.context() as without:
        without.setattr(PhasePrinter, "print", lambda *_: pytest.fail("C was written"))
        ours = constants_of(made, core, select(made, core, "gates"))
    ports = {f"{p.name}_units" for p in made.inputs}
    written = render(made, core, "gates", ()).constants
    theirs = tuple(c for c in written if c.name.removeprefix("net_") not in ports)
    assert {c.name for c in ours} == {c.name for c in theirs}
    assert constant_bytes(ours) == constant_bytes(theirs)


def test_a_search_writes_no_c_while_it_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "lstm_edge.driver.render_cores", lambda *_, **__: pytest.fail("the search is done")
    )
    monkeypatch.setattr(PhasePrinter, "print", lambda *_: pytest.fail("C was written"))
    with pytest.raises(pytest.fail.Exception, match="the search is done"):
        compiled(tmp_path, weights=None, activations=None, max_error=30.0)


def test_compile_tells_the_work_of_a_step(tmp_path: Path) -> None:
    found = compiled(tmp_path)
    assert found.manifest["macs"] == 4 * 16 * (12 + 16) + 5 * 16
    assert 2500 < found.manifest["instructions"] < 4500
    assert not [w for w in found.warnings if SLOWER in w]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"weights": 4}, "--weights int4"),
        ({"unroll": "none"}, "--unroll none"),
        ({"optimize": "size"}, "--optimize size"),
        ({"scheme": "float32"}, "--scheme float32"),
    ],
)
def test_an_option_that_makes_a_network_slower_is_warned_about(
    options: dict[str, Any], text: str, tmp_path: Path
) -> None:
    found = compiled(tmp_path, **options)
    (warning,) = [w for w in found.warnings if SLOWER in w]
    assert warning.startswith(f"{text} {SLOWER} on cortex-m4")
    assert f"about {found.manifest['instructions']:,} instructions, with --" in warning


def test_what_is_slower_is_named_as_it_was_typed(tmp_path: Path) -> None:
    model, calibration = Network("lstm", 20, 40).write(tmp_path)
    found = compile_file(model, "cortex-m4", calibration, weights="auto", max_error=3.0)
    assert "weights=int4" in found.manifest["options"]
    (warning,) = [w for w in found.warnings if SLOWER in w]
    assert warning.startswith("--weights auto makes")


@pytest.mark.all_cases
def test_smaller_tiles_are_not_blamed_on_other_options(tmp_path: Path) -> None:
    """`--max-stack` costs instructions with Helium, with 8 bits as with 4."""
    model, calibration = Network("lstm", 20, 100).write(tmp_path)
    (free, bound) = (
        compile_file(model, "cortex-m55", calibration, weights=4, max_stack=stack)
        for stack in (None, 500)
    )
    assert bound.manifest["instructions"] > 1.05 * free.manifest["instructions"]
    assert not [w for w in bound.warnings if SLOWER in w]


def test_straight_line_code_of_many_weights_is_refused_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lstm_edge.driver.load_data", lambda *_: pytest.fail("too late"))
    model, calibration = Network("lstm", 64, 64).write(tmp_path)
    with pytest.raises(BudgetError, match="32,768 weights"):
        compile_file(model, "cortex-m4", calibration=calibration, unroll="full")
