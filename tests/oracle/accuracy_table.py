"""Write docs/accuracy.md from what trained models lose in each scheme.

    python -m tests.oracle.accuracy_table [shared folder]

The folder, which not everyone has, holds models/manifest.json; it is ../shared where no other is
given. Without it the table has the examples alone, and this says so.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, median

from tests.oracle.accuracy import (
    DEFAULT,
    NEAREST,
    PER_TENSOR,
    PER_TENSOR_OUTPUTS,
    SCHEMES,
    Measured,
    measure,
)
from tests.oracle.accuracy_models import find_trained
from tests.oracle.automatic import Automatic, measure_automatic

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "accuracy.md"
SHARED = ROOT.parent / "shared"
OURS = tuple(title for title, _ in SCHEMES)
WITHOUT_SHARED = "the folder {} has no models/manifest.json: the table has the examples alone"

HEAD = """# Accuracy

Written by `make accuracy` from trained models; do not edit. The models are those of
[examples](../examples/README.md), some of public projects, and three small networks (`cases/`) that
stand for kinds of public ones: a state that adds up for 100 steps, a detector whose probabilities
are below 1e-3, and one-hot inputs of which calibration saw some.

- A number is the signal to noise ratio in dB of an output against the same model in float32, over
  all test samples. 6 dB more are half the error. `compile` has not seen the test samples: a test
  sample that is one of the calibration set stops `make accuracy`.
- Streams are run as streams, with the states kept from call to call. Outputs that show states are
  not listed.
- `default` is `compile` with calibration data and no other option: int8 weights, 12-bit
  activations, a 32-bit cell state, and what `compile` makes wider where that gives less than 36 dB
  on held-back data. The next columns name the option that differs.
- `per tensor` is a simulation of how TensorFlow Lite Micro and CMSIS-NN quantize
  ([per_tensor.py](../tests/oracle/per_tensor.py)): int8 weights and 8-bit activations with one
  scale for each tensor, a 16-bit cell state. It is calibrated on the same samples. Where one had a
  choice it is in favour of that scheme: an output that no matrix reads is not rounded, and sums are
  exact. The last column has outputs in int8, as those libraries do. A GRU's state is int8 there
  where it is mixed unit by unit, too; a wide one would
  give rnnoise_2018 3 to 4 dB more, and keywords 0.4.
- It is the scheme that is simulated, not a run of those libraries. A network whose input vector
  mixes units, as that of the forecast does, would have to be scaled before them: so look at the
  median gain, not at the mean.
"""
SUMMARY = """
A model counts with its worst output; the gain is that over `per tensor`.
"""
SCORES = """
## What the models are for

The same runs, by the figure of each task. For the models of public projects `decisions as in float`
are those of the main output, above or below 0.5; accuracy is by labels.
"""
ROUNDING = """
## How weights are rounded

The default against the same with every weight rounded to its nearest integer and biases left as
they are. Worst output of each model, dB.
"""
TOLD = """
## What compile tells beforehand

The error that `compile` prints is of the samples that it held back; where these are few, of all
samples, parts of which it held back in turn. Below, in dB, is what it told of the default, and what
the test samples gave. Within 3 dB the one says what the other will be. The test of mnist_lstm is
ten clear digits: with probabilities of 0 and 1 there is next to no error. The line of `compile`
says there that its own figure hangs on one sample.
"""
AUTOMATIC = """
## What automatic widths save

`--weights auto --max-drop 0.5` on a Cortex-M4. Widths were chosen on every other labelled sample;
scores are those of the others. Weights are counted with their scales and biases.
"""


def main(arguments: list[str]) -> None:
    """Measure all models and write the file."""
    shared = Path(arguments[0]) if arguments else SHARED
    known = (shared / "models" / "manifest.json").is_file()
    if not known:
        print(WITHOUT_SHARED.format(shared), file=sys.stderr)
    found = []
    for trained in find_trained(shared if known else None):
        with tempfile.TemporaryDirectory(prefix="lstm-edge-") as folder:
            found.append(measure(trained, Path(folder)))
        print(f"{trained.name}: {found[-1].worst(DEFAULT):.1f} dB", flush=True)
    TABLE.write_text(document(found, measure_automatic()))


def document(found: Sequence[Measured], automatic: Sequence[Automatic]) -> str:
    """The whole text."""
    columns = (*OURS, PER_TENSOR, PER_TENSOR_OUTPUTS)
    by_output = [
        [each.name, output, *(_number(each.decibels[title][output]) for title in columns)]
        for each in found
        for output in each.decibels[DEFAULT]
    ]
    scored = ("float32", *OURS, PER_TENSOR)
    scores = [
        [each.name, title, *(figures[scheme] for scheme in scored)]
        for each in found
        for title, figures in each.scores.items()
    ]
    rounding = [
        [each.name, *(_number(each.worst(title)) for title in (DEFAULT, NEAREST))] for each in found
    ]
    total = [
        "mean", *(_number(mean(e.worst(t) for e in found)) for t in (DEFAULT, NEAREST))
    ]  # fmt: skip
    return "\n".join(
        [
            HEAD,
            *_table(["model", "output", *columns], 2, by_output),
            SUMMARY,
            *_table(["over all models", *columns], 1, summary(found, columns)),
            SCORES,
            *_table(["model", "figure", *scored], 2, scores),
            ROUNDING,
            *_table(["model", "second order", "to nearest"], 1, [*rounding, total]),
            *told(found),
            *saved(automatic),
            "",
        ]
    )


def told(found: Sequence[Measured]) -> list[str]:
    """What `compile` told of each output, and by how much that is more than the test gave."""
    rows = [
        [each.name, output, _number(before), _number(after), f"{before - after:+.1f}"]
        for each in found
        for output, before in each.told.items()
        for after in [each.decibels[DEFAULT][output]]
    ]
    return [TOLD, *_table(["model", "output", "told", "test", "told above test"], 2, rows)]


def saved(automatic: Sequence[Automatic]) -> list[str]:
    """What a choice by labels makes of each classifier, and the mean of what it saves."""
    head = ["example", "accuracy in float", "lost points", "weights by default", "weights", "saved"]
    rows = [
        [
            each.name,
            f"{each.score.float_percent:.2f} %",
            f"{each.lost:+.2f}",
            f"{each.usual:,} B",
            f"{each.weights:,} B",
            f"{each.saved:.0f} %",
        ]
        for each in automatic
    ]
    total = ["mean", "", "", "", "", f"{mean(each.saved for each in automatic):.0f} %"]
    return [AUTOMATIC, *_table(head, 1, [*rows, total])]


def summary(found: Sequence[Measured], columns: Sequence[str]) -> list[list[str]]:
    """Rows: mean and minimum over the models, and what is gained over the per-tensor scheme."""

    def row(title: str, figure: Callable[[list[float]], float], *, gain: bool) -> list[str]:
        return [
            title,
            *(
                _number(
                    figure([e.worst(c) - (e.worst(PER_TENSOR) if gain else 0.0) for e in found])
                )
                for c in columns
            ),
        ]

    return [
        row("mean", mean, gain=False),
        row("minimum", min, gain=False),
        row("mean gain", mean, gain=True),
        row("median gain", median, gain=True),
        row("least gain", min, gain=True),
    ]


def _number(decibels: float) -> str:
    return f"{decibels:.1f}"


def _table(head: Sequence[str], words: int, rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, of which the first `words` columns are text."""
    rule = ["---"] * words + ["--:"] * (len(head) - words)
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


if __name__ == "__main__":
    main(sys.argv[1:])
