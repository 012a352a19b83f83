"""Measures what the compiler estimates with: tiles of kernels, and pieces of code around them.

    python -m benchmarks costs            the tiles of all kernels, and how far estimates are off
    python -m benchmarks costs --write    the same, and lstm_edge/passes/costs.toml anew

A piece costs what makes the estimates of all networks of `stacks.py` nearest to their counts, in
squares of relative errors. What is rare stays near what the table says already.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.markdown import table
from benchmarks.measure import count, generate_from
from benchmarks.stacks import Stack, stacks
from lstm_edge import bundle
from lstm_edge.errors import LstmEdgeError
from lstm_edge.kernels import KERNELS
from lstm_edge.passes import costs
from lstm_edge.passes.select import Selection, select
from lstm_edge.profile.counting import count_calls
from lstm_edge.targets import load_target

Doubles = npt.NDArray[np.float64]

TABLE = Path(costs.__file__).with_name("costs.toml")
CORES = {core: core for core in ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")}
CORES |= {"cortex-m3": "cortex-m3", "cortex-m0": "cortex-m0"}
CORES |= {"rv32im": "riscv32"}
CORES |= {costs.PORTABLE: "cortex-m4", costs.FLOAT: "cortex-m4", costs.FLOAT_HELIUM: "cortex-m55"}
"""By table, the core that it is measured on."""
TRUST = 5e-4
"""How much the table of before counts."""
UNKNOWN = 2.0
HEAD = """# Instructions of the pieces of code around kernels, by core; measured and written by
# `python -m benchmarks costs --write`. A piece is an operation, a load, a store, or what
# passes/workload.py calls so: "unit" and "group" are loops, "step" and "phase" what it takes to
# enter a function, "operand" what a kernel is told of one. "portable" is plain C on a Cortex-M4,
# "rv32im" on a RISC-V.
"""


@dataclass(frozen=True)
class Measured:
    """A network. tiles, pieces: of a step. counted: instructions. kernels: name -> by length of its
    operand what a tile should take, and what it took.
    """

    title: str
    tiles: float
    pieces: Mapping[str, float]
    counted: float
    kernels: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]


def measure_all(base: str, jobs: int) -> list[Measured]:
    """All networks for one table."""
    wanted = [(base, stack, options) for stack, options in stacks()]
    if base in (costs.FLOAT, costs.FLOAT_HELIUM):
        wanted = [(base, s, {"scheme": "float32"}) for _, s, options in wanted if not options]
    with ProcessPoolExecutor(jobs) as pool:
        return [each for each in pool.map(_measure, wanted) if each is not None]


def _measure(wanted: tuple[str, Stack, dict[str, Any]]) -> Measured | None:
    base, stack, options = wanted
    title = f"{base} {stack} {options}"
    try:
        with tempfile.TemporaryDirectory(prefix="lstm-edge-") as folder:
            return _measured(base, stack, options, Path(folder), title)
    except LstmEdgeError as error:
        print(f"{title}: {error}", flush=True)
        return None


def _measured(
    base: str, stack: Stack, options: dict[str, Any], folder: Path, title: str
) -> Measured:
    model, calibration = stack.write(folder)
    target = "portable" if base == costs.PORTABLE else CORES[base]
    generated = generate_from(model, target, calibration, folder / "c", **options)
    core = load_target(CORES[base])
    built = replace(generated, target=core)
    executable, counted = count(built, "-O2")
    program = bundle.read(generated.folder).program
    selection = select(program, load_target(target), "gates")
    steps = program.steps or 1
    code = costs.base_of(program, load_target(target))
    assert code is not None
    tiles, pieces = costs.pieces_around(program, selection, code, steps)
    kernels = {}
    for name in selection.forms:
        if KERNELS[name].streams:
            calls = count_calls(executable, f"le_{KERNELS[name].symbol}_rows").calls
            kernels[name] = tile_costs(selection, name), tuple(sorted(set(calls)))
    per_step = counted.mean / (1 if generated.steps_alone else steps)
    return Measured(title, tiles, pieces, per_step, kernels)


def tile_costs(selection: Selection, kernel: str) -> tuple[int, ...]:
    """What the tiles of a kernel should take, by the lengths of their operands."""
    form = selection.forms[kernel]
    found = {
        KERNELS[kernel].instructions(run.length, form)
        for tiles in selection.tiles.values()
        if tiles.kernel is KERNELS[kernel]
        for runs in tiles.runs
        for run in runs
    }
    return tuple(sorted(found))


def fitted(measured: Sequence[Measured], before: Mapping[str, float]) -> dict[str, float]:
    """Piece -> instructions, none below 0: least squares of relative errors, one by one."""
    names = sorted({name for each in measured for name, n in each.pieces.items() if n})
    rows = np.array([[m.pieces.get(n, 0.0) / m.counted for n in names] for m in measured])
    wanted = np.array([(m.counted - m.tiles) / m.counted for m in measured])
    start = np.array([before.get(name, UNKNOWN) for name in names])
    trust = TRUST / np.maximum(start, 0.5) ** 2
    matrix = rows.T @ rows + np.diag(trust)
    right = rows.T @ wanted + trust * start
    found: Doubles = start.copy()
    for _ in range(5000):
        for k in range(len(names)):
            found[k] = max(0.0, found[k] - (matrix[k] @ found - right[k]) / matrix[k, k])
    return {name: round(float(each), 2) for name, each in zip(names, found, strict=True)}


def errors(measured: Sequence[Measured], prices: Mapping[str, float]) -> Doubles:
    """How far estimates are off, as shares of the counts."""
    made = [
        (m.tiles + sum(prices.get(name, UNKNOWN) * n for name, n in m.pieces.items())) / m.counted
        for m in measured
    ]
    return np.array(made) - 1.0


def run(jobs: int, only: Sequence[str] = (), *, write: bool) -> str:
    """Two tables: tiles, and errors of estimates; with `write` costs.toml anew. only: of some of
    CORES.
    """
    tables = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    off = []
    tiles: dict[str, set[tuple[tuple[int, ...], tuple[int, ...]]]] = {}
    for base in only or CORES:
        measured = measure_all(base, jobs)
        before = costs.prices_of(*_code(base))
        tables[base] = {**tables.get(base, {}), **fitted(measured, before)}
        worst = {}
        for title, prices in (("the table", before), ("measured anew", tables[base])):
            error = errors(measured, prices)
            k = int(np.abs(error).argmax())
            worst[title] = f"{error[k]:+.1%} ({measured[k].title})"
            rms = float(np.sqrt(np.mean(error**2)))
            off.append([base, title, f"{len(measured)}", f"{rms:.2%}", worst[title]])
        for each in measured:
            for kernel, pair in each.kernels.items():
                tiles.setdefault(kernel, set()).add(pair)
    rows = [
        [kernel, _list(expected), _list(found), "" if expected == found else "**differs**"]
        for kernel, pairs in tiles.items()
        for expected, found in sorted(pairs)
    ]
    if write:
        TABLE.write_text(_toml(tables), encoding="utf-8")
    head = ["kernel", "instructions of its tiles", "counted", ""]
    return "\n".join(
        [table(head, 1, rows), "", table(["code", "costs", "networks", "rms", "most"], 2, off), ""]
    )


def _code(base: str) -> tuple[str, str]:
    """The code and the core of a table."""
    if base in (costs.PORTABLE, costs.FLOAT, costs.FLOAT_HELIUM, *costs.PLAIN):
        return base, ""
    features = load_target(base).features
    return next(code for code in costs.BASES if code in features), base


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(str(n) for n in numbers)


def _toml(tables: Mapping[str, Mapping[str, float]]) -> str:
    parts = [HEAD]
    for base, prices in tables.items():
        lines = [f'"{name}" = {price:g}' for name, price in sorted(prices.items())]
        parts += [f'["{base}"]' if " " in base else f"[{base}]", *lines, ""]
    return "\n".join(parts)
