"""One source for several cores on the command line: what each core gets, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_edge import bundle
from lstm_edge.manifest import MANIFEST, PER_CORE
from tests.support.command import FIXTURES, done, load, refused, save
from tests.support.manifests import change_manifest
from tests.support.programs import Array

MODEL = FIXTURES / "two_layers.legacy.onnx"
CORES = ["cortex-m55", "cortex-m4", "cortex-m3", "cortex-m0", "portable"]
COMPILE = ("compile", MODEL, "--target")
LIST = "cortex-m4,cortex-m0"


@pytest.fixture(scope="module")
def every(tool_or_skip: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model for all cores."""
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")
    folder = tmp_path_factory.mktemp("every") / "bundle"
    printed = done(*COMPILE, "cortex-m", "-o", folder).stdout
    for core in CORES:
        assert f"\n  {core}\n    flash  code " in printed
    assert printed.count(" about ") == len(CORES)
    return folder


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    return found


def test_the_manifest_says_what_each_core_gets(every: Path, tmp_path: Path) -> None:
    manifest = manifest_of(every)
    assert manifest["target"] == "cortex-m"
    assert list(manifest["cores"]) == CORES
    assert not set(manifest) & (set(PER_CORE) - {"target"})
    done(*COMPILE, "cortex-m3", "-o", tmp_path)
    own, alone = manifest["cores"]["cortex-m3"], manifest_of(tmp_path)
    assert own == {"family": "armv7m", **{key: alone[key] for key in own if key != "family"}}
    assert set(own) == {"family", *PER_CORE}
    kernels = {core: m["layers"][-1]["kernel"] for core, m in manifest["cores"].items()}
    assert kernels["cortex-m4"].startswith("dsp/")
    assert kernels["portable"].startswith("portable/")


def test_verify_runs_every_board_from_the_same_files(every: Path) -> None:
    found = json.loads(done("verify", every, "--json").stdout)
    assert found["target"] == "cortex-m"
    assert found["exact"] == {"host": True, **{f"qemu {core}": True for core in CORES[:-1]}}
    assert list(json.loads(done("verify", every, "--on", "host", "--json").stdout)["exact"]) == [
        "host"
    ]


def test_run_takes_one_core(every: Path, tmp_path: Path) -> None:
    given = load(every / bundle.HELD_BACK)
    inputs = save(tmp_path / "x.npz", **{name: array[:2] for name, array in given.items()})
    results: list[dict[str, Array]] = []
    for options in (
        (),
        ("--on", "host"),
        ("--on", "qemu"),
        ("--on", "qemu", "--target", "cortex-m0"),
    ):
        output = tmp_path / "y.npz"
        printed = done("run", every, "--inputs", inputs, "--raw", *options, "-o", output).stdout
        results.append(load(output))
        for name, array in results[0].items():
            assert (results[-1][name] == array).all()
    assert "qemu, cortex-m0" in printed
    run = ("run", every, "--inputs", inputs, "-o", tmp_path / "z.npz")
    assert "cortex-m55" in refused(1, *run, "--on", "qemu", "--target", "cortex-m7")
    assert "no meaning" in refused(1, *run, "--on", "host", "--target", "cortex-m4")
    assert not (tmp_path / "z.npz").exists()


@pytest.mark.all_cases
def test_profile_counts_all_or_one(every: Path) -> None:
    found = json.loads(done("profile", every, "--json").stdout)
    assert [each["target"] for each in found["cores"]] == CORES[:-1]
    steps = [each["instructions_per_step"] for each in found["cores"]]
    assert steps == sorted(steps)
    one = json.loads(done("profile", every, "--target", "cortex-m3", "--json").stdout)
    assert one == found["cores"][2]


def test_what_has_no_meaning_for_several_cores_is_refused(every: Path) -> None:
    error = refused(1, "profile", every, "--board", "stm32l4r5")
    assert "choose one of them with --target" in error
    assert "emulated board" in refused(1, "profile", every, "--target", "portable")
    assert "the bundle is for" in refused(1, "profile", every, "--target", "host")
    done("profile", every, "--board", "stm32l4r5", "--target", "cortex-m4")


@pytest.mark.all_cases
@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (("--max-flash", "2000"), "cortex-m"),
        (("--max-ram", "60"), "--max-ram 60"),
        (("--max-insn", "2500"), "cortex-m0: a step takes"),
        (("--max-cycles", "3000"), "cortex-m0: a step takes"),
        (("--max-stack", "30"), "cortex-m4: the program takes"),
    ],
)
def test_a_budget_holds_for_each_core(
    budget: tuple[str, str], message: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")
    error = refused(3, *COMPILE, LIST, *budget, "-o", tmp_path / "none")
    assert message in error
    assert error.startswith("Error: cortex-m")
    assert not (tmp_path / "none").exists()


@pytest.mark.all_cases
@pytest.mark.parametrize(
    "options",
    [
        ("--scheme", "float32"),
        ("--scheme", "fixed", "--optimize", "size"),
        ("--unroll", "full", "--weights", "int4"),
        ("--unroll", "none", "--weights", "int16", "--activations", "16", "--cell-state", "16"),
    ],
    ids=lambda words: "_".join(words),
)
def test_options(
    options: tuple[str, ...], tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")
    done(*COMPILE, "cortex-m", *options, "-o", tmp_path)
    assert json.loads(done("verify", tmp_path, "--json").stdout)["bit_exact"]


@pytest.mark.all_cases
def test_states_as_arguments_and_widths_that_are_searched(
    tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """Widths are judged by the slowest core, the last one with a board."""
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")
    model = FIXTURES / "lstm_open.legacy.onnx"
    data = save(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(20, 6, 3)))
    options = ("--weights", "auto", "--max-error", "20", "--calibration", data)
    tried = {}
    for name in (LIST, "cortex-m0"):
        done("compile", model, "--target", name, *options, "-o", tmp_path / name)
        tried[name] = manifest_of(tmp_path / name)["search"]
    assert tried[LIST] == tried["cortex-m0"]


def test_the_schedule_is_printed_for_each_core(tmp_path: Path) -> None:
    printed = done(*COMPILE, LIST, "--dump-ir", "schedule", "-o", tmp_path / "none").stdout
    heads = [line for line in printed.splitlines() if line.startswith("on ")]
    assert heads == ["on cortex-m4:", "on cortex-m0:", "on portable:"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"cortex-m3": {', '"cortex-m9": {'),
        ('"cores": {', '"cores": 3, "others": {'),
        ('"cores": {', '"cores": {}, "others": {'),
        ('"cores": {', '"cores": {"cortex-m3": 5}, "others": {'),
    ],
)
def test_a_damaged_manifest_is_refused(every: Path, tmp_path: Path, old: str, new: str) -> None:
    for path in every.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (every / MANIFEST).read_text()
    assert old in text
    (tmp_path / MANIFEST).write_text(text.replace(old, new, 1))
    change_manifest(tmp_path)
    error = refused(1, "verify", tmp_path, "--on", "host")
    assert "damaged" in error or "unknown target" in error


@pytest.mark.parametrize("name", ["cortex-m,", "cortex-m4,cortex-m9", "cortex-m5"])
def test_an_unknown_name_is_refused(name: str, tmp_path: Path) -> None:
    error = refused(1, *COMPILE, name, "-o", tmp_path / "none")
    assert "unknown target" in error
    assert "cortex-m0plus" in error
