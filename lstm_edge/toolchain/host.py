"""Runs a program that was built for this computer."""

from __future__ import annotations

from pathlib import Path

from lstm_edge.errors import ToolchainError
from lstm_edge.targets import Target
from lstm_edge.toolchain.process import run_tool


def run(target: Target, program: Path, working_dir: Path, timeout: float = 120.0) -> str:
    """Run `program` in `working_dir`, at most `timeout` seconds; its standard output.

    An exit status other than 0 and a timeout raise ToolchainError with what it printed.
    """
    if target.board is not None:
        raise ToolchainError(f"a program for {target.name} cannot run on this computer")
    return run_tool([program.resolve()], working_dir=working_dir, timeout=timeout)
