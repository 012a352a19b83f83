"""Beside emx-onnx-cgen, which makes float32 C of ONNX: generated, built and counted alike."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from benchmarks.cases import MAIN
from benchmarks.chosen import recurrent
from benchmarks.markdown import core, decimal, geometric_mean, shape, table, whole
from benchmarks.networks import SHAPES, Network, Shape, save
from benchmarks.runner import Results
from lstm_edge.errors import LstmEdgeError
from lstm_edge.profile.counting import count_program
from lstm_edge.targets import load_target
from lstm_edge.toolchain.process import run_tool

NAME = "emx-onnx-cgen"
KINDS = ("lstm", "gru")
OPTIMIZE = ("-O2", "-Os", "-O3")
FLAGS = ("-w", "-Wl,-u,expf,-u,tanhf", "-lm")
"""Its C may warn. -lm comes before the objects, so what they need of it is named."""
STEPS = 8
TIMEOUT = 300.0

Counts = Mapping[tuple[str, Shape], tuple[float, str]]
"""Instructions of a step by kind and shape, and the flag of the build that executes least."""

TEXT = """## Beside {name}

{name} {version} from PyPI (Apache-2.0) writes float32 C of the same layers, on {core}: one step,
with the states as arguments. `make bench` installs it in an environment of its own, generates,
builds with the target's flags and each of {flags}, and counts; the best is listed. It has no
integers, so lstm-edge is listed with `--scheme float32`, too. A ratio is its instructions divided
by those of lstm-edge.
"""
MAIN_C = """
#include <stdint.h>
void peer({declared});
{arrays}

int main(void)
{{
    for (int32_t t = 0; t < {steps}; t += 2) {{
        peer({there});
        peer({back});
    }}
    return 0;
}}
"""


def write_step(kind: str, size: Shape, folder: Path) -> Path:
    """One step of a layer, its states as inputs and outputs; it has the weights of Network."""
    inputs, units = size
    network = Network(kind, inputs, units)
    whole_file, _ = network.write(folder)
    weights = onnx.load(whole_file).graph.initializer
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in weights if c.name in "WRB"}
    states = ["h", "c"][: 2 if kind == "lstm" else 1]
    after: dict[str, Any] = {"linear_before_reset": 1} if kind == "gru" else {}
    node = helper.make_node(
        kind.upper(),
        ["x", "W", "R", "B", "", *(f"{s}0" for s in states)],
        ["", *(f"{s}1" for s in states)],
        hidden_size=units,
        **after,
    )
    given = {"x": [1, 1, inputs], **{f"{s}0": [1, 1, units] for s in states}}
    made = {f"{s}1": [1, 1, units] for s in states}
    return save(folder, "step", [node], constants, given, made, {"x": np.zeros(1)})[0]


def count(python: Path, kind: str, size: Shape, target_name: str = MAIN) -> tuple[float, str]:
    """Generate one step, build it in each way, count: the fewest instructions, and how."""
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        folder = Path(temporary)
        model, source, main = write_step(kind, size, folder), folder / "peer.c", folder / "main.c"
        # All in one file and on the stack, as a target without files and heap needs it.
        options = ("--large-weight-threshold", "0", "--large-temp-threshold", "0")
        command: list[str | Path] = [python, "-m", "emx_onnx_cgen", "compile", model, source]
        run_tool([*command, *options, "--model-name", "peer"], working_dir=folder, timeout=TIMEOUT)
        main.write_text(_main(kind, size), encoding="utf-8")
        found = []
        for optimize in OPTIMIZE:
            counted = count_program(
                load_target(target_name),
                [source, main],
                [],
                ["peer"],
                optimize=optimize,
                extra_flags=FLAGS,
                folder=folder / optimize,
            )
            found.append((counted["peer"].mean, optimize))
        return min(found)


def _main(kind: str, size: Shape) -> str:
    inputs, units = size
    states = ["h", "c"][: 2 if kind == "lstm" else 1]
    declared = ["const float *", *["const float *"] * len(states), *["float *"] * len(states)]
    x = np.random.default_rng(0).uniform(-1, 1, STEPS * inputs)
    numbers = ", ".join(f"{number:.8f}f" for number in x)
    arrays = [f"static const float x[{STEPS} * {inputs}] = {{{numbers}}};"]
    arrays += [f"static float {s}{k}[{units}];" for s in states for k in (0, 1)]
    old, new = [f"{s}0" for s in states], [f"{s}1" for s in states]
    return MAIN_C.format(
        declared=", ".join(declared),
        arrays="\n".join(arrays),
        steps=STEPS,
        there=", ".join([f"&x[t * {inputs}]", *old, *new]),
        back=", ".join([f"&x[(t + 1) * {inputs}]", *new, *old]),
    )


def version(python: Path) -> str | None:
    """None where the package is not installed in that environment."""
    code = f"from importlib.metadata import version; print(version('{NAME}'))"
    try:
        return run_tool([python, "-c", code], working_dir=Path.cwd(), timeout=TIMEOUT).strip()
    except LstmEdgeError:
        return None


def count_all(python: Path, jobs: int) -> Counts:
    """All kinds and shapes."""
    wanted = [(kind, size) for kind in KINDS for size in SHAPES]

    def one(each: tuple[str, Shape]) -> tuple[float, str]:
        found = count(python, *each)
        print(f"{NAME} {each[0]} {shape(*each[1])}: {found[0]:,.0f}", flush=True)
        return found

    with ThreadPoolExecutor(jobs) as pool:
        return dict(zip(wanted, pool.map(one, wanted), strict=True))


def section(results: Results, counts: Counts, installed: str) -> str:
    """The table."""
    flags = ", ".join(OPTIMIZE)
    text = TEXT.format(name=NAME, version=installed, core=core(MAIN), flags=flags)
    head = ["layer", "shape", NAME, "flags", "int8", "ratio", "float32", "ratio"]
    return "\n".join([text, table(head, 2, _rows(results, counts)), ""])


def _rows(results: Results, counts: Counts) -> Iterator[Sequence[str]]:
    for kind in KINDS:
        ratios: dict[str, list[float]] = {"int8": [], "float32": []}
        for size in SHAPES:
            theirs, flags = counts[kind, size]
            row = [kind.upper(), shape(*size), whole(theirs), flags]
            for scheme, found in ratios.items():
                ours = recurrent(results, kind, size, MAIN, {"scheme": scheme})
                if ours is not None:
                    found.append(theirs / ours.figures.instructions)
                row += (
                    ["", ""]
                    if ours is None
                    else [whole(ours.figures.instructions), decimal(found[-1])]
                )
            yield row
        means = [decimal(geometric_mean(found)) for found in ratios.values()]
        yield [kind.upper(), "geometric mean", "", "", "", means[0], "", means[1]]
