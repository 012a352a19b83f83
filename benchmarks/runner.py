"""Measures many cases, several at a time, and says how far it is."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.measure import OPTIMIZE, Figures, figures, generate
from lstm_edge.errors import LstmEdgeError

Results = Mapping[Case, tuple[Figures, ...]]
"""Of each case one entry for each of the builds."""


def measure_case(case: Case) -> tuple[Figures, ...]:
    """All builds of one case, in a folder that is removed."""
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as folder:
        generated = generate(case, Path(folder))
        return tuple(figures(generated, each) for each in OPTIMIZE)


def first_line(error: Exception) -> str:
    """What happened; with its kind where it is no message for people."""
    lines = str(error).splitlines() or [""]
    return lines[0] if isinstance(error, LstmEdgeError) else f"{type(error).__name__} {lines[0]}"


def measure_all(cases: Sequence[Case], jobs: int) -> tuple[Results, list[str]]:
    """Figures by case, in the order given, and what was said of those that failed."""
    found: dict[Case, tuple[Figures, ...]] = {}
    failed = []
    start = time.monotonic()
    # One thread each for numpy: more only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {pool.submit(measure_case, case): case for case in cases}
        for done, future in enumerate(as_completed(waiting), start=1):
            case = waiting[future]
            try:
                found[case] = future.result()
                said = " ".join(f"{each.optimize} {each.instructions:,.0f}" for each in found[case])
            except Exception as error:  # one case must not cost all the others
                said = f"failed: {first_line(error)}"
                failed.append(f"{case.title}: {first_line(error)}")
            seconds = time.monotonic() - start
            print(f"{done}/{len(cases)} {seconds:.0f} s  {case.title}: {said}", flush=True)
    return {case: found[case] for case in cases if case in found}, failed
