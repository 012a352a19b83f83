"""How long the passes of a compilation take."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Lap:
    """What all runs of a pass took: seconds on the clock, and of processors, with those of programs
    that were called.
    """

    runs: int = 0
    wall: float = 0.0
    cpu: float = 0.0


@dataclass
class Stopwatch:
    """Laps by the names of passes, in the order in which these began first. No pass is timed within
    another.
    """

    laps: dict[str, Lap] = field(default_factory=dict)

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        """Time what is done in it; what fails, too."""
        lap = self.laps.setdefault(name, Lap())
        wall, cpu = time.perf_counter(), _cpu()
        try:
            yield
        finally:
            lap.runs += 1
            lap.wall += time.perf_counter() - wall
            lap.cpu += _cpu() - cpu


def _cpu() -> float:
    return sum(os.times()[:4])
