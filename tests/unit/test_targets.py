"""Targets are data: each file is read strictly, and a new folder is a new target."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lstm_edge import targets
from lstm_edge.errors import TargetError
from lstm_edge.resources import firmware_dir, templates_dir
from lstm_edge.targets import BASES, FEATURES, all_targets, load_target, read_target

CONTRACT = (
    "host",
    "cortex-m0",
    "cortex-m0plus",
    "cortex-m3",
    "cortex-m4",
    "cortex-m7",
    "cortex-m33",
    "cortex-m55",
    "cortex-m85",
    "riscv32",
    "portable",
)


def test_targets_are_those_of_the_command_line_in_its_order() -> None:
    assert tuple(target.name for target in all_targets()) == CONTRACT


@pytest.mark.parametrize("name", CONTRACT)
def test_a_target_loads_by_its_name(name: str) -> None:
    target = load_target(name)
    assert target.name == name
    assert set(target.features) <= set(FEATURES)
    on_a_computer = name in ("host", "portable")
    assert len(set(BASES) & set(target.features)) == (not on_a_computer)
    assert target.is_arm == name.startswith("cortex")
    assert replace(target, features=()).is_arm == target.is_arm
    assert (target.board is None) == on_a_computer


@pytest.mark.parametrize("name", CONTRACT)
def test_float_flags_keep_float32_exact(name: str) -> None:
    target = load_target(name)
    assert "-ffp-contract=off" in target.flags
    assert not any("fast-math" in flag or "unsafe" in flag for flag in target.flags)
    assert ("-fno-tree-vectorize" in target.flags) == ("mve" in target.features)


@pytest.mark.parametrize("name", ["", "cortex-m99", "../targets/host", ".", "HOST", "host/"])
def test_an_unknown_target_is_an_error_that_lists_the_known_ones(name: str) -> None:
    with pytest.raises(TargetError, match=r"unknown target .*cortex-m0plus, cortex-m3") as caught:
        load_target(name)
    assert "\n" not in str(caught.value)


def test_a_new_folder_is_a_new_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(templates_dir() / "targets", tmp_path / "targets")
    mine = tmp_path / "targets" / "my-board"
    shutil.copytree(tmp_path / "targets" / "cortex-m4", mine)
    text = (mine / "target.toml").read_text().replace("order = 40", "order = 45")
    (mine / "target.toml").write_text(text)
    monkeypatch.setattr(targets, "templates_dir", lambda: tmp_path)
    assert tuple(target.name for target in all_targets()) == (
        *CONTRACT[:5],
        "my-board",
        *CONTRACT[5:],
    )
    assert load_target("my-board").board == load_target("cortex-m4").board


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("order = 40", "order = -1", "order is -1, expected an integer of 32 bits"),
        ("order = 40", "order = true", "order is True"),
        ("order = 40", "", "missing key 'order'"),
        ("order = 40", "order = 40\ncolour = 1", "unknown key 'colour'"),
        ("order = 40", "order = = 40", "target.toml"),
        ('title = "', 'title = ""  # "', "title is ''"),
        ('"dsp",', '"simd",', "features has 'simd'"),
        ("features = [", 'kernels = ["portable"]\nfeatures = [', "unknown key 'kernels'"),
        ('features = ["armv7m", "dsp", "fpu"]', 'features = "dsp"', "expected a list"),
        ("cpuid_mask = ", "cpuid_mark = ", "unknown key 'board.cpuid_mark'"),
        ("cpuid = 0x410f_c240", "cpuid = 0x1_0000_0000", "board.cpuid is 4294967296"),
        ("cpuid_mask = 0xff00_fff0", "", "board.cpuid and board.cpuid_mask belong together"),
        ("[board]", '[board]\nemulator = ""', "board.emulator is ''"),
        ("[board]", '[board]\nlink = "-lc"', "board.link is '-lc', expected a list of strings"),
        ("size = 0x40_0000", "size = 0", "board.flash.size is 0"),
        ("ram = { origin = 0x2000_0000, ", "ram = { ", "missing key 'board.ram.origin'"),
        ("ram = { origin = 0x2000_0000, size = 0x40_0000 }", "ram = 3", "expected a table"),
    ],
)
def test_a_mistake_in_a_target_file_names_file_and_key(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (templates_dir() / "targets" / "cortex-m4" / "target.toml").read_text()
    assert old in text
    path = tmp_path / "target.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(TargetError) as caught:
        read_target(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_board_names_a_start_up_file_that_is_there() -> None:
    boards = [target.board for target in all_targets() if target.board is not None]
    for board in boards:
        assert (firmware_dir() / "common" / board.startup).is_file()
    assert {board.emulator for board in boards} == {"qemu-system-arm", "qemu-system-riscv32"}


def test_tools_are_those_that_build_and_run() -> None:
    assert load_target("host").tools == ("cc",)
    assert load_target("riscv32").tools == ("riscv64-unknown-elf-gcc", "qemu-system-riscv32")


def test_templates_and_firmware_are_found() -> None:
    assert (templates_dir() / "targets" / "host" / "target.toml").is_file()
    assert (firmware_dir() / "common" / "startup.c").is_file()
