"""`profile` and the budgets of `compile`: figures that belong together, and errors of one line."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lstm_edge import bundle
from lstm_edge.manifest import MANIFEST
from lstm_edge.profile import bundle_profile, plugin
from lstm_edge.profile.energy import all_parts, load_part
from lstm_edge.targets import load_target
from lstm_edge.toolchain import gcc
from tests.support.command import DIGITS, FIXTURES, call, done, refused, tree

KEYS = [
    "name", "target", "exact", "macs_per_step", "instructions_per_step",
    "instructions_per_step_most", "instructions_per_mac", "cycles_per_step", "cycles_per_step_most",
    "cycles_low", "cycles_high", "cycles_per_mac", "layers", "outside_layers", "functions", "run",
    "counted", "cycle_model", "flash", "ram", "energy",
]  # fmt: skip
SMALL = ("compile", FIXTURES / "two_layers.legacy.onnx")


@pytest.fixture(scope="module")
def digits(tool_or_skip: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits example for Cortex-M4."""
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")
    folder = tmp_path_factory.mktemp("profile") / "digits"
    options = ("--calibration", DIGITS / "calibration.npz", "--target", "cortex-m4", "-o", folder)
    done("compile", DIGITS / "digits.onnx", *options)
    return folder


@pytest.fixture(scope="module")
def small(tool_or_skip: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that compiles quickly, for Cortex-M4."""
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")
    folder = tmp_path_factory.mktemp("small") / "bundle"
    done(*SMALL, "--target", "cortex-m4", "-o", folder)
    return folder


@pytest.fixture(scope="module")
def figures(digits: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done("profile", digits, "--json").stdout)
    return found


def test_json_has_what_the_command_line_promises(figures: dict[str, Any]) -> None:
    assert list(figures) == KEYS
    assert figures["macs_per_step"] == 32 * 4 * (8 + 32) + 10 * 32 / 8
    assert [layer["name"] for layer in figures["layers"]] == ["lstm", "fc"]
    assert set(figures["layers"][0]) == {"name", "macs", "instructions", "cycles"}
    assert set(figures["flash"]) == {"code", "library", "weights", "tables"}
    assert {"state", "scratch", "stack", "stack_seen"} <= set(figures["ram"])
    assert figures["energy"] is None
    assert figures["exact"]
    assert figures["counted"]["inputs"] == "held_back"
    assert figures["cycle_model"]["validated"]
    assert figures["counted"]["steps"] == figures["counted"]["calls"] >= 32


def test_layers_and_functions_add_up(figures: dict[str, Any]) -> None:
    for kind, total in (("instructions", "instructions_per_step"), ("cycles", "cycles_per_step")):
        layers = sum(layer[kind] for layer in figures["layers"])
        parts = layers + figures["outside_layers"][kind]
        assert parts == pytest.approx(figures[total], abs=0.05)
        assert sum(f[kind] for f in figures["functions"]) == pytest.approx(parts, abs=0.05)
    assert figures["cycles_low"] < figures["cycles_per_step"] < figures["cycles_high"]
    steps = figures["instructions_per_step"] * figures["run"]["steps"]
    assert steps < figures["run"]["instructions"] < 1.01 * steps


def test_sizes_are_those_of_the_manifest(digits: Path, figures: dict[str, Any]) -> None:
    manifest = json.loads((digits / MANIFEST).read_text())
    assert {k: figures["flash"][k] for k in manifest["flash"]} == manifest["flash"]
    assert {k: figures["ram"][k] for k in manifest["ram"]} == manifest["ram"]
    assert 0 < figures["ram"]["stack_seen"] <= figures["ram"]["stack"] <= manifest["stack"]


def test_a_profile_repeats(digits: Path, figures: dict[str, Any]) -> None:
    assert json.loads(done("profile", digits, "--json").stdout) == figures


def test_text_tells_the_figures_and_how_they_are_known(
    digits: Path, figures: dict[str, Any]
) -> None:
    text = done("profile", digits, "--board", "stm32l4r5").stdout
    assert f"{figures['instructions_per_step']:,.0f}" in text
    assert "validated: 53 published counts" in text
    assert "stack at most" in text
    assert "uJ per step" in text
    assert "120 MHz, 1.8 V; measured: MLPerf Tiny" in " ".join(text.split())


def test_energy_is_that_of_the_cycles(digits: Path, figures: dict[str, Any]) -> None:
    options = ("--board", "stm32l4r5", "--json")
    energy = json.loads(done("profile", digits, *options).stdout)["energy"]
    assert energy["microjoules"] == pytest.approx(figures["cycles_per_step"] * 349e-6, rel=1e-3)
    assert energy["microjoules_low"] == pytest.approx(figures["cycles_low"] * 323e-6, rel=1e-3)
    assert energy["microjoules_high"] == pytest.approx(figures["cycles_high"] * 375e-6, rel=1e-3)
    assert energy["microseconds"] == pytest.approx(figures["cycles_per_step"] / 120, rel=1e-3)
    assert energy["source"]


def test_every_part_has_a_source_and_a_band() -> None:
    for part in all_parts():
        assert part.source
        assert part.kind in ("measured", "headline")
        value, low, high = part.pj_per_cycle
        assert low <= value <= high
        assert part.kind == "measured" or (low, high) == (value * 0.75, value * 1.25)
    headline = load_part("nrf52840", "cortex-m4").pj_per_cycle
    assert headline == pytest.approx((2 * 52 * 3, 1.5 * 52 * 3, 2.5 * 52 * 3))


@pytest.mark.parametrize(
    ("board", "message"),
    [
        ("arduino", "no part with a sourced energy figure; for cortex-m4 there are stm32l4r5,"),
        (
            "stm32u575",
            "has a cortex-m33, the bundle is for cortex-m4: compile the model for cortex-m33",
        ),
    ],
)
def test_a_part_without_a_figure_or_of_another_core_is_refused(
    board: str, message: str, digits: Path
) -> None:
    assert message in refused(1, "profile", digits, "--board", board)


def test_a_folder_without_a_bundle_and_a_target_without_a_board_are_refused(
    tmp_path: Path,
) -> None:
    assert "holds no manifest.json" in refused(1, "profile", tmp_path / "absent")
    done(*SMALL, "--target", "host", "-o", tmp_path / "host")
    assert "no emulated board" in refused(1, "profile", tmp_path / "host")


@pytest.mark.parametrize("target", ["riscv32", "cortex-m85"])
def test_a_core_without_a_timing_table_has_instructions_and_no_cycles(
    target: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(*load_target(target).tools, "cc")
    words = (*SMALL, "--target", target, "-o", tmp_path / "bundle")
    done(*words)
    found = json.loads(done("profile", tmp_path / "bundle", "--json").stdout)
    assert list(found) == KEYS
    step = found["instructions_per_step"]
    outside = found["outside_layers"]["instructions"]
    assert sum(part["instructions"] for part in (*found["layers"], *found["functions"])) == (
        pytest.approx(2 * step - outside, abs=0.1)
    )
    assert [found[key] for key in ("cycles_per_step", "cycles_low", "cycle_model")] == [None] * 3
    assert all(part["cycles"] is None for part in (*found["layers"], *found["functions"]))
    assert found["ram"]["stack_seen"] <= found["ram"]["stack"] < 2000
    if target == "riscv32":
        assert "no timing table for riscv32" in done("profile", tmp_path / "bundle").stdout
    assert f"no timing table for '{target}'" in refused(1, *words, "--max-cycles", 1)
    assert f"there is none for {target}" in refused(
        1, "profile", tmp_path / "bundle", "--board", "stm32l4r5"
    )


def test_another_core_than_arm_has_no_clock_to_count_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(*SMALL, "--target", "riscv32", "-o", tmp_path / "bundle")
    monkeypatch.setenv("PATH", "/nowhere")
    assert "apt-get install gcc)" in refused(1, "profile", tmp_path / "bundle")


def test_a_damaged_bundle_is_refused(small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(small, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    for ram in ({}, {"state": float("inf"), "scratch": 0}):
        (folder / MANIFEST).write_text(json.dumps({**manifest, "ram": ram}))
        assert "is damaged" in refused(1, "profile", folder)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / bundle.HELD_BACK).unlink()
    assert "held_back.npz is missing" in refused(1, "profile", folder)


def test_the_plugin_is_compiled_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc", "qemu-system-arm")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = plugin.plugin("qemu-system-arm")
    assert made.is_relative_to(tmp_path)
    before = made.stat().st_mtime_ns
    assert plugin.plugin("qemu-system-arm") == made
    assert made.stat().st_mtime_ns == before
    assert list(made.parent.iterdir()) == [made]


def test_the_plugin_is_held_to_the_warnings_of_all_c(
    project_root: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc")
    source = project_root / "firmware" / "profile" / "count.c"
    command = ["cc", "-c", "-fPIC", *gcc.WARNINGS, str(source), "-o", str(tmp_path / "count.o")]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""


def test_a_missing_tool_is_told_with_how_to_install_it(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "apt-get install gcc-arm-none-eabi" in refused(1, "profile", digits)


def test_without_a_compiler_for_this_computer_there_are_totals_and_it_says_so(
    digits: Path, figures: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"cc": None}
    monkeypatch.setattr(
        bundle_profile.shutil, "which", lambda name: found.get(name, f"/usr/bin/{name}")
    )
    less = json.loads(done("profile", digits, "--json").stdout)
    assert list(less) == KEYS
    assert not less["exact"]
    assert less["instructions_per_step"] == pytest.approx(
        figures["instructions_per_step"], rel=0.01
    )
    assert less["run"]["instructions"] == pytest.approx(figures["run"]["instructions"], rel=0.01)
    assert (less["cycles_per_step"], less["layers"], less["functions"]) == (None, [], [])
    assert less["ram"]["stack"] == figures["ram"]["stack"]
    assert "totals only" in done("profile", digits).stdout
    monkeypatch.setenv("PATH", "/nowhere")
    assert "apt-get install gcc" in refused(1, "profile", digits, "--board", "stm32l4r5")


def test_a_model_that_needs_whole_sequences_has_a_run_and_no_step(
    tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")
    model = DIGITS.parent / "entities" / "entities.onnx"
    done("compile", model, "--target", "cortex-m33", "-o", tmp_path / "m")
    found = json.loads(done("profile", tmp_path / "m", "--json").stdout)
    assert found["instructions_per_step"] is None
    assert found["cycles_per_step"] is None
    assert found["run"]["instructions"] > found["run"]["macs"] > 0
    assert sum(layer["macs"] for layer in found["layers"]) == found["run"]["macs"]


@pytest.fixture(scope="module")
def most(small: Path) -> dict[str, int]:
    """What the small model takes, by the option that limits it."""
    figures = json.loads(done("profile", small, "--json").stdout)
    return {
        "--max-insn": figures["instructions_per_step_most"],
        "--max-cycles": figures["cycles_per_step_most"],
        "--max-stack": figures["ram"]["stack"],
    }


@pytest.mark.all_cases
@pytest.mark.parametrize("option", ["--max-insn", "--max-cycles", "--max-stack"])
def test_a_budget_that_is_passed_says_by_how_much_and_nothing_is_written(
    option: str, most: dict[str, int], tmp_path: Path
) -> None:
    words = (*SMALL, "--target", "cortex-m4", "-o", tmp_path / "bundle")
    budget = most[option] - 1
    assert f", 1 more than {option} {budget:,}; use" in refused(3, *words, option, budget)
    assert tree(tmp_path) == {}


def test_budgets_that_are_just_kept_are_kept(most: dict[str, int], tmp_path: Path) -> None:
    words = (word for option in most.items() for word in option)
    done(*SMALL, "--target", "cortex-m4", "-o", tmp_path / "bundle", *words)
    assert (tmp_path / "bundle" / "two_layers_legacy.c").is_file()


def test_a_budget_that_fails_leaves_the_bundle_that_is_there(digits: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(digits, folder)
    before = tree(folder)
    refused(3, *SMALL, "--target", "cortex-m4", "-o", folder, "--max-insn", 1)
    assert tree(folder) == before


def test_a_budget_that_cannot_be_checked_is_an_error_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*SMALL, "-o", tmp_path / "bundle", "--max-insn", 1)
    assert "no emulated board" in refused(1, *words, "--target", "host")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("lstm_edge.driver.calibrate", None)
    for option in ("--max-insn", "--max-cycles", "--max-stack"):
        assert "apt-get install" in refused(1, *words, "--target", "cortex-m4", option, 1)
    assert call(*words, "--target", "cortex-m4", "--max-cycles", "-1").exit_code == 2
