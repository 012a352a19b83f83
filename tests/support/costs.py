"""What the cases of tests cost: seconds of the processor, of the process and of those it starts.

As a plugin, `-p tests.support.costs`, it writes a line for each case into `build/costs`; as a
program it makes `tests/costs.txt` of them: tests whose cases take COSTLY seconds and more in the
mean, or TOGETHER and more all of them. `make costs` does both. The figures are those of one
machine: a rough order is all they tell.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "tests" / "costs.txt"
FOLDER = ROOT / "build" / "costs"
COSTLY = 0.25
"""Seconds of a case from which on not all are run each time."""
TOGETHER = 4.0
"""Seconds of all cases of a test from which on not all are run each time."""


def test_of(nodeid: str) -> str:
    """The name of the test that a case belongs to."""
    return nodeid.partition("[")[0]


@cache
def costs() -> dict[str, float]:
    """Test -> seconds of one of its cases, of those that are costly or many."""
    lines = (line.split() for line in FILE.read_text(encoding="utf-8").splitlines())
    return {name: float(seconds) for seconds, name in lines}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Writes down what the test took, with its fixtures."""
    before = os.times()
    try:
        return (yield)
    finally:
        took = sum(b - a for a, b in zip(before[:4], os.times()[:4], strict=True))
        FOLDER.mkdir(parents=True, exist_ok=True)
        with (FOLDER / f"{os.getpid()}.txt").open("a", encoding="utf-8") as file:
            file.write(f"{took:.2f} {item.nodeid}\n")


def main() -> None:
    """Write `tests/costs.txt` anew of what is in `build/costs`."""
    found: dict[str, list[float]] = defaultdict(list)
    for path in sorted(FOLDER.glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            seconds, _, nodeid = line.partition(" ")
            found[test_of(nodeid)].append(float(seconds))
    lines = [
        f"{sum(each) / len(each):.3f} {name}\n"
        for name, each in sorted(found.items())
        if sum(each) >= min(TOGETHER, COSTLY * len(each))
    ]
    FILE.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
