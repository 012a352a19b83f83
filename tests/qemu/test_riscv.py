"""What is counted on a RISC-V, and how deep its stack gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.profile.counting import Executable, count_calls
from lstm_edge.profile.instructions import disassemble
from lstm_edge.profile.stack import Bound, stack_bound, stack_seen
from lstm_edge.targets import Target, load_target
from tests.support.counted import FLAGS, build, main_of

HEAD = "#define NAKED_RV __attribute__((naked, noinline, used))\n"


def function(name: str, *lines: str) -> str:
    """A naked function of one number, in assembly."""
    body = " ".join(f'"{line}\\n"' for line in lines)
    unused = "int32_t a __attribute__((unused))"
    return (
        f"int32_t {name}(int32_t a);\n"
        f"NAKED_RV int32_t {name}({unused})\n{{\n    __asm__ volatile({body});\n}}\n\n"
    )


NINE = function("nine", "addi sp, sp, -16", "sw s0, 12(sp)", "mv s0, a0", "1:", "addi s0, s0, -1",
                "bnez s0, 1b", "lw s0, 12(sp)", "addi sp, sp, 16", "ret")  # fmt: skip
"""6 instructions, and 2 for each of `a` rounds."""
AROUND = function("around", "addi sp, sp, -32", "sw ra, 28(sp)", "call nine", "call nine",
                  "lw ra, 28(sp)", "addi sp, sp, 32", "ret")  # fmt: skip
"""7 instructions of its own; the second round of `nine` starts from what the first one left."""


@pytest.fixture
def core(target_or_skip: Callable[[Target], None]) -> Target:
    target = load_target("riscv32")
    target_or_skip(target)
    return target


def built(folder: Path, core: Target, *parts: str, optimize: str = "-O2") -> Executable:
    flags = tuple(flag for flag in FLAGS if flag != "-Wno-return-type")
    return build(folder, core, HEAD, *parts, optimize=optimize, flags=(*flags, "-Wno-return-type"))


def bound(program: Executable, entry: str) -> Bound:
    return stack_bound(disassemble(program.target, program.path), program.symbols, entry)


def test_calls_are_counted_and_their_stack_is_known(core: Target, tmp_path: Path) -> None:
    """`nine` leaves a0 as it was."""
    calls = [f"around({k})" for k in (1, 2, 3)]
    program = built(tmp_path, core, NINE, AROUND, main_of(*calls, "nine(100)"))
    found = count_calls(program, "around")
    assert found.calls == (7 + 2 * 8, 7 + 2 * 10, 7 + 2 * 12)
    assert found.functions == {"nine": 60, "around": 21}
    assert count_calls(program, "nine").calls == (8, 8, 10, 10, 12, 12, 206)
    assert bound(program, "around") == Bound(48, ("around", "nine"), "", ("around", "nine"))
    code = disassemble(core, program.path)
    assert stack_seen(code, program.symbols, found.first_store) == 32 + 4


def test_blocks_that_ran_are_those_of_the_disassembly(core: Target, tmp_path: Path) -> None:
    """Code of two and four bytes, across a page of 4 KiB."""
    lines = [".rept 1500", "addi a0, a0, 1", "lui a1, 0x12345", ".endr", "ret"]
    program = built(tmp_path, core, function("far", *lines), main_of("far(1)"))
    found = count_calls(program, "far")
    assert found.calls == (3001,)
    code = disassemble(core, program.path)
    for block in found.blocks:
        at = block.start
        for _ in range(block.instructions):
            at = code[at].end
        assert at == block.start + block.size


FRAMES = {
    "of a constant": (["li t0, -4096", "add sp, sp, t0", "li t0, 4096", "add sp, sp, t0", "ret"],
                      4096),
    "of a large constant": (["lui t0, 0xffffe", "addi t0, t0, -16", "add sp, sp, t0",
                             "lui t0, 2", "addi t0, t0, 16", "add sp, sp, t0", "ret"], 8208),
    "with a frame pointer": (["addi sp, sp, -16", "sw s0, 8(sp)", "addi s0, sp, 16",
                              "addi sp, s0, -16", "lw s0, 8(sp)", "addi sp, sp, 16", "ret"], 16),
    "of the deeper way": (["beqz a0, 1f", "addi sp, sp, -64", "addi sp, sp, 64", "1: ret"], 64),
    "with a table": (["addi sp, sp, -16", "la t0, 1f", "jr t0", "nop", "1: addi sp, sp, -48",
                      "addi sp, sp, 64", "ret"], 64),
}  # fmt: skip


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame(kind: str, core: Target, tmp_path: Path) -> None:
    lines, wanted = FRAMES[kind]
    program = built(tmp_path, core, function("probe", *lines), main_of("probe(1)"))
    found = bound(program, "probe")
    assert (found.bytes, found.why) == (wanted, "")


UNBOUNDED = {
    "an indirect call": ["addi sp, sp, -16", "sw ra, 12(sp)", "la t0, deep", "jalr t0",
                         "lw ra, 12(sp)", "addi sp, sp, 16", "ret"],
    "an indirect jump": ["la t0, deep", "jr t0"],
    "moves sp by a variable": ["sub sp, sp, a0", "add sp, sp, a0", "ret"],
    "calls itself": ["addi sp, sp, -16", "sw ra, 12(sp)", "beqz a0, 1f", "li a0, 0", "call probe",
                     "1: lw ra, 12(sp)", "addi sp, sp, 16", "ret"],
}  # fmt: skip


@pytest.mark.parametrize("why", UNBOUNDED)
def test_what_has_no_bound_is_told(why: str, core: Target, tmp_path: Path) -> None:
    deep = function("deep", "ret")
    program = built(tmp_path, core, deep, function("probe", *UNBOUNDED[why]), main_of("probe(16)"))
    found = bound(program, "probe")
    assert found.bytes is None
    assert why in found.why
