"""Check the C of several models as docs/misra.md says, and write that page anew."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstm_edge.targets import load_target
from tests.misra.checkers import (
    Deviation,
    Finding,
    deviations,
    misra,
    tidy,
    unexplained,
    version,
)
from tests.support.compiling import compile_file

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "misra.md"
HEAD = """# MISRA C and the generated C

Written by `make misra` from `tests/misra/deviations.toml` and from what {misra} and {tidy} say of
the C of the models below; do not edit. That takes five minutes; `make test` holds the same for two
small models. cppcheck's addon looks at MISRA C:2012, at most of the rules that a tool can decide,
and has no texts of rules, whose licence forbids it: what stands here are our own words.

**Required and mandatory rules:** none is violated but those in the table, each for its reason.
Advisory rules that are not followed are listed with them. A rule that is not listed and is violated
anywhere makes `make misra` and `make test` fail.

**Stack, heap, recursion:** no function calls itself (rule 17.2), nothing is allocated (21.3), no
array has a variable length (18.8), and no function is called by a pointer. The bound of the stack
is `stack` in `manifest.json`; see [decision 53](decisions/0053-a-bound-of-the-stack.md).

Functions in assembly, which the targets for Cortex-M have, are outside of what both tools read.
"""


@dataclass(frozen=True)
class Case:
    """An example, for a target, with options of `lstm_edge.compile`."""

    example: str
    target: str
    what: str
    options: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case("digits", "portable", "LSTM"),
    Case("digits", "cortex-m7", "LSTM, float32", {"scheme": "float32"}),
    Case("digits", "cortex-m33", "LSTM, int4", {"weights": 4}),
    Case("digits", "cortex-m4", "LSTM, weights that can be replaced", {"updatable": True}),
    Case("keywords", "cortex-m4", "GRU"),
    Case("activity", "cortex-m0", "convolution with a stride, GRU"),
    Case("entities", "portable", "embedding, bidirectional LSTM"),
    Case("entities", "cortex-m55", "the same", {"scheme": "fixed"}),
    Case("commands", "portable", "audio front end, Conv2d, GRU"),
    Case("commands", "cortex-m55", "the same"),
    Case("commands", "portable", "the same, float32", {"scheme": "float32"}),
    Case("anomaly", "cortex-m4", "GRU encoder and decoder, over whole sequences"),
    Case("characters", "riscv32", "embedding, two layers of LSTM, dense at each step"),
)


@dataclass(frozen=True)
class Checked:
    """What the two tools find in the C of a case."""

    case: Case
    misra: list[Finding]
    tidy: list[Finding]


def checked(case: Case) -> Checked:
    """Compile an example and look at its C."""
    folder = ROOT / "examples" / case.example
    compiled = compile_file(
        folder / f"{case.example}.onnx",
        case.target,
        calibration=folder / "calibration.npz",
        **case.options,
    )
    target = load_target(case.target)
    with tempfile.TemporaryDirectory() as name:
        for file, data in compiled.files.items():
            if file.endswith((".c", ".h")):
                (Path(name) / file).write_bytes(data)
        sources = sorted(Path(name).glob("*.c"))
        return Checked(case, misra(sources, target), tidy(sources, target))


def document(found: list[Checked]) -> str:
    """The page."""
    rules, checks = deviations("misra"), deviations("tidy")
    return "\n".join(
        [
            HEAD.format(misra=version("cppcheck"), tidy=version("clang-tidy")),
            "## Models",
            "",
            "| Example | What it is | Target | Options |",
            "|---|---|---|---|",
            *(_case(each.case) for each in found),
            "",
            "## Deviations from MISRA C:2012",
            "",
            "Places: in the C of all these models, each place once for each of them.",
            "",
            "| Rule | | What it is about | Places | Why it stays |",
            "|---|---|---|--:|---|",
            *_rows(rules, [f for each in found for f in each.misra]),
            "",
            "## Checks of clang-tidy",
            "",
            "All of `bugprone` and `cert` hold but",
            "",
            "| Check | Places | Why it stays |",
            "|---|--:|---|",
            *_rows(checks, [f for each in found for f in each.tidy]),
            "",
        ]
    )


def _case(case: Case) -> str:
    options = " ".join(f"{key}={value}" for key, value in case.options.items())
    return f"| {case.example} | {case.what} | {case.target} | {f'`{options}`' if options else ''} |"


def _rows(known: dict[str, Deviation], found: Iterable[Finding]) -> list[str]:
    counts = Counter(each.rule for each in found)
    rows = []
    for name, each in known.items():
        said = [name, each.category, each.about] if each.category else [f"`{name}`"]
        rows.append(f"| {' | '.join([*said, str(counts[name]), each.reason])} |")
    return rows


def main() -> None:
    """Check everything and write the page; what has no deviation is printed, and ends it."""
    found = [checked(case) for case in CASES]
    left = False
    for each in found:
        faults = unexplained(each.misra, deviations("misra"))
        faults += unexplained(each.tidy, deviations("tidy"))
        for fault in faults:
            left = True
            place = f"{each.case.example}, {each.case.target}: {fault.file}:{fault.line}"
            print(f"{place}: {fault.rule} {fault.message}", file=sys.stderr)
    if left:
        sys.exit("misra: no deviation is listed for these")
    PAGE.write_text(document(found))


if __name__ == "__main__":
    main()
