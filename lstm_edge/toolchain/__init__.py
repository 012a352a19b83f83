"""Builds generated C and runs it: on this computer, or on a board that QEMU emulates."""

from __future__ import annotations

from pathlib import Path

from lstm_edge.targets import Target
from lstm_edge.toolchain import host, qemu

DEFAULT_TIMEOUT = 120.0
"""Seconds that a program may run."""


def execute(
    target: Target, program: Path, working_dir: Path, timeout: float = DEFAULT_TIMEOUT
) -> str:
    """Run a program built for `target` where it can run, in `working_dir`; its standard output.

    A missing tool, an exit status other than 0 and a timeout raise ToolchainError.
    """
    run = host.run if target.board is None else qemu.run
    return run(target, program, working_dir, timeout)
