"""Executed instructions under QEMU are counted one by one, and the same in each run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.errors import ToolchainError
from lstm_edge.profile.counting import Counted, count_program
from lstm_edge.targets import Target, all_targets, load_target

BOARDS = tuple(target for target in all_targets() if target.board is not None)
every_board = pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)

PROGRAM = """
#include <stdint.h>

int32_t nine(int32_t rounds);
int32_t around(int32_t rounds);
void never(void);

/* 3 instructions, and 2 for each round. */
__attribute__((naked, noinline)) int32_t nine(int32_t rounds __attribute__((unused)))
{
    __asm__ volatile(".syntax unified\\n"
                     "push {r4, lr}\\n"
                     "movs r4, r0\\n"
                     "1:\\n"
                     "subs r4, #1\\n"
                     "bne 1b\\n"
                     "pop {r4, pc}\\n");
}

/* 4 instructions of its own, and two calls. */
__attribute__((naked, noinline)) int32_t around(int32_t rounds __attribute__((unused)))
{
    __asm__ volatile(".syntax unified\\n"
                     "push {r3, lr}\\n"
                     "bl nine\\n"
                     "bl nine\\n"
                     "pop {r3, pc}\\n");
}

__attribute__((naked, noinline)) void never(void)
{
    __asm__ volatile("bx lr");
}

static volatile int32_t zero;

int main(void)
{
    for (int32_t k = 1; k < 4; k++) {
        (void)around(k);
    }
    (void)nine(100);
    if (zero != 0) {
        never();
    }
    return 0;
}
"""
FLAGS = ("-Wno-return-type", "-fno-ipa-icf", "-fno-inline", "-fno-ipa-cp")


def counted(folder: Path, target: Target, *entries: str) -> dict[str, Counted]:
    source = folder / "counted.c"
    source.write_text(PROGRAM)
    return count_program(target, [source], [], entries, extra_flags=FLAGS)


@every_board
def test_each_call_counts_its_instructions_and_those_of_what_it_calls(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    found = counted(tmp_path, target, "nine", "around")
    assert found["nine"].calls == (5, 5, 7, 7, 9, 9, 203)
    assert found["around"].calls == (14, 18, 22)
    assert found["around"].functions == {"nine": 42, "around": 12}
    assert found["around"].most == 22
    assert found["around"].mean == 18


def test_a_count_repeats_to_the_last_block(
    tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target("cortex-m4")
    target_or_skip(target)
    first, second = (counted(tmp_path, target, "around")["around"] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("entry", "message"), [("absent", "is no function"), ("never", "never called")]
)
def test_an_entry_that_cannot_be_counted_is_refused(
    entry: str, message: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target("cortex-m4")
    target_or_skip(target)
    with pytest.raises(ToolchainError, match=message):
        counted(tmp_path, target, entry)
