"""The counts that a change may not make worse unseen: counts.json, two dozen of them.

    python -m benchmarks update     write them anew; commit the file with the change that moved them

They belong to one version of the compiler for Arm, as another one makes other code of the same C.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.cases import MAIN, MAIN_SHAPE, Case, cores
from benchmarks.measure import count, generate
from benchmarks.networks import Network
from lstm_edge.toolchain.process import run_tool

COUNTS = Path(__file__).resolve().parent / "counts.json"
TOLERANCE = 0.01
OPTIMIZE = "-O2"
COMPILER = "arm-none-eabi-gcc"
RENEW = "`make bench-update` writes benchmarks/counts.json anew"


def cases() -> list[Case]:
    """Every core with an LSTM, every kernel on the main one, and a larger network for some."""
    return list(dict.fromkeys(_cases()))


def first_cases() -> list[Case]:
    """What every change is held to, the rest before a release: an LSTM and a GRU for each C that
    cores get, and the widths of the main core that others have not.
    """
    lstm, gru = (Network(kind, *MAIN_SHAPE) for kind in ("lstm", "gru"))
    same = [Case(net, core) for net in (lstm, gru) for core in ("cortex-m0", MAIN, "cortex-m55")]
    return [
        *same,
        Case(lstm, "cortex-m3"),
        Case(lstm, MAIN, weights=4),
        Case(lstm, MAIN, scheme="fixed"),
    ]


def _cases() -> Iterator[Case]:
    lstm = Network("lstm", *MAIN_SHAPE)
    for core in (target.name for target in cores()):
        yield Case(lstm, core)
    for kind in ("gru", "rnn"):
        yield Case(Network(kind, *MAIN_SHAPE), MAIN)
    yield Case(Network("lstm", 16, 32, head=32), MAIN)
    yield Case(Network("lstm", 9, 20), MAIN)
    yield Case(lstm, MAIN, weights=4)
    yield Case(lstm, MAIN, activations=8)
    yield Case(lstm, MAIN, weights=16, activations=16)
    yield Case(lstm, MAIN, scheme="fixed")
    for core in ("cortex-m0", "cortex-m3", "cortex-m55"):
        yield Case(Network("gru", *MAIN_SHAPE), core)
        yield Case(lstm, core, weights=4)
    yield Case(lstm, "cortex-m55", activations=8)
    yield Case(lstm, "cortex-m55", weights=16, activations=16)
    for core in ("cortex-m3", MAIN, "cortex-m55"):
        yield Case(Network("lstm", 64, 64), core)


def compiler() -> str:
    """The version of the compiler, as it says it."""
    return run_tool([COMPILER, "--version"], working_dir=Path.cwd(), timeout=60.0).splitlines()[0]


def measure(chosen: Sequence[Case], jobs: int = 2) -> dict[str, int]:
    """Instructions of a step by case."""
    with ProcessPoolExecutor(jobs) as pool:
        found = pool.map(_count, chosen)
        return {case.title: count for case, count in zip(chosen, found, strict=True)}


def _count(case: Case) -> int:
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as folder:
        _, counted = count(generate(case, Path(folder)), OPTIMIZE)
        return round(counted.mean)


def update(jobs: int = 2) -> None:
    """Write counts.json."""
    table = {
        "compiler": compiler(),
        "flags": OPTIMIZE,
        "instructions of a step": measure(cases(), jobs),
    }
    COUNTS.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def kept() -> tuple[str, dict[str, int]]:
    """The compiler and the counts of counts.json."""
    table = json.loads(COUNTS.read_text(encoding="utf-8"))
    return table["compiler"], table["instructions of a step"]


def differences(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """A line for each count that moved by more than TOLERANCE, and for each new or missing one."""
    lines = []
    for title in dict.fromkeys([*before, *now]):
        old, new = before.get(title), now.get(title)
        if old is None or new is None:
            lines.append(f"{title}: {'not in counts.json' if old is None else 'not measured'}")
        elif new > old * (1 + TOLERANCE):
            lines.append(f"{title}: {old:,} -> {new:,} instructions, slower")
        elif new < old * (1 - TOLERANCE):
            lines.append(f"{title}: {old:,} -> {new:,} instructions, faster: renew the file")
    return lines
