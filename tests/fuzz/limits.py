"""Run the command line on files made to take all memory or all time: `python -m tests.fuzz.limits`.

Each has to end within SECONDS and BYTES, in a result or in one line that says what is wrong.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.large import CASES

SECONDS, BYTES = 20.0, 10**9
_PATIENCE = 30.0


@dataclass(frozen=True)
class Ended:
    """How a command ended: seconds and bytes of memory of the process itself."""

    status: int
    seconds: float
    memory: int
    said: str

    def wrong(self) -> str:
        """What must not be; "" where all is well."""
        if self.seconds > SECONDS:
            return "too long"
        if self.memory > BYTES:
            return "too much memory"
        if self.status not in (0, 1, 2, 3):
            return f"status {self.status}"
        if "Traceback" in self.said:
            return "a traceback"
        return ""


def ended(name: str, folder: Path) -> Ended:
    """Make the files of a case, and run its command."""
    command = [sys.executable, "-m", "lstm_edge", *_made(name, folder)]
    with (folder / "said").open("w+b") as said:
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
        status, used = None, None
        while status is None:
            pid, found, used = os.wait4(process.pid, os.WNOHANG)
            resident = _resident(process.pid)
            if pid:
                status = os.waitstatus_to_exitcode(found)
            elif time.monotonic() - began > _PATIENCE or resident > 4 * BYTES:
                os.killpg(process.pid, signal.SIGKILL)
                _, found, used = os.wait4(process.pid, 0)
                status = os.waitstatus_to_exitcode(found)
            else:
                time.sleep(0.05)
        process.returncode = status
        assert used is not None
        said.seek(0)
        text = said.read().decode(errors="replace")
    return Ended(status, time.monotonic() - began, used.ru_maxrss * 1024, text)


def _made(name: str, folder: Path) -> list[str]:
    """The command of a case, whose files a process of its own makes: what it takes would count as
    the memory of each process that is started later.
    """
    if os.fork() == 0:
        try:
            (folder / "command").write_text("\0".join(CASES[name](folder)))
        finally:
            os._exit(0)
    os.wait()
    return (folder / "command").read_text().split("\0")


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (OSError, IndexError):
        return 0


def main() -> int:
    """Print a line for each case; status 1 where one ended badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of names; all without")
    chosen = parser.parse_args().names
    bad = 0
    for name in CASES:
        if chosen and not any(part in name for part in chosen):
            continue
        folder = Path(tempfile.mkdtemp())
        try:
            end = ended(name, folder)
        finally:
            shutil.rmtree(folder)
        wrong = end.wrong()
        bad += bool(wrong)
        lines = [line for line in end.said.splitlines() if line.startswith("Error")]
        last = (lines or end.said.splitlines() or [""])[-1][:150]
        print(
            f"{wrong.upper() or 'ok':16} {name:40} {end.seconds:5.1f} s {end.memory / 1e6:6.0f} MB "
            f"[{end.status}] {last}",
            flush=True,
        )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
