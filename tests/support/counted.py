"""Small programs with a known number of instructions, and a bundle to profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from lstm_edge.profile.counting import Executable, build_program
from lstm_edge.targets import Target, all_targets

BOARDS = tuple(target for target in all_targets() if target.board is not None and target.is_arm)
"""Those that run what is written here in assembly; test_riscv.py has the others."""
every_board = pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)

FLAGS = ("-Wno-return-type", "-fno-ipa-icf", "-fno-inline", "-fno-ipa-cp", "-fno-ipa-ra")
HEAD = """
#include <stdint.h>

#define NAKED __attribute__((naked, noinline, used))
#define ASM(...) __asm__ volatile(".syntax unified\\n" __VA_ARGS__)

"""


def function(name: str, *lines: str) -> str:
    """A naked function of one number, in assembly."""
    body = " ".join(f'"{line}\\n"' for line in lines)
    declared = f"int32_t {name}(int32_t a);\n"
    unused = "int32_t a __attribute__((unused))"
    return f"{declared}NAKED int32_t {name}({unused})\n{{\n    ASM({body});\n}}\n\n"


def main_of(*calls: str) -> str:
    """A main() that makes some calls."""
    made = "".join(f"    (void){call};\n" for call in calls)
    return f"int main(void)\n{{\n{made}    return 0;\n}}\n"


def build(
    folder: Path, target: Target, *parts: str, optimize: str = "-O2", flags: tuple[str, ...] = FLAGS
) -> Executable:
    """A program of some functions and a main(), built in a folder."""
    source = folder / "counted.c"
    source.write_text(HEAD + "".join(parts))
    return build_program(target, [source], [], folder, optimize=optimize, extra_flags=flags)
