"""Executed instructions under QEMU are counted one by one, and the same in each run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from lstm_edge.errors import ToolchainError
from lstm_edge.profile.counting import Executable, count_calls, count_program
from lstm_edge.profile.cycles import block_costs, model_of
from lstm_edge.profile.instructions import disassemble
from lstm_edge.profile.plugin import Range
from lstm_edge.profile.systick import build_timed, timed_calls
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain import qemu
from tests.support.counted import FLAGS, HEAD, build, every_board, function, main_of

NINE = function(
    "nine", "push {r4, lr}", "movs r4, r0", "1:", "subs r4, #1", "bne 1b", "pop {r4, pc}"
)
"""3 instructions, and 2 for each of `a` rounds."""
AROUND = function("around", "push {r3, lr}", "bl nine", "bl nine", "pop {r3, pc}")
"""4 instructions of its own; the second round of `nine` starts from what the first one left."""
NEVER = function("never", "bx lr")
CALLS = [f"around({k})" for k in (1, 2, 3)]
ZERO = "static volatile int32_t zero;\n"
PROGRAM = (NINE, AROUND, NEVER, ZERO, main_of(*CALLS, "nine(100)", "(zero != 0 && never(1))"))


@pytest.fixture
def m4(target_or_skip: Callable[[Target], None]) -> Target:
    target = load_target("cortex-m4")
    target_or_skip(target)
    return target


@every_board
def test_each_call_counts_its_instructions_and_those_of_what_it_calls(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    source = tmp_path / "counted.c"
    source.write_text(HEAD + "".join(PROGRAM))
    found = count_program(target, [source], [], ["nine", "around"], extra_flags=FLAGS)
    assert found["nine"].calls == (5, 5, 7, 7, 9, 9, 203)
    assert found["around"].calls == (14, 18, 22)
    assert found["around"].functions == {"nine": 42, "around": 12}
    assert found["around"].most == 22
    assert found["around"].mean == 18


def test_a_count_repeats_to_the_last_block(m4: Target, tmp_path: Path) -> None:
    program = build(tmp_path, m4, *PROGRAM)
    assert count_calls(program, "around") == count_calls(program, "around")


def test_one_call_of_several_is_counted_alone(m4: Target, tmp_path: Path) -> None:
    program = build(tmp_path, m4, *PROGRAM)
    found = count_calls(program, "around", only=2)
    assert found.calls == (14, 18, 22)
    assert sum(found.functions.values()) == 22


def test_a_helper_counts_for_the_function_that_calls_it(m4: Target, tmp_path: Path) -> None:
    """Two callers of one helper, which is in nobody's range."""
    first = function("first", "push {r3, lr}", "bl nine", "pop {r3, pc}")
    second = function("second", "push {r3, lr}", "bl nine", "nop", "pop {r3, pc}")
    both = function(
        "both", "push {r3, lr}", "bl first", "movs r0, #10", "bl second", "pop {r3, pc}"
    )
    program = build(tmp_path, m4, NINE, first, second, both, main_of("both(2)"))
    symbols = program.symbols.by_name
    ranges = tuple(
        Range(symbols[name].address, symbols[name].address + symbols[name].size - 1, owner)
        for owner, name in sorted(
            enumerate(("both", "first", "second")), key=lambda each: symbols[each[1]].address
        )
    )
    found = count_calls(program, "both", ranges)
    sums = [0, 0, 0]
    for block in found.blocks:
        sums[block.owner] += block.runs * block.instructions
    assert found.calls == (5 + 3 + 7 + 4 + 23,)
    assert sums == [5, 3 + 7, 4 + 23]


@pytest.mark.parametrize("filler", range(2, 10, 2))
def test_a_block_that_ends_at_a_page_is_neither_longer_nor_left_by_a_jump(
    filler: int, m4: Target, tmp_path: Path
) -> None:
    """Code of two and four bytes across pages of 1 KiB, at every distance from their ends."""
    lines = [
        "b 2f",
        f".space {filler}, 0",
        "2:",
        ".rept 700",
        "adds r0, #1",
        "add.w r1, r1, #1",
        ".endr",
        "bx lr",
    ]
    program = build(tmp_path, m4, function("far", *lines), main_of("far(1)"))
    found = count_calls(program, "far")
    assert found.calls == (1 + 1400 + 1,)
    assert sum(b.taken for b in found.blocks) == 2
    costs = block_costs(model_of("cortex-m4"), disassemble(m4, program.path), found.blocks)
    assert sum(len(cost.code) for cost in costs) == 1402


@pytest.mark.parametrize(
    ("entry", "message"), [("absent", "is no function"), ("never", "never called")]
)
def test_an_entry_that_cannot_be_counted_is_refused(
    entry: str, message: str, m4: Target, tmp_path: Path
) -> None:
    program = build(tmp_path, m4, *PROGRAM)
    with pytest.raises(ToolchainError, match=message):
        count_calls(program, entry)


def test_an_entry_that_does_not_return_is_refused(m4: Target, tmp_path: Path) -> None:
    leaves = function("leaves", "movs r0, #0", "bl semihosting_exit")
    program = build(tmp_path, m4, leaves, main_of("leaves(0)"))
    with pytest.raises(ToolchainError, match="did not return"):
        count_calls(program, "leaves")


def test_a_count_equals_that_of_single_steps(m4: Target, tmp_path: Path) -> None:
    """QEMU's own log, one line for each instruction."""
    program = build(tmp_path, m4, *PROGRAM)
    log = tmp_path / "log.txt"
    command = [*qemu.command_line(program.board, program.path), *single_steps(), "-D", str(log)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    steps = re.findall(r"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", log.read_text(), re.MULTILINE)
    assert calls_in([int(pc, 16) for pc in steps], program, "around") == (14, 18, 22)
    assert count_calls(program, "around").calls == (14, 18, 22)


def single_steps() -> list[str]:
    version = subprocess.run(
        ["qemu-system-arm", "--version"], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"version (\d+)\.(\d+)", version)
    assert found is not None
    old = (int(found[1]), int(found[2])) < (8, 1)
    return ["-singlestep" if old else "-one-insn-per-tb", "-d", "exec,nochain"]


def calls_in(steps: Iterable[int], program: Executable, entry: str) -> tuple[int, ...]:
    start = program.symbols.by_name[entry].address & ~1
    calls: list[int] = []
    before = behind = -1
    for pc in steps:
        if pc == behind:
            behind = -1
        elif pc == start and behind < 0:
            behind = before + 4
            calls.append(0)
        if behind >= 0:
            calls[-1] += 1
        before = pc
    return tuple(calls)


@every_board
def test_systick_agrees_with_the_plugin_to_one_percent(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """Another clock, for computers without a compiler: 40 ns and more for a tick, not a count."""
    target_or_skip(target)
    numbers = (400, 1000, 100_000)
    source, other = tmp_path / "counted.c", tmp_path / "main.c"
    source.write_text(HEAD + NINE)
    other.write_text(
        HEAD + "int32_t nine(int32_t a);\n" + main_of(*(f"nine({n})" for n in numbers))
    )
    program = build_timed(target, [source, other], [], tmp_path, "nine", extra_flags=FLAGS)
    found = timed_calls(program)
    assert found == pytest.approx([3 + 2 * n for n in numbers], rel=0.01)


def test_a_call_that_is_too_long_for_systick_is_refused(m4: Target, tmp_path: Path) -> None:
    source, other = tmp_path / "counted.c", tmp_path / "main.c"
    source.write_text(HEAD + NINE)
    other.write_text(HEAD + "int32_t nine(int32_t a);\n" + main_of("nine(20000000)"))
    program = build_timed(m4, [source, other], [], tmp_path, "nine", extra_flags=FLAGS)
    with pytest.raises(ToolchainError):
        timed_calls(program)
