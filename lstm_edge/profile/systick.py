"""Instructions without the plugin: QEMU gives each the same time, and SysTick measures it.

Totals of calls only, to about one instruction in a thousand; for computers without a C compiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lstm_edge.errors import ToolchainError
from lstm_edge.profile.counting import Executable, build_program
from lstm_edge.resources import firmware_dir
from lstm_edge.targets import Target
from lstm_edge.toolchain import qemu
from lstm_edge.toolchain.process import run_tool

TIMEOUT = 600.0
SHIFT = 5
"""An instruction takes 2^SHIFT nanoseconds."""
SHORT, LONG = 3 + 3 * 1000, 3 + 3 * 100_000
"""Instructions of the two calls that firmware/profile/ticks.c begins with."""


def build_timed(
    target: Target,
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    folder: Path,
    function: str,
    *,
    extra_flags: Sequence[str] = (),
) -> Executable:
    """As `build_program`, for `timed_calls` of one function of another file than its caller's."""
    ticks = firmware_dir() / "profile" / "ticks.c"
    return build_program(
        target,
        [*sources, ticks],
        include_dirs,
        folder,
        defines=(f'TICKS_REAL="__real_{function}"', f'TICKS_WRAP="__wrap_{function}"'),
        extra_flags=("-Wl,--wrap=main", f"-Wl,--wrap={function}", *extra_flags),
    )


def timed_calls(executable: Executable) -> tuple[int, ...]:
    """Instructions of each call; ToolchainError where one is too long for SysTick."""
    line = qemu.command_line(executable.board, executable.path.resolve())
    command = [*line, "-icount", f"shift={SHIFT}"]
    output = run_tool(command, working_dir=executable.folder, timeout=TIMEOUT)
    ticks = [int(word) for word in output.split() if word.isdecimal()]
    if len(ticks) < 3:
        raise ToolchainError(f"SysTick measured no call: {output.strip()!r}")
    short, long, *calls = ticks
    per_tick = (LONG - SHORT) / (long - short)
    return tuple(round(SHORT + (call - short) * per_tick) for call in calls)
