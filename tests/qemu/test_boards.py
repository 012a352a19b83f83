"""Every board starts, does input and output, and reports what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lstm_edge.errors import ToolchainError
from lstm_edge.targets import Target, all_targets, load_target
from lstm_edge.toolchain import execute, gcc

BOARDS = tuple(target for target in all_targets() if target.board is not None)
every_target = pytest.mark.parametrize("target", all_targets(), ids=lambda target: target.name)

COPY = """
#include "edge_io.h"

static uint8_t buffer[CHUNK];
static volatile int32_t zero;
static volatile int32_t seven = 7;

int main(void)
{
    if (zero != 0 || seven != 7) {
        return 2;
    }
    const edge_file in = edge_open_read("input.bin");
    const edge_file out = edge_open_write("output.bin");
    if (in < 0 || out < 0 || edge_open_read("absent.bin") >= 0) {
        return 3;
    }
    int32_t total = 0;
    for (;;) {
        const size_t size = edge_read(in, buffer, sizeof buffer);
        if (!edge_write(out, buffer, size)) {
            return 4;
        }
        total += (int32_t)size;
        if (size < sizeof buffer) {
            break;
        }
    }
    edge_print("copied ");
    edge_print_int(total);
    edge_print(", ");
    edge_print_int(INT32_MIN);
    edge_print("\\n");
    return (edge_close(in) && edge_close(out)) ? 0 : 5;
}
"""

FLOAT = """
#include "edge_io.h"

/* a * b + c rounded twice, a denormal, and the largest below 1. */
static volatile float values[6] = {
    1.00000012f, 1.00000012f, -1.00000024f, 1e-38f, 0.1f, 0.99999994f,
};

int main(void)
{
    const float results[3] = {
        values[0] * values[1] + values[2],
        values[3] * values[4],
        values[4] / values[5],
    };
    const edge_file out = edge_open_write("output.bin");
    return (edge_write(out, results, sizeof results) && edge_close(out)) ? 0 : 1;
}
"""

UNDEFINED = '__asm__ volatile(".short 0xde00");'
UNMAPPED = "*(volatile uint32_t *)0xf0000000u = 1;"


def program(target: Target, folder: Path, code: str, *defines: str) -> Path:
    source = folder / "main.c"
    source.write_text(code, encoding="utf-8")
    return gcc.build(target, [source], [], folder / "build", defines=defines)


@every_target
@pytest.mark.parametrize("chunk", [4096, 64])
def test_a_megabyte_is_copied_within_a_second(
    target: Target, chunk: int, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    data = bytes(i * i >> 5 & 255 for i in range(1_000_003))
    (tmp_path / "input.bin").write_bytes(data)
    built = program(target, tmp_path, COPY, f"CHUNK={chunk}")
    start = time.monotonic()
    assert execute(target, built, tmp_path) == "copied 1000003, -2147483648\n"
    elapsed = time.monotonic() - start
    assert (tmp_path / "output.bin").read_bytes() == data
    # A second on an idle computer; tests run side by side.
    assert elapsed < 5.0


@every_target
def test_float32_is_rounded_after_every_operation_and_denormals_stay(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    np = pytest.importorskip("numpy")
    target_or_skip(target)
    execute(target, program(target, tmp_path, FLOAT), tmp_path)
    a, b, c, d, e, f = np.array(
        [1.00000012, 1.00000012, -1.00000024, 1e-38, 0.1, 0.99999994], np.float32
    )
    expected = np.array([a * b + c, d * e, e / f], np.float32)
    assert expected[1] > 0
    assert (tmp_path / "output.bin").read_bytes() == expected.tobytes()


@every_target
@pytest.mark.parametrize("status", [1, 42])
def test_the_exit_status_of_main_is_reported(
    target: Target, status: int, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    code = f'#include "edge_io.h"\nint main(void) {{ edge_print("bad\\n"); return {status}; }}\n'
    with pytest.raises(ToolchainError, match=f"failed with status {status}: bad"):
        execute(target, program(target, tmp_path, code), tmp_path)


def fault_cases() -> Iterator[tuple[Target, str, str]]:
    for target in BOARDS:
        if not target.is_arm:
            yield target, '__asm__ volatile(".short 0");', "illegal instruction, number 00000002"
            yield target, UNMAPPED, "store access fault, number 00000007"
        elif target.name.startswith("cortex-m0"):
            # Armv6-M has one fault for everything; its board ignores a write to nowhere.
            yield target, UNDEFINED, "HardFault, number 00000003"
        else:
            yield target, UNDEFINED, "UsageFault, number 00000006"
            yield target, UNMAPPED, "BusFault, number 00000005"


@pytest.mark.parametrize(("target", "statement", "fault"), tuple(fault_cases()))
def test_a_fault_is_a_failure_that_says_which_and_where(
    target: Target,
    statement: str,
    fault: str,
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
) -> None:
    target_or_skip(target)
    code = f"#include <stdint.h>\nint main(void) {{ {statement} return 0; }}\n"
    built = program(target, tmp_path, code)
    with pytest.raises(ToolchainError, match=rf"status 10\d: exception: {fault}.*, pc \w{{8}}\n"):
        execute(target, built, tmp_path)


@pytest.mark.parametrize(
    ("built_for", "board_of"),
    [("cortex-m3", "cortex-m4"), ("cortex-m4", "cortex-m7"), ("cortex-m0", "cortex-m3")],
)
def test_the_wrong_cpu_is_refused(
    built_for: str, board_of: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target, other = load_target(built_for), load_target(board_of)
    target_or_skip(target)
    built = program(target, tmp_path, "int main(void) { return 0; }\n")
    execute(target, built, tmp_path)
    with pytest.raises(ToolchainError, match="status 99: wrong CPU: CPUID is 41"):
        execute(replace(target, board=other.board), built, tmp_path)


def test_an_endless_program_is_stopped(
    tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target("cortex-m4")
    target_or_skip(target)
    built = program(target, tmp_path, "int main(void) { for (;;) {} }\n")
    with pytest.raises(ToolchainError, match=r"qemu-system-arm took longer than 1 s"):
        execute(target, built, tmp_path, timeout=1.0)


def test_a_program_that_does_not_fit_its_memory_is_refused_by_the_linker(
    tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target("cortex-m0")
    target_or_skip(target)
    code = "static volatile char big[70000];\nint main(void) { return big[5]; }\n"
    with pytest.raises(ToolchainError, match="region `RAM' overflowed"):
        program(target, tmp_path, code)
