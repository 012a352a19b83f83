"""docs/benchmarks.md, from all that was measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import compared, flags, gate, mnist, peer, shapes, tiny
from benchmarks.cases import cores, everything
from benchmarks.markdown import core, table
from benchmarks.runner import Results, first_line, measure_all
from lstm_edge.profile.timing import timing

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "benchmarks.md"
SHARED = ROOT.parent / "shared"

HEAD = """# Benchmarks

Written by `make bench`; do not edit.

- Instructions are those that a step executes, counted one by one under QEMU; each counted program
  runs its self-test, so its results are right to the bit. Weights are random, with a fixed seed.
- Cycles are a model, without wait states of flash; how far it is from boards is said below.
- `-` stands for what was not measured.
- A MAC is a multiply-accumulate of a matrix product; what a step does beside them is in the figure.
- Compiler: {compiler}, with the flags of the target.

{bands}
"""
FAILED = """## Not measured

{}
"""


class Missing:
    """What is left out, and why."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def note(self, reason: str) -> None:
        """Print it and keep it."""
        print(f"not measured: {reason}", flush=True)
        self.reasons.append(reason)

    def section(self, title: str, made: Callable[[], str]) -> str:
        """A section, or nothing where a tool failed."""
        try:
            return made()
        except Exception as error:  # one section must not cost all the others
            self.note(f"{title}: {first_line(error)}")
            return ""


def write(shared: Path, peer_folder: Path | None, jobs: int) -> list[str]:
    """Measure everything and write the document; what failed or is missing."""
    missing = Missing()
    results, failed = measure_all(everything(), jobs)
    for each in failed:
        missing.note(each)
    parts = [
        HEAD.format(compiler=gate.compiler(), bands=_bands()),
        compared.section(results),
        *_peer(results, peer_folder, jobs, missing),
        *_mnist(shared, missing),
        missing.section("MLPerf Tiny", lambda: tiny.section(tiny.measure_all(jobs))),
        shapes.section(results),
        shapes.widths_section(results),
        missing.section("flags", lambda: flags.section(flags.measure_all(jobs))),
    ]
    if missing.reasons:
        parts.append(FAILED.format("\n".join(f"- {reason}" for reason in missing.reasons)))
    DOCUMENT.write_text("\n".join(part for part in parts if part), encoding="utf-8")
    return missing.reasons


def _bands() -> str:
    tables = [timing(target.name) for target in cores()]
    rows = [[core(t.core), f"{100 * t.band:.0f} %", t.status] for t in tables]
    return table(["core", "cycles within", "checked against"], 3, rows)


def _peer(results: Results, folder: Path | None, jobs: int, missing: Missing) -> list[str]:
    python = None if folder is None else (folder / "bin" / "python").absolute()
    installed = None if python is None or not python.exists() else peer.version(python)
    if python is None or installed is None:
        missing.note(f"{peer.NAME} is not installed; `make bench` installs it with a network")
        return []

    def made() -> str:
        return peer.section(results, peer.count_all(python, jobs), installed)

    return [missing.section(peer.NAME, made)]


def _mnist(shared: Path, missing: Missing) -> list[str]:
    if not mnist.is_there(shared):
        missing.note(f"a whole model: there is no models/{mnist.MODEL} in the shared folder")
        return []
    return [missing.section("a whole model", lambda: mnist.section(mnist.measure_all(shared)))]
