"""A command that is ended from outside says so by its status, and leaves no file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import FIXTURES


@pytest.mark.parametrize(
    ("number", "says"), [(signal.SIGINT, "Interrupted."), (signal.SIGTERM, "")]
)
def test_a_compilation_that_is_ended_leaves_nothing(
    number: int, says: str, tmp_path: Path, project_root: Path
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    words = ("compile", str(FIXTURES / "lstm.legacy.onnx"), "--target", "cortex-m4", "-o", "made")
    process = subprocess.Popen(
        [sys.executable, "-m", "lstm_edge", *words],
        env={**os.environ, "PYTHONPATH": str(project_root), "TMPDIR": str(temporary)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not any(temporary.iterdir()):
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 128 + number
    assert says in err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.rglob("*")] == ["tmp"]
