"""Write docs/exporters.md from what becomes of files that exporters wrote.

    python -m tests.oracle.exporter_table [folder of files]

The folder, which not everyone has, is ../shared/onnx_patterns where no other is given.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from tests.oracle.exporters import EXPORTERS, Verdict, opset_of, pattern_files, verdict

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "exporters.md"
PATTERNS = ROOT.parent / "shared" / "onnx_patterns"

HEAD = """# Files of exporters

Written by `python -m tests.oracle.exporter_table` from files that exporters wrote of small
networks with random weights; do not edit. A file's name tells the module: `bf` is batch first,
`tm` time major, `bi` bidirectional, `2l` two layers, `dynB` and `dynT` open axes of batch and time,
`state` h0 and c0 as inputs, `q...` quantized.

A number is the largest difference of any output from onnxruntime's, for random inputs: the model
in float64 against the file as it is. Quantized files differ by the rounding of their activations,
which onnxruntime does as the file says and lstm-edge on its own. A text says why a file is refused.
"""


def main(arguments: list[str]) -> None:
    """Load every file and write the table."""
    patterns = Path(arguments[0]) if arguments else PATTERNS
    if not patterns.is_dir():
        sys.exit(f"no folder {patterns}: give the folder of exported files")
    found = [(heading, file, verdict(file)) for heading, file in pattern_files(patterns)]
    TABLE.write_text(table([(h, file.name, opset_of(file), v) for h, file, v in found]))


def table(found: list[tuple[str, str, int, Verdict]]) -> str:
    """The whole document, from (heading, file's name, opset, verdict) of each file."""
    taken = [(heading, not v.refusal) for heading, _, _, v in found]
    lines = [HEAD, "| exporter | files | compiled |", "|---|--:|--:|"]
    for heading in EXPORTERS.values():
        lines.append(f"| {heading} | {count(taken, heading)} |")
    for heading in EXPORTERS.values():
        lines += ["", f"## {heading}", "", "| file | opset | |", "|---|--:|---|"]
        lines += [f"| {n} | {o} | {cell(v)} |" for h, n, o, v in found if h == heading]
    return "\n".join([*lines, ""])


def count(taken: list[tuple[str, bool]], heading: str) -> str:
    """Files and compiled files of an exporter, as two cells."""
    mine = [compiled for h, compiled in taken if h == heading]
    return f"{len(mine)} | {sum(mine)}"


def cell(v: Verdict) -> str:
    """A difference as the next power of ten, or why a file is refused or not compared."""
    if v.failure:
        return "compiled, not compared: " + v.failure.replace("|", "\\|")
    if v.refusal:
        return "refused: " + v.refusal.replace("|", "\\|")
    exponent = -16 if v.difference == 0 else max(-16, math.ceil(math.log10(v.difference)))
    return f"below 1e{exponent}"


if __name__ == "__main__":
    main(sys.argv[1:])
