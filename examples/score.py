"""Score the examples in float and in integers, and write the table in README.md.

    python -m examples.score [NAME ...] [--write]

An example is a folder with `example.toml`, a model, `calibration.npz` and `test.npz`. This compiles
each for a Cortex-M4, runs the test set in float, as integers in numpy, as C on this computer and in
QEMU, compares all bits, computes the figure that the example is about, and counts instructions. The
exit status is 0 if numpy and C agree and int8 is as good as float, to a point of percent or to 5 %
of the figure.
"""

import argparse
import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from examples.catalogue import HERE, ROOT, Example, find_all, load
from examples.metrics import Metric
from lstm_edge import bundle, cli
from lstm_edge.cost import cost_of
from lstm_edge.errors import LstmEdgeError
from lstm_edge.profile.bundle_profile import profile_targets
from lstm_edge.targets import load_target
from lstm_edge.toolchain import execute, gcc

Array = npt.NDArray[Any]

README = HERE / "README.md"
TARGET = "cortex-m4"
LARGEST_LOSS = 1.0
"""Points of percent that int8 may lose against float."""
LARGEST_GROWTH = 0.05
"""Part of float's error or perplexity that int8 may add."""
BEGIN, END = "<!-- written by make examples -->\n", "<!-- end -->\n"
HEAD = """\
| Example | What it does | Network | Figure | float32 | int8 | Flash | RAM | Instructions a step |
|---|---|---|---|---|---|---|---|---|
"""


class ScoreError(Exception):
    """The command line failed: its message."""


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
    """The figures of an example, bytes of the program, and its instructions a time step, on the
    mean."""

    example: Example
    figures: tuple[Figure, ...]
    flash: int
    ram: int
    instructions: float

    def rows(self) -> str:
        """Lines of the table, one for each figure."""
        e = self.example
        first, *others = (figure.cells() for figure in self.figures)
        costs = [f"{size / 1024:.1f} kB" for size in (self.flash, self.ram)]
        costs.append(f"{self.instructions / 1000:.1f} k")
        rows = [[f"[{e.name}]({e.name})", e.shows, e.network, *first, *costs]]
        rows += [["", "", "", *cells, *("" for _ in costs)] for cells in others]
        return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def lstm_edge(*words: object) -> None:
    """Call the command line, in this process; ScoreError where it fails."""
    messages = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(messages):
        try:
            cli.main([str(word) for word in words], standalone_mode=False)
        except SystemExit:
            raise ScoreError(messages.getvalue().strip()) from None


def compile_example(example: Example, folder: Path, target: str = TARGET) -> Path:
    """Compile into a folder; the folder."""
    source = example.folder / f"{example.name}.onnx"
    data = ("--calibration", example.folder / "calibration.npz")
    lstm_edge("compile", source, "--target", target, *data, "-o", folder)
    return folder


def run(compiled: Path, where: str, arrays: Mapping[str, Array], *options: str) -> Array:
    """The only output, [N, *output shape], of arrays as in test.npz."""
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        inputs, outputs = Path(temporary) / "inputs.npz", Path(temporary) / "outputs.npz"
        np.savez(inputs, **arrays)  # type: ignore[arg-type]
        lstm_edge("run", compiled, "--inputs", inputs, "--on", where, *options, "-o", outputs)
        (found,) = load(outputs).values()
    return found


def figures_of(example: Example, compiled: Path) -> tuple[Figure, ...]:
    """The figures of the whole test set, by the float and by the integer program."""
    arrays = example.test
    outputs = [run(compiled, where, arrays) for where in ("float", "numpy")]
    return tuple(
        Figure(metric, bound, *(metric.of(output, arrays) for output in outputs))
        for metric, bound in example.figures
    )


def score(example: Example, compiled: Path, figures: tuple[Figure, ...]) -> Score:
    """The figures with what the program costs; instructions are counted in QEMU."""
    made = bundle.read(compiled)
    cost = cost_of(made.manifest)
    (profile,) = profile_targets(made)
    call = profile.main
    return Score(example, figures, cost.flash, cost.ram, call.mean.instructions / call.steps)


def different(compiled: Path, arrays: Mapping[str, Array]) -> dict[str, int]:
    """How many stored numbers of the C on this computer and in QEMU are not those of numpy."""
    expected = run(compiled, "numpy", arrays, "--raw")
    return {
        where: int((run(compiled, where, arrays, "--raw") != expected).sum())
        for where in ("host", "qemu")
    }


def run_firmware(example: Example, compiled: Path, folder: Path, target: str = TARGET) -> str:
    """Build firmware/<name> with the generated C and run it: what it prints.

    Raises ToolchainError where the compiler warns, or the program does not end with status 0.
    """
    sources = [
        *sorted((ROOT / "firmware" / example.name).glob("*.c")),
        *(compiled / f"{example.name}{end}.c" for end in ("", "_weights", "_selftest")),
    ]
    place = load_target(target)
    includes = [ROOT / "firmware" / example.name, compiled]
    if place.board is None:
        includes.append(ROOT / "firmware" / "host")
    program = gcc.build(place, sources, includes, folder)
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
    found = score(example, compiled, figures_of(example, compiled))
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
    if not re.search(example.firmware_prints, printed):
        wrong.append(f"{example.name}: the firmware does not print {example.firmware_prints!r}")
    return found, wrong


def main() -> int:
    """Score the examples that are named, or all; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.score")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all examples")
    parser.add_argument("--write", action="store_true", help="write the table in README.md")
    options = parser.parse_args()
    if options.names and options.write:
        parser.error("--write needs the scores of all examples")
    known = {example.name: example for example in find_all()}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no example {unknown[0]!r}; there are {', '.join(known)}")
    chosen = [known[name] for name in options.names or known]
    scores, wrong = [], []
    for example in chosen:
        with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
            try:
                found, messages = report(example, Path(temporary))
            except (ScoreError, LstmEdgeError) as error:
                print(f"Error: {example.name}: {error}", file=sys.stderr)
                return 1
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
