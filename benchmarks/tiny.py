"""The networks of MLPerf Tiny beside what was measured on boards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.baselines import read
from benchmarks.markdown import MISSING, core, decimal, paragraph, table, whole
from benchmarks.measure import OPTIMIZE, Figures, figures, generate_from
from benchmarks.tiny_networks import NETWORKS, Tiny
from lstm_edge.targets import load_target

CORES = ("cortex-m0plus", "cortex-m4", "cortex-m33", "cortex-m7", "cortex-m55")
ROOMY = {"cortex-m0plus": "cortex-m3"}
"""Its emulated board has too little flash; that of another core, which has all its instructions."""

TEXT = """## MLPerf Tiny beside silicon

{what}

Networks are those of the suite, written as ONNX by `benchmarks/tiny_networks.py`: AD, dense layers
640-128-128-128-128-8-128-128-128-128-640 with BatchNormalization and ReLU; KWS, a DS-CNN over 49
frames of 10 MFCC; SWW, four separable convolutions along time. Weights are random, and cycles are
those of the model, without wait states of flash: a comparison of orders, not of boards. `make
bench` measures it, `python -m benchmarks tiny` alone.

KWS takes a frame at a time, so that the last of 49 steps has what padding leaves to do; a row is
all of them.

"""
STREAMING = """
### Streaming wake word

64 ms of samples every {hop:.0f} ms. Mel bands and their logarithms are in all figures, the first
difference of samples in those of boards alone. The suite's reference computes a window of 30 frames
anew at each frame, 432,832 MACs; lstm-edge keeps the windows of its layers, so that a frame takes
{macs:,} MACs. Duty is the part of the time that a core is busy at its clock; below 100 % it runs in
real time.

"""


def measure(network: Tiny, target: str, activations: int) -> Figures:
    """One inference, or one frame in the mean, in the build that takes fewest cycles."""
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        folder = Path(temporary)
        model, calibration = network.write(folder)
        generated = generate_from(model, target, calibration, folder / "c", activations=activations)
        if target in ROOMY:
            board = load_target(ROOMY[target]).board
            generated = replace(generated, target=replace(generated.target, board=board))
        found = min((figures(generated, each) for each in OPTIMIZE), key=lambda each: each.cycles)
    n = 1 if network.seconds else found.calls
    return replace(found, instructions=found.instructions * n, cycles=found.cycles * n, calls=1)


Found = Mapping[tuple[Tiny, str, int], Figures]
"""By network, core and bits of activations."""


def measure_all(jobs: int) -> Found:
    """On all cores of which cycles are known."""
    wanted = [(n, target, bits) for n in NETWORKS for target in CORES for bits in n.activations]
    found = {}
    with ProcessPoolExecutor(jobs) as pool:
        for each, figure in zip(wanted, pool.map(_measure, wanted), strict=True):
            found[each] = figure
            print(f"{each[0].name} {each[1]} {each[2]}: {figure.cycles:,.0f} cycles", flush=True)
    return found


def _measure(wanted: tuple[Tiny, str, int]) -> Figures:
    return measure(*wanted)


def section(found: Found) -> str:
    """Both tables."""
    head = ["network", "core", "activations", "instructions", "cycles", "cycles per MAC", "flash"]
    head += ["RAM", "flags", "silicon", "times faster", "board"]
    streaming = next(network for network in NETWORKS if network.seconds)
    frame = ["core", "instructions", "cycles", "flash", "RAM", "MHz", "duty", "duty of the board"]
    parts = [
        TEXT.format(what=paragraph(read("silicon")["what"])),
        table(head, 2, _rows(found)),
        "\n",
        STREAMING.format(hop=1000 * streaming.seconds, macs=streaming.macs),
        table([*frame, "board"], 1, _frames(found)),
        "\n",
    ]
    return "".join(parts)


def _rows(found: Found) -> Iterator[Sequence[str]]:
    for (network, target, activations), each in found.items():
        if network.seconds:
            continue
        said = _said(network, target)
        best = said.get("cycles_per_mac")
        ours = each.cycles / network.macs
        yield [
            network.name,
            core(target),
            str(activations),
            whole(each.instructions),
            whole(each.cycles),
            decimal(ours),
            whole(each.flash),
            whole(each.ram),
            each.optimize,
            decimal(best),
            MISSING if best is None else decimal(best / ours),
            said.get("board", MISSING),
        ]


def _frames(found: Found) -> Iterator[Sequence[str]]:
    for (network, target, _), each in found.items():
        if not network.seconds:
            continue
        said = _said(network, target)
        duty, mhz = said.get("duty"), said["mhz"]
        yield [
            core(target),
            whole(each.instructions),
            whole(each.cycles),
            whole(each.flash),
            whole(each.ram),
            str(mhz),
            f"{100 * each.cycles / (mhz * 1e6 * network.seconds):.1f} %",
            MISSING if duty is None else f"{100 * duty:.1f} %",
            said.get("board", MISSING),
        ]


def _said(network: Tiny, target: str) -> Mapping[str, Any]:
    """What is published of a network on a core."""
    found: Mapping[str, Any] = read("silicon")[network.name].get(target, {})
    return found
