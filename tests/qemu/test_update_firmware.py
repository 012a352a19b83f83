"""Firmware whose weights are replaced keeps one of both versions whole, wherever power goes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.all_cases
def test_power_cut_at_any_byte_leaves_one_version_whole(
    project_root: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("arm-none-eabi-gcc", "qemu-system-arm")
    folder = project_root / "firmware" / "update"
    done = subprocess.run(
        ["make", "-C", folder, "--always-make", "run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "updates that brought revision 2: 1\nwhole after each, self-test passed\n" in done.stdout
