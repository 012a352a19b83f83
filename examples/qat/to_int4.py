"""From trained PyTorch networks to int4: train on with int4 weights, compile, score the integers.

    python -m examples.qat.to_int4 [NAME ...] [--seeds N] [-o DIR] [--write]

The networks are those of `networks.py`. Each is compiled as it is, where the compiler rounds its
weights in second order; then trained on by `int4.py`, and compiled again. Scores are of the test
set that nothing else sees, by the compiled integers. That these are those of the training is
checked. `make qat` writes the table of README.md.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import lstm_edge
from examples import catalogue, training
from examples.metrics import Metric
from examples.qat import networks
from examples.qat.int4 import Int4, fit

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- written by make qat -->\n", "<!-- end -->\n"
HEAD = """\
| Network | Figure | float32 | int4, rounded | int4, trained | standard deviation | worst | best |
|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Scores:
    """Of a network: in float, rounded, and trained from each seed."""

    name: str
    metric: Metric
    real: float
    rounded: float
    trained: tuple[float, ...]

    def row(self) -> str:
        """A line of the table."""
        m, found = self.metric, self.trained
        spread = float(np.std(found, ddof=1)) if len(found) > 1 else 0.0
        worst, best = (max, min) if m.lower_is_better else (min, max)
        mean = float(np.mean(found))
        numbers = [self.real, self.rounded, mean, spread, worst(found), best(found)]
        cells = [f"{n:.{m.digits}f}{m.unit}" for n in numbers]
        return f"| [{self.name}](../{self.name}) | {m.title} | {' | '.join(cells)} |\n"


def to_int4(name: str, seed: int, folder: Path | None) -> tuple[float, float, float]:
    """Train a network on from a seed: scores in float, rounded, trained. folder: to save C in."""
    training.start(seed)
    given = networks.load(name)

    def score(model: lstm_edge.Compiled, **where: Any) -> float:
        outputs = np.asarray(model.predict(given.test, **where))
        return given.metric.of(outputs, given.labels)

    tuned = Int4(given.module, given.example, given.calibration)
    fit(tuned, given.batches(seed), given.loss, given.updates, given.rate)
    model = tuned.compile("cortex-m4")
    if folder is not None:
        model.save(folder / name)
    return score(tuned.before, on="float"), score(tuned.before), score(model)


def run(name: str, seeds: int, folder: Path | None) -> Scores:
    """All seeds of a network, told as they come; the C is that of the first."""
    found = []
    metric, _ = catalogue.find(name).figures[0]
    for seed in range(seeds):
        begun = time.perf_counter()
        scores = to_int4(name, seed, None if seed else folder)
        found.append(scores)
        real, rounded, trained = (f"{n:.{metric.digits}f}{metric.unit}" for n in scores)
        print(
            f"{name}, seed {seed}, {metric.title}: float32 {real}, int4 rounded {rounded}, "
            f"trained {trained}; {time.perf_counter() - begun:.0f} s",
            flush=True,
        )
    reals, rounds, trains = zip(*found, strict=True)
    return Scores(name, metric, reals[0], rounds[0], trains)


def write(scores: Sequence[Scores]) -> None:
    """Put the table in its place in README.md."""
    table = HEAD + "".join(each.row() for each in scores)
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    text = README.read_text()
    README.write_text(pattern.sub(lambda _: f"{BEGIN}{table}{END}", text))


def main() -> None:
    """Train and score; print the table's rows, or write them."""
    parser = argparse.ArgumentParser(prog="python -m examples.qat.to_int4")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all networks")
    parser.add_argument("--seeds", type=int, default=3, help="how many trainings, default 3")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder to save C in")
    parser.add_argument("--write", action="store_true", help="write the table in README.md")
    options = parser.parse_args()
    names = options.names or list(networks.NETWORKS)
    unknown = [name for name in names if name not in networks.NETWORKS]
    if unknown:
        parser.error(f"no network {unknown[0]!r}; there are {', '.join(networks.NETWORKS)}")
    if options.seeds < 1:
        parser.error(f"--seeds {options.seeds}: expected 1 or more")
    if options.write and options.names:
        parser.error("--write needs all networks")
    scores = [run(name, options.seeds, options.output) for name in names]
    print(HEAD + "".join(each.row() for each in scores), end="")
    if options.write:
        write(scores)


if __name__ == "__main__":
    main()
