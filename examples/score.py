"""Score the examples in float and in integers, and write the table in README.md.

    python -m examples.score [NAME ...] [--write]

An example is a folder with `example.toml`, a model, `calibration.npz` and `test.npz`. This compiles
each for a Cortex-M4, runs the test set in float, as integers in numpy, as C on this computer and in
QEMU, compares all bits, and computes the figure that the example is about. The exit status is 0 if
numpy and C agree and int8 is as good as float, to a point of percent or to 5 % of the figure.
"""

import argparse
import re
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from examples.metrics import METRICS, Metric
from lstm_edge import bundle, verify
from lstm_edge.driver import Request, compile_model
from lstm_edge.errors import LstmEdgeError
from lstm_edge.runner import HOST_DEFINES
from lstm_edge.targets import load_target
from lstm_edge.toolchain import execute, gcc

Array = npt.NDArray[Any]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
README = HERE / "README.md"
TARGET = "cortex-m4"
LARGEST_LOSS = 1.0
"""Points of percent that int8 may lose against float."""
LARGEST_GROWTH = 0.05
"""Part of float's error or perplexity that int8 may add."""
BEGIN, END = "<!-- written by make examples -->\n", "<!-- end -->\n"
HEAD = """\
| Example | What it does | Network | Figure | float32 | int8 | Flash | RAM |
|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Example:
    """What example.toml says.

    figures: metrics, each with what float must reach. prints: a regular expression that the output
    of the firmware matches.
    """

    name: str
    order: int
    shows: str
    network: str
    figures: tuple[tuple[Metric, float], ...]
    prints: str

    @property
    def folder(self) -> Path:
        return HERE / self.name

    @property
    def test(self) -> dict[str, Array]:
        """The arrays of test.npz."""
        return bundle.read_arrays(self.folder / "test.npz")


@dataclass(frozen=True)
class Figure:
    """A figure of an example in float and in integers."""

    metric: Metric
    bound: float
    real: float
    ours: float

    @property
    def float_is_good(self) -> bool:
        """Whether float reaches its bound, without which a comparison says little."""
        return self.real <= self.bound if self.metric.lower_is_better else self.real >= self.bound

    @property
    def int8_is_good(self) -> bool:
        """Whether int8 is as good as float."""
        if self.metric.lower_is_better:
            return self.ours <= self.real * (1.0 + LARGEST_GROWTH)
        return self.ours >= self.real - LARGEST_LOSS

    def cells(self) -> list[str]:
        """Title and both numbers."""
        metric = self.metric
        numbers = [f"{n:.{metric.digits}f}{metric.unit}" for n in (self.real, self.ours)]
        return [metric.title, *numbers]


@dataclass(frozen=True)
class Score:
    """The figures of an example, and bytes of the program."""

    example: Example
    figures: tuple[Figure, ...]
    flash: int
    ram: int

    def rows(self) -> str:
        """Lines of the table, one for each figure."""
        e = self.example
        first, *others = (figure.cells() for figure in self.figures)
        sizes = [f"{size / 1024:.1f} kB" for size in (self.flash, self.ram)]
        rows = [[f"[{e.name}]({e.name})", e.shows, e.network, *first, *sizes]]
        rows += [["", "", "", *cells, "", ""] for cells in others]
        return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def find(name: str) -> Example:
    """The example in a folder."""
    said = tomllib.loads((HERE / name / "example.toml").read_text())
    figures = tuple((METRICS[metric], bound) for metric, bound in said["figures"].items())
    return Example(
        name, said["order"], said["shows"], said["network"], figures, said["firmware_prints"]
    )


def find_all() -> list[Example]:
    """All examples, in the order of the table."""
    found = [find(path.parent.name) for path in HERE.glob("*/example.toml")]
    return sorted(found, key=lambda example: example.order)


def compile_example(example: Example, folder: Path, target: str = TARGET) -> bundle.Bundle:
    """Compile into a folder, as `lstm-edge compile --calibration` does."""
    request = Request(
        model=example.folder / f"{example.name}.onnx",
        target=target,
        calibration=example.folder / "calibration.npz",
        output=folder,
    )
    bundle.write(folder, compile_model(request, lambda done, total: None).files)
    return bundle.read(folder)


def run_stored(compiled: bundle.Bundle, where: str, arrays: dict[str, Array]) -> Array:
    """The only output, in stored numbers, [N, 1, ...]; arrays: of test.npz."""
    (port,) = compiled.program.outputs
    return verify.run_on(compiled, where, arrays, stream=False)[port.name]


def score(example: Example, compiled: bundle.Bundle) -> Score:
    """The figures of the whole test set, by the float and by the integer program."""
    arrays = example.test
    outputs = []
    (port,) = compiled.program.outputs
    for where in ("float", "numpy"):
        named = {port.name: run_stored(compiled, where, arrays)}
        real = verify.as_user_arrays(compiled, where, named, stream=False, raw=False)
        outputs.append(real[port.name])
    figures = tuple(
        Figure(metric, bound, *(metric.of(output, arrays) for output in outputs))
        for metric, bound in example.figures
    )
    flash, ram = (sum(compiled.manifest[kind].values()) for kind in ("flash", "ram"))
    return Score(example, figures, flash, ram)


def different(compiled: bundle.Bundle, arrays: dict[str, Array]) -> dict[str, int]:
    """How many stored numbers of the C on this computer and in QEMU are not those of numpy."""
    expected = run_stored(compiled, "numpy", arrays)
    return {
        where: int((run_stored(compiled, where, arrays) != expected).sum())
        for where in ("host", "qemu")
    }


def run_firmware(
    example: Example, compiled: bundle.Bundle, folder: Path, target: str = TARGET
) -> str:
    """Build firmware/<name> with the generated C and run it: what it prints.

    Raises ToolchainError where the compiler warns, or the program does not end with status 0.
    """
    sources = [
        *sorted((ROOT / "firmware" / example.name).glob("*.c")),
        *compiled.sources,
        compiled.folder / f"{example.name}_selftest.c",
    ]
    place = load_target(target)
    includes = [ROOT / "firmware" / example.name, compiled.folder]
    defines: tuple[str, ...] = ()
    if place.board is None:
        includes.append(ROOT / "firmware" / "host")
        defines = HOST_DEFINES
    program = gcc.build(place, sources, includes, folder, defines=defines)
    return execute(place, program, folder)


def table(scores: Sequence[Score]) -> str:
    """The table of README.md."""
    return HEAD + "".join(found.rows() for found in scores)


def write(scores: Sequence[Score]) -> None:
    """Put the table in its place in README.md."""
    text = README.read_text()
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    README.write_text(pattern.sub(lambda _: f"{BEGIN}{table(scores)}{END}", text))


def report(example: Example, folder: Path) -> tuple[Score, list[str]]:
    """Run one example in all places; its score, and what is wrong."""
    compiled = compile_example(example, folder / "bundle")
    found = score(example, compiled)
    wrong = [
        f"{example.name}: {count} numbers of {where} differ from those of numpy"
        for where, count in different(compiled, example.test).items()
        if count
    ]
    for figure in found.figures:
        name = f"{example.name}, {figure.metric.title}"
        if not figure.float_is_good:
            wrong.append(f"{name}: float32 does not reach {figure.bound:g}{figure.metric.unit}")
        if not figure.int8_is_good:
            wrong.append(f"{name}: int8 is worse than float32 by more than it may be")
    printed = run_firmware(example, compiled, folder / "firmware")
    if not re.search(example.prints, printed):
        wrong.append(f"{example.name}: the firmware does not print {example.prints!r}")
    return found, wrong


def main() -> int:
    """Score the examples that are named, or all; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.score")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all examples")
    parser.add_argument("--write", action="store_true", help="write the table in README.md")
    options = parser.parse_args()
    if options.names and options.write:
        parser.error("--write needs the scores of all examples")
    chosen = [find(name) for name in options.names] or find_all()
    scores, wrong = [], []
    for example in chosen:
        with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
            try:
                found, messages = report(example, Path(temporary))
            except LstmEdgeError as error:
                print(f"Error: {example.name}: {error}", file=sys.stderr)
                return error.exit_status
        scores.append(found)
        wrong += messages
        print(found.rows(), end="", flush=True)
    for text in wrong:
        print(f"Error: {text}", file=sys.stderr)
    if options.write and not wrong:
        write(scores)
    return 3 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
