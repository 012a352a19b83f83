"""Weights and code go into the sections that a build names; without names nothing changes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.emit.render import render
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain import gcc
from tests.golden.test_golden import tiny_program

WEIGHTS = 'LSTM_EDGE_WEIGHTS_SECTION=__attribute__((section(".extflash")))'
CODE = 'LSTM_EDGE_CODE_SECTION=__attribute__((section(".itcm")))'
BESIDE = ("init", "reset", "get_", "set_", "quantize_", "dequantize_", "identity")
"""What no step needs."""
CASES = [
    *(("int8", target) for target in ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m55")),
    ("int8", "riscv32"),
    ("float32", "cortex-m7"),
    ("float32", "cortex-m3"),
]


def sections(target: Target, scheme: str, defines: tuple[str, ...], folder: Path) -> dict[str, str]:
    """Symbol -> its section, of the objects of a model's code and weights."""
    program = tiny_program("net", scheme)
    files = render(program, target, "gates", ("for a test",)).files
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    sources = [folder / name for name in files if name.endswith(".c")]
    objects = gcc.compile_objects(target, sources, [folder], folder, defines=defines)
    objdump = target.compiler.removesuffix("gcc") + "objdump"
    lines = subprocess.run(
        [objdump, "-t", *map(str, objects)], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    found = {}
    for line in lines:
        section, tab, rest = line[17:].partition("\t")
        kind, name = line[15:16], rest.partition(" ")[2].strip()
        if tab and kind in "FO" and section != "*UND*":
            found[name] = section
    return found


@pytest.mark.parametrize(("scheme", "name"), CASES)
def test_what_a_step_needs_goes_into_the_named_sections(
    scheme: str, name: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    target = load_target(name)
    tool_or_skip(target.compiler)
    plain = sections(target, scheme, (), tmp_path / "plain")
    moved = sections(target, scheme, (WEIGHTS, CODE), tmp_path / "moved")
    assert set(moved) == set(plain)
    assert {"net_step", "net_run"} <= set(moved)
    for symbol, section in moved.items():
        beside = symbol.startswith(tuple(f"net_{each}" for each in BESIDE))
        is_code = plain[symbol].startswith(".text")
        assert is_code or plain[symbol].startswith((".rodata", ".srodata")), symbol
        own = ".itcm" if is_code else ".extflash"
        assert section == (plain[symbol] if beside else own), symbol
