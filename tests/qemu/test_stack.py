"""The bound of the stack: what a program can use, held against what it does use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.profile.counting import Executable, count_calls
from lstm_edge.profile.instructions import disassemble
from lstm_edge.profile.stack import Bound, stack_bound, stack_seen
from lstm_edge.targets import Target, all_targets, load_target
from tests.support.counted import build, every_board, function, main_of

BOARDS = tuple(target for target in all_targets() if target.board is not None)
DEEP = function("deep", "push {r4, r5, r6, lr}", "sub sp, #8", "str r0, [sp, #4]", "add sp, #8",
                "pop {r4, r5, r6, pc}")  # fmt: skip
OUTER = function("outer", "push {r4, lr}", "bl deep", "pop {r4, pc}")


@pytest.fixture
def m4(target_or_skip: Callable[[Target], None]) -> Target:
    target = load_target("cortex-m4")
    target_or_skip(target)
    return target


def bound(program: Executable, entry: str) -> Bound:
    return stack_bound(disassemble(program.target, program.path), program.symbols, entry)


def seen(program: Executable, entry: str) -> int | None:
    code = disassemble(program.target, program.path)
    return stack_seen(code, program.symbols, count_calls(program, entry).first_store)


@every_board
def test_the_frame_of_a_naked_function_counts(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """gcc's -fstack-usage says 0 for it."""
    target_or_skip(target)
    program = build(tmp_path, target, DEEP, OUTER, main_of("outer(1)"))
    found = bound(program, "outer")
    assert (found.bytes, found.path, found.why) == (8 + 16 + 8, ("outer", "deep"), "")
    assert found.reached == ("deep", "outer")
    assert seen(program, "outer") == 8 + 16 + 4


def test_both_ways_of_a_branch_are_followed_and_a_pop_gives_back(
    m4: Target, tmp_path: Path
) -> None:
    lines = ["push {r4, lr}", "cmp r0, #0", "beq 1f", "push {r0-r3}", "pop {r0-r3}", "1:",
             "push {r0, r1}", "pop {r0, r1}", "pop {r4, pc}"]  # fmt: skip
    program = build(tmp_path, m4, function("either", *lines), main_of("either(0)"))
    assert bound(program, "either").bytes == 8 + 16
    assert seen(program, "either") == 8 + 8


COMPUTED = {
    "add pc": ["push {r4, lr}", "lsls r0, r0, #2", "adds r0, #4", ".balign 4", "add pc, r0", "nop",
               "nop", "nop", "push {r0-r3}", "pop {r0-r3}", "pop {r4, pc}"],
    "tbb": ["push {r4, lr}", "tbb [pc, r0]", "0: .byte (1f - 0b) / 2, (2f - 0b) / 2", "1:",
            "pop {r4, pc}", "2:", "push {r0-r3}", "pop {r0-r3}", "b 1b"],
    "ldr pc": ["push {r4, lr}", "adr.w r1, 0f", "ldr.w pc, [r1, r0, lsl #2]", ".balign 4",
               "0: .word 1f + 1, 2f + 1", "1:", "pop {r4, pc}", "2:", "push {r0-r3}",
               "pop {r0-r3}", "b 1b"],
}  # fmt: skip


@pytest.mark.parametrize("kind", COMPUTED)
def test_a_computed_jump_stays_in_its_function(kind: str, m4: Target, tmp_path: Path) -> None:
    """It is no indirect call, and what it reaches counts."""
    calls = ["jumps(0)", "jumps(1)"]
    program = build(tmp_path, m4, function("jumps", *COMPUTED[kind]), main_of(*calls))
    found = bound(program, "jumps")
    assert (found.bytes, found.why) == (8 + 16, "")
    assert seen(program, "jumps") == 8 + 16


UNBOUNDED = {
    "an indirect call": ["push {r4, lr}", "ldr r1, 1f", "blx r1", "pop {r4, pc}", ".balign 4",
                         "1: .word deep + 1"],
    "an indirect jump": ["ldr r1, 1f", "bx r1", ".balign 4", "1: .word deep + 1"],
    "moves sp by a variable": ["mov r1, sp", "lsls r0, r0, #3", "sub.w sp, sp, r0", "mov sp, r1",
                               "bx lr"],
    "calls itself": ["push {r4, lr}", "subs r0, #1", "bmi 1f", "bl probe", "1:", "pop {r4, pc}"],
    "a loop that pushes": ["mov r2, sp", "1:", "push {r1}", "subs r0, #1", "bpl 1b", "mov sp, r2",
                           "bx lr"],
}  # fmt: skip


@pytest.mark.parametrize("why", UNBOUNDED)
def test_what_has_no_bound_is_told_and_not_counted_as_nothing(
    why: str, m4: Target, tmp_path: Path
) -> None:
    program = build(tmp_path, m4, DEEP, function("probe", *UNBOUNDED[why]), main_of("probe(1)"))
    found = bound(program, "probe")
    assert found.bytes is None
    assert why in found.why
    assert "probe" in found.why


@pytest.mark.parametrize("optimize", ["-O0", "-O1", "-O2", "-Os"])
@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_no_compiled_function_uses_more_than_its_bound(
    target: Target, optimize: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """C with a frame of 640 bytes, a switch, library calls and 64-bit arithmetic."""
    target_or_skip(target)
    text = """
#include <string.h>
int32_t leaf(int32_t a);
int32_t mixed(int32_t a);
int32_t leaf(int32_t a)
{
    volatile int32_t kept[9];
    for (int32_t k = 0; k < 9; k++) {
        kept[k] = a * k;
    }
    return kept[a & 7];
}

int32_t mixed(int32_t a)
{
    char text[640];
    memset(text, (int)a, sizeof text);
    switch (a & 7) {
    case 0: return leaf(1);
    case 1: return leaf(text[3]) + 3;
    case 2: return (int32_t)(((int64_t)a << 20) / (a + 1));
    case 3: return text[a & 511] * 5;
    case 4: return leaf(2) - a;
    case 5: return leaf(a) ^ leaf(text[7]);
    case 6: return (a % 5) * leaf(a / 3);
    default: return -a;
    }
}
"""
    calls = [f"mixed({k})" for k in range(1, 9)]
    program = build(tmp_path, target, text, main_of(*calls), optimize=optimize, flags=())
    found, used = bound(program, "mixed"), seen(program, "mixed")
    assert found.why == ""
    assert found.bytes is not None
    assert used is not None
    assert used <= found.bytes < used + 128


ROWS = [
    "push {r2, r4-r11, lr}",
    "movs r3, #8",
    "ands r3, r0",
    "push {r6, r7}",
    "nop",
    ".balign 4",
    "add pc, r3",  # past none, one or two of what follows: 8 bytes each
    "nop",
    ".rept 2",
    "add.w r1, r1, #1",
    "add.w r1, r1, #2",
    ".endr",
    "movs r6, #3",
    "1:",
    "adds r1, #1",
    "subs r6, #1",
    "bne 1b",
    "pop {r6, r7}",
    "pop {r2, r4-r11, pc}",
]
"""As the kernels are: naked, all registers, a jump into what is unrolled, a second push."""


def test_a_kernel_in_assembly_has_its_bound_and_its_count(m4: Target, tmp_path: Path) -> None:
    calls = ["rows(0)", "rows(8)"]
    program = build(tmp_path, m4, function("rows", *ROWS), main_of(*calls))
    found = bound(program, "rows")
    assert (found.bytes, found.why) == (48, "")
    assert seen(program, "rows") == 48
    assert count_calls(program, "rows").calls == (6 + 4 + 1 + 9 + 2, 6 + 2 + 1 + 9 + 2)
