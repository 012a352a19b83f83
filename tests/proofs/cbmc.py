"""CBMC over a claim: it holds for all numbers, or there is one for which it does not."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CBMC = str(ROOT / "build" / "proofs" / "cbmc")
CHECKS = (
    "--undefined-shift-check",
    "--div-by-zero-check",
    "--bounds-check",
    "--pointer-check",
    "--unwinding-assertions",
)
NO_OVERFLOW = ["--no-signed-overflow-check"]
TIMEOUT = 600
"""Seconds for one claim."""


@dataclass(frozen=True)
class Verdict:
    """said: what CBMC printed."""

    holds: bool
    said: str
    seconds: float


def version() -> str:
    """Of CBMC."""
    found = subprocess.run([CBMC, "--version"], capture_output=True, text=True, check=True)
    return f"CBMC {found.stdout.split()[0]}"


def proved(source: str, unwind: int, *, overflow: bool, timeout: float = TIMEOUT) -> Verdict:
    """source: a file with a function `claim`."""
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        file = Path(temporary) / "claim.c"
        file.write_text(source, encoding="utf-8")
        start = time.monotonic()
        command = [CBMC, str(file), "--function", "claim", "--unwind", str(unwind), "--z3", *CHECKS]
        command += ["--signed-overflow-check"] if overflow else NO_OVERFLOW
        # A session of its own: the solver that it starts has to end with it.
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return Verdict(False, f"no answer within {timeout:.0f} s", timeout)
    seconds = time.monotonic() - start
    holds = process.returncode == 0 and "VERIFICATION SUCCESSFUL" in said
    return Verdict(holds, said, seconds)
