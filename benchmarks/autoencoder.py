"""The dense layers of MLPerf Tiny's anomaly detection, beside what is the best on silicon."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from onnx import helper

from benchmarks.baselines import read
from benchmarks.markdown import core, decimal, paragraph, table, whole
from benchmarks.measure import NAME, OPTIMIZE, Figures, figures, generate_from
from benchmarks.networks import Array, save
from lstm_edge.targets import load_target

SIZES = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)
MACS = sum(a * b for a, b in pairwise(SIZES)) + SIZES[0] + 1
"""With those of the recurrent unit."""
SAMPLES, STEPS = 10, 8
WIDTHS = (12, 8)
ROOMY = {"cortex-m0plus": "cortex-m3"}
"""Its emulated board has too little flash; that of another core, which has all its instructions."""

TEXT = """## Dense layers beside silicon

{what}

lstm-edge compiles recurrent networks, so that one recurrent unit reads the same input; it is
counted, too, {macs} MACs in all. Weights are random, and cycles are those of the model, without
wait states of flash: a comparison of orders, not of boards. `make bench` measures it, and
`python -m benchmarks autoencoder` alone.
"""


def write(folder: Path) -> tuple[Path, Path]:
    """The ONNX file and its calibration data."""
    rng = np.random.default_rng(0)

    def drawn(most: float, *shape: int) -> Array:
        return rng.uniform(-most, most, shape).astype(np.float32)

    constants = {
        "W": drawn(0.04, 1, 1, SIZES[0]),
        "R": drawn(1.0, 1, 1, 1),
        "B": drawn(1.0, 1, 2),
        "axis": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("RNN", ["x", "W", "R", "B"], ["all"], hidden_size=1),
        helper.make_node("Squeeze", ["all", "axis"], ["h"]),
    ]
    value = "x"
    for n, (inputs, outputs) in enumerate(pairwise(SIZES)):
        constants[f"D{n}"] = drawn((6 / inputs) ** 0.5, inputs, outputs)
        constants[f"b{n}"] = drawn(0.1, outputs)
        last = n == len(SIZES) - 2
        nodes += [
            helper.make_node("MatMul", [value, f"D{n}"], [f"m{n}"]),
            helper.make_node("Add", [f"m{n}", f"b{n}"], ["y" if last else f"a{n}"]),
        ]
        if not last:
            nodes.append(helper.make_node("Relu", [f"a{n}"], [f"r{n}"]))
        value = f"r{n}"
    x = drawn(1.0, SAMPLES, STEPS, 1, SIZES[0])
    outputs_of = {"y": ["T", 1, SIZES[-1]], "h": ["T", 1, 1]}
    inputs_of = {"x": ["T", 1, SIZES[0]]}
    return save(folder, NAME, nodes, constants, inputs_of, outputs_of, {"x": x})


def measure(target: str, activations: int) -> tuple[Figures, ...]:
    """One step, in each of the builds."""
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        folder = Path(temporary)
        model, calibration = write(folder)
        generated = generate_from(model, target, calibration, folder / "c", activations=activations)
        if target in ROOMY:
            board = load_target(ROOMY[target]).board
            generated = replace(generated, target=replace(generated.target, board=board))
        return tuple(figures(generated, optimize) for optimize in OPTIMIZE)


Found = Mapping[tuple[str, int], Figures]
"""By core and bits of activations: the build that takes fewest cycles."""


def measure_all(jobs: int) -> Found:
    """On the cores that there are figures for."""
    targets = [name for name in read("silicon") if name != "what"]
    wanted = [(target, activations) for target in targets for activations in WIDTHS]
    found = {}
    with ProcessPoolExecutor(jobs) as pool:
        for each, builds in zip(wanted, pool.map(_measure, wanted), strict=True):
            found[each] = min(builds, key=lambda build: build.cycles)
            print(f"autoencoder {each[0]} {each[1]}: {found[each].cycles:,.0f} cycles", flush=True)
    return found


def _measure(wanted: tuple[str, int]) -> tuple[Figures, ...]:
    return measure(*wanted)


def section(found: Found) -> str:
    """The table."""
    head = ["core", "activations", "instructions", "cycles", "cycles per MAC", "flags"]
    head += ["silicon", "times faster", "board"]
    text = TEXT.format(what=paragraph(read("silicon")["what"]), macs=f"{MACS:,}")
    return "\n".join([text, table(head, 2, _rows(found)), ""])


def _rows(found: Found) -> Iterator[Sequence[str]]:
    for (target, activations), each in found.items():
        said = read("silicon")[target]
        best = float(said["cycles_per_mac"])
        ours = each.cycles / MACS
        yield [
            core(target),
            str(activations),
            whole(each.instructions),
            whole(each.cycles),
            decimal(ours),
            each.optimize,
            decimal(best),
            decimal(best / ours),
            f"{said['board']}; {said['by']}",
        ]
