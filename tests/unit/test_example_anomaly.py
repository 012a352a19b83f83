"""The anomaly detector: what its threshold means, and that integers alone decide."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from examples import score
from examples.anomaly import vibration
from examples.catalogue import find
from examples.metrics import ALARM

EXAMPLE = find("anomaly")
WINDOWS = 1000
FALSE_ALARMS = (0.003, 0.02)
"""Between these is the part of WINDOWS sound ones of which 1 % alarm, in 99 of 100 draws."""
SAME = 0.99
"""Part of the windows that integers judge as float does."""
FLOAT_INSTRUCTION = re.compile(r"\tv[a-z]+|<__aeabi_[fd]\w+")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return score.compile_example(EXAMPLE, tmp_path_factory.mktemp("anomaly") / "bundle")


@pytest.mark.all_cases
def test_sound_windows_that_are_new_alarm_as_rarely_as_is_said(compiled: Path) -> None:
    counts = vibration.windows(np.random.default_rng(1234), WINDOWS)[:, None]
    for where in ("float", "numpy"):
        scores = score.run(compiled, where, {"counts": counts})
        least, most = FALSE_ALARMS
        assert least < np.mean(scores > ALARM) < most, where


def test_integers_judge_as_float_does(compiled: Path) -> None:
    real, ours = (score.run(compiled, where, EXAMPLE.test) for where in ("float", "numpy"))
    assert np.mean((real > ALARM) == (ours > ALARM)) >= SAME


def test_the_integer_part_of_the_threshold_decides_as_real_numbers_do(compiled: Path) -> None:
    stored = score.run(compiled, "numpy", EXAMPLE.test, "--raw")
    (scale,) = re.findall(r"SCORE_SCALE +(\S+)f ", (compiled / "anomaly.h").read_text())
    alarms = stored > int(np.float32(1.0) / np.float32(scale))
    assert np.array_equal(alarms, score.run(compiled, "numpy", EXAMPLE.test) > ALARM)
    assert 0 < alarms.sum() < alarms.size


def test_the_firmware_has_no_float(
    compiled: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("arm-none-eabi-gcc", "arm-none-eabi-objdump", "qemu-system-arm")
    score.run_firmware(EXAMPLE, compiled, tmp_path)
    (program,) = tmp_path.rglob("*.elf")
    code = subprocess.run(
        ["arm-none-eabi-objdump", "-d", program], check=True, capture_output=True, text=True
    ).stdout
    assert "<anomaly_run>:" in code
    assert FLOAT_INSTRUCTION.findall(code) == []
