"""Runs a bare-metal program on the board that QEMU emulates for a target."""

from __future__ import annotations

from pathlib import Path

from lstm_edge.errors import ToolchainError
from lstm_edge.targets import Board, Target
from lstm_edge.toolchain.process import run_tool


def run(target: Target, program: Path, working_dir: Path, timeout: float = 120.0) -> str:
    """Run an ELF file, at most `timeout` seconds; what it printed.

    The files that it opens by semihosting are in `working_dir`. An exit status other than 0
    (a fault, a wrong CPU, the program's own) and a timeout raise ToolchainError.
    """
    if target.board is None:
        raise ToolchainError(f"{target.name} has no board that QEMU could emulate")
    command = command_line(target.board, program.resolve())
    return run_tool(command, working_dir=working_dir, timeout=timeout)


def command_line(board: Board, program: Path) -> tuple[str, ...]:
    """QEMU without screen, monitor and serial ports; semihosting output on standard output."""
    return (
        board.emulator,
        *board.qemu,
        *("-display", "none", "-monitor", "none", "-serial", "none"),
        *("-chardev", "stdio,id=console,signal=off"),
        *("-semihosting-config", "enable=on,target=native,chardev=console"),
        *("-kernel", str(program)),
    )
