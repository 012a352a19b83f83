"""`compile --verbose` tells the seconds of each pass, on stderr alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lstm_edge.stopwatch import Stopwatch
from tests.support.command import DIGITS, call, done

MODEL = DIGITS / "digits.onnx"
ARGUMENTS = (MODEL, "--target", "cortex-m4", "--calibration", DIGITS / "calibration.npz")
ROW = re.compile(r"^(\S.*?) {2,}(\d*) +(\d+\.\d\d) +(\d+\.\d\d)$", re.MULTILINE)

PASSES = (
    "read model",
    "read data",
    "calibrate",
    "choose bits",
    "run float",
    "lower",
    "run integers",
    "prove",
    "measure the error",
    "render",
    "size",
    "bundle",
    "total",
)
"""In the order in which they begin; there may be others between."""


def rows(stderr: str) -> dict[str, tuple[str, float, float]]:
    """Pass -> how often it was run, seconds on the clock and of processors."""
    return {name: (runs, float(wall), float(cpu)) for name, runs, wall, cpu in ROW.findall(stderr)}


def test_each_pass_has_a_line_and_all_add_up(tmp_path: Path) -> None:
    told = done("compile", *ARGUMENTS, "-o", tmp_path / "a", "--verbose")
    assert told.stderr.splitlines()[0].split() == ["pass", "runs", "wall", "s", "CPU", "s"]
    found = rows(told.stderr)
    assert [name for name in found if name in PASSES] == list(PASSES)
    assert found["lower"][0] == "3", "the first programs, and two that are made after the best"
    *passes, total = found.values()
    for kind in (1, 2):
        assert sum(float(each[kind]) for each in passes) == pytest.approx(total[kind], abs=0.1)
    assert found["calibrate"][1] > 0.0


def test_nothing_else_changes(tmp_path: Path) -> None:
    quiet = done("compile", *ARGUMENTS, "-o", tmp_path / "a")
    told = done("compile", *ARGUMENTS, "-o", tmp_path / "a", "--verbose")
    assert quiet.stdout == told.stdout
    assert not rows(quiet.stderr)


@pytest.mark.all_cases
def test_a_search_tells_how_often(tmp_path: Path) -> None:
    options = ("--weights", "auto", "--max-error", "30")
    told = done("compile", *ARGUMENTS, *options, "-o", tmp_path / "a", "--verbose")
    found = rows(told.stderr)
    tried = int(found["judge"][0])
    assert tried > 1
    assert int(found["lower"][0]) >= 3 * tried
    assert found["calibrate"][0] == found["run float to judge"][0] == "1"


def test_a_failure_is_told_with_what_was_done_until_then(tmp_path: Path) -> None:
    told = call("compile", *ARGUMENTS, "-o", tmp_path / "a", "--verbose", "--max-flash", "1K")
    assert told.exit_code == 3
    assert {"read model", "render", "size", "total"} <= rows(told.stderr).keys()
    assert told.stderr.splitlines()[-1].startswith("Error: ")


def test_a_stopwatch_counts_what_fails_and_adds_up() -> None:
    watch = Stopwatch()
    with watch.lap("one"):
        pass
    with pytest.raises(KeyError), watch.lap("one"):
        raise KeyError
    assert watch.laps["one"].runs == 2
    assert 0.0 <= watch.laps["one"].wall < 5.0
