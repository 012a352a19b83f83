"""Write docs/conformance.md from what the conformance tests measure.

    python -m tests.oracle.conformance_table [folder of ONNX's node tests]

The folder, which not everyone has, holds onnx_patterns/backend_cases.py; without it the table of
ONNX's own tests is left out.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import onnx

from tests.oracle import audio_graphs, spectrum_graphs
from tests.oracle.conformance import DIRECTIONS, OPERATORS, Case, cases, check
from tests.oracle.entire import FLOAT, measured
from tests.oracle.spectrum_graphs import FRONTS, LINEAR
from tests.oracle.test_conformance import node_cases, node_verdict
from tests.oracle.test_elementwise import (
    FUNCTIONS,
    NORMS,
    REDUCTIONS,
    function_model,
    norm_model,
    reduction_model,
)
from tests.oracle.test_flat_windows import WINDOWS, window_model
from tests.oracle.test_shifted import CASES as SHIFTED
from tests.oracle.test_shifted import shifted_model
from tests.oracle.test_steps import RANGES, range_model

OTHERS: Mapping[str, Mapping[str, onnx.ModelProto]] = {
    "each number": {case: function_model(case) for case in FUNCTIONS},
    "over features": {f"Reduce{kind}": reduction_model("features", kind) for kind in REDUCTIONS},
    "over steps": {f"Reduce{kind}": reduction_model("steps", kind) for kind in REDUCTIONS},
    "normalized": {case: norm_model(case) for case in NORMS},
    "some steps": {case: range_model(case) for case in RANGES},
    "moved in time": {case: shifted_model(case) for case in SHIFTED},
    "windows and joins": {case: window_model(case) for case in WINDOWS},
    "of samples": {
        front: spectrum_graphs.model(front, mel=front not in LINEAR) for front in FRONTS
    },
    "of samples, written out": {front: audio_graphs.model(front) for front in audio_graphs.FRONTS},
}
ROOT = Path(__file__).resolve().parents[2]
HEAD = """# Conformance

Written by `python -m tests.oracle.conformance_table` from `tests/oracle/conformance.py`;
do not edit. Each line is one node with random weights: 3 features, 5 units, 6 steps, 24 sequences.

- Oracle: onnxruntime, and a float64 computation of the specification that agrees with it. Where
  onnxruntime cannot run the node (marked *), the float64 computation alone.
- Float: the float32 program differs from the oracle by less than 1e-5 in every line.
- Integers: the number is the signal to noise ratio in dB of the int8 program against the oracle, on
  data that calibration has not seen, the worst of the node's outputs. The C code computes the
  integers of the program exactly; other tests hold it to that.
- The functions are those of the candidate, and of the output of an LSTM; alpha and beta differ by
  direction. ThresholdedRelu jumps at alpha, so that the smallest difference may become a large one.
- A constant sequence_lens is 4 of the 6 steps; as an input it differs from sequence to sequence.
"""


def main(arguments: list[str]) -> None:
    """Measure everything and write the file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = [HEAD, *(_table(operator, folder) for operator in OPERATORS), _others(folder)]
        if arguments:
            parts.append(_node_tests(Path(arguments[0]), folder))
    (ROOT / "docs").mkdir(exist_ok=True)
    (ROOT / "docs" / "conformance.md").write_text("\n".join(parts))


def _table(operator: str, folder: Path) -> str:
    found = [case for case in cases() if case.operator == operator]
    lines = [f"## {operator}", "", f"| | {' | '.join(DIRECTIONS)} |", "|---|--:|--:|--:|"]
    for feature in dict.fromkeys(case.feature for case in found):
        row = [case for case in found if case.feature == feature]
        mark = "" if row[0].runtime else " *"
        lines.append(f"| {feature}{mark} | {' | '.join(_cell(c, folder) for c in row)} |")
    return "\n".join([*lines, ""])


def _cell(case: Case, folder: Path) -> str:
    result = check(case, folder)
    return f"{result.decibels:.0f}" if result.error < 1e-5 else f"**{result.error:.1g}**"


def _others(folder: Path) -> str:
    """What stands around a recurrent layer: one line for each operator, or form of it."""
    lines = [
        "## Around a recurrent layer",
        "",
        "Each line is a recurrent layer with this before or behind it, against onnxruntime. The",
        "float32 program agrees to 90 dB or more, the number is that of the int8 program in dB;",
        "tests of these files run the C as well.",
        "",
        "| | | |",
        "|---|---|--:|",
    ]
    for kind, models in OTHERS.items():
        for case, model in models.items():
            found = measured(model, folder)
            exact, rounded = min(found.exact.values()), min(found.rounded.values())
            told = f"{rounded:.0f}" if exact > FLOAT else f"**{exact:.0f} in float**"
            lines.append(f"| {kind} | {case} | {told} |")
    return "\n".join([*lines, ""])


def _node_tests(shared: Path, folder: Path) -> str:
    lines = [
        "## ONNX's own node tests",
        "",
        "All inputs but X are constants of the model.",
        "",
        "| test | |",
        "|---|---|",
    ]
    for case in node_cases(shared):
        verdict = node_verdict(case, folder)
        lines.append(f"| {case.name} | {'agrees' if not verdict else 'refused: ' + verdict} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main(sys.argv[1:])
