"""The one place where lstm-edge starts another program."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lstm_edge.errors import ToolchainError

TAIL_LINES = 20
"""Lines of a failed program's output that its error shows."""

_ARM = "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi binutils-arm-none-eabi"
_RISCV = "apt-get install gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"
_INSTALL = {
    "cc": "apt-get install gcc",
    "gcc": "apt-get install gcc",
    "g++": "apt-get install g++",
    "clang": "apt-get install clang",
    "clang++": "apt-get install clang",
    "size": "apt-get install binutils",
    "arm-none-eabi-gcc": _ARM,
    "arm-none-eabi-size": _ARM,
    "qemu-system-arm": "apt-get install qemu-system-arm",
    "riscv64-unknown-elf-gcc": _RISCV,
    "riscv64-unknown-elf-size": _RISCV,
    "qemu-system-riscv32": "apt-get install qemu-system-misc",
}


def find_tool(name: str) -> str:
    """Full path of a program. ToolchainError, with how to install it, if it is not there."""
    found = shutil.which(name)
    if found is None:
        hint = _INSTALL.get(name)
        advice = f"install it (Debian, Ubuntu: {hint})" if hint else "install it"
        raise ToolchainError(f"{name} was not found on PATH; {advice}")
    return os.path.abspath(found)


def run_tool(command: Sequence[str | Path], *, working_dir: Path, timeout: float) -> str:
    """Run a program without a shell and without input; what it wrote to standard output.

    timeout is in seconds. A missing program, an exit status other than 0 and a timeout raise
    ToolchainError: its first line says what happened, the others give command and output.
    """
    name, *arguments = (str(word) for word in command)
    words = [find_tool(name), *arguments]
    try:
        process = subprocess.Popen(
            words,
            cwd=working_dir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ToolchainError(f"{name} cannot be started: {error.strerror}") from error
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except BaseException as error:
        # The whole session: a compiler driver has children of its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            happened = f"{name} took longer than {timeout:g} s and was stopped"
            raise _failure(happened, words, stderr + stdout) from error
        raise
    if process.returncode != 0:
        happened = f"{name} failed with {_status(process.returncode)}"
        raise _failure(happened, words, stderr + stdout)
    return stdout


def _status(returncode: int) -> str:
    if returncode >= 0:
        return f"status {returncode}"
    try:
        return f"signal {signal.Signals(-returncode).name}"
    except ValueError:
        return f"signal {-returncode}"


def _failure(happened: str, words: Sequence[str], output: str) -> ToolchainError:
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line]
    cause = (errors or lines[-1:] or ["it printed nothing"])[0].strip()
    tail = lines[-TAIL_LINES:]
    return ToolchainError("\n".join([f"{happened}: {cause}", f"  {shlex.join(words)}", *tail]))
