"""Edits of generated C, one at a time: what `verify` does not notice is printed.

A number, an operator or a whole statement of one line is changed, in lines drawn from all C files
of a bundle. What the compiler refuses, or what does not end, counts as noticed. Checksums are not
asked: they notice every edit. `make mutants` runs it.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import lstm_edge
from lstm_edge import Compiled, runner
from lstm_edge.errors import LstmEdgeError

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
SWAPS = (
    (r"(?<=[\w\])]) \+ ", " - "),
    (r"(?<=[\w\])]) - ", " + "),
    (r" \* ", " + "),
    (r" < ", " <= "),
    (r" > ", " >= "),
    (r" <= ", " < "),
    (r" >= ", " > "),
    (r" == ", " != "),
    (r" != ", " == "),
    (r" && ", " || "),
    (r" \? (.+?) : (.+?)([;,)])", r" ? \2 : \1\3"),
)
SILENT = re.compile(r"\s*($|\*|/\*|//|#(include|if|el|endif|undef|pragma)|#define (LE|LSTM)_|[{}])")
"""Lines that say nothing, or only how something is compiled."""
STATEMENT = re.compile(
    r"\s+(?!return|const|static|u?int\d|float|\})[\w>.\[\]() +-]+ [-+|]?= .*;\s*"
)
CALL = re.compile(r"\s+(\(void\))?\w+\(.*\);\s*")


@dataclass(frozen=True)
class Mutant:
    """A line of a file in the place of another, numbered from 0."""

    file: str
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line + 1}: {self.before.strip()}  ->  {self.after.strip()}"

    def of(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The files with this line."""
        lines = files[self.file].decode().split("\n")
        lines[self.line] = self.after
        return {**files, self.file: "\n".join(lines).encode()}


def mutants_of(text: str, file: str) -> Iterator[list[Mutant]]:
    """The edits of each line."""
    for k, line in enumerate(text.split("\n")):
        code, mark, comment = line.partition("/*")
        if SILENT.match(line):
            continue
        changed = {re.sub(old, new, code, count=1) for old, new in SWAPS}
        for found in re.finditer(r"(?<![\w.])\d+(?![\w.])", code):
            for other in (int(found[0]) + 1, max(0, int(found[0]) - 1)):
                changed.add(f"{code[: found.start()]}{other}{code[found.end() :]}")
        if STATEMENT.fullmatch(code) or CALL.fullmatch(code):
            changed.add("    ;")
        every = [
            Mutant(file, k, line, after + mark + comment) for after in sorted(changed - {code})
        ]
        if every:
            yield every


def digits() -> Compiled:
    """A stream with inputs from a converter."""
    folder = ROOT / "examples" / "digits"
    return lstm_edge.compile(
        folder / "digits.onnx",
        target="host",
        calibration=folder / "calibration.npz",
        input_scale=0.25,
    )


def wide() -> Compiled:
    """48 units with 8-bit activations."""
    network = lstm_edge.load(FIXTURES / "lstm48.dynamo.onnx", name="net")
    shapes = {name: (20, *shape[1:]) for name, shape in network.inputs.items()}
    data = {k: np.random.default_rng(0).normal(size=s) for k, s in shapes.items()}
    return lstm_edge.compile(network, target="host", calibration=data, activations=8)


def in_float() -> Compiled:
    """The same in float32."""
    network = lstm_edge.load(FIXTURES / "lstm48.dynamo.onnx", name="net")
    return lstm_edge.compile(network, target="host", scheme="float32")


BUNDLES: Mapping[str, Callable[[], Compiled]] = {
    "digits": digits,
    "wide": wide,
    "in float": in_float,
}


def is_noticed(made: Compiled, mutant: Mutant) -> bool:
    """Whether verifying the bundle with this line in it fails, in any way."""
    changed = Compiled(replace(made.bundle, files=mutant.of(made.files)))
    try:
        return not changed.compare(on=["host"]).ok
    except LstmEdgeError:
        return True


def drawn(made: Compiled, rng: random.Random, count: int) -> list[Mutant]:
    """Edits of `count` lines, or of all, one of each; of tables of weights a tenth."""
    lines = [
        each
        for name, data in sorted(made.files.items())
        if name.endswith((".c", ".h"))
        for each in mutants_of(data.decode(), name)
        if not name.endswith("_weights.c") or rng.random() < 0.1
    ]
    return [rng.choice(each) for each in rng.sample(lines, min(count, len(lines)))]


def main() -> int:
    """Print what was not noticed; 1 where that is more than `--least` allows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="of each bundle")
    parser.add_argument("--least", type=float, default=98.0, help="percent that must be noticed")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    runner.TIMEOUT = 10.0  # a loop that does not end is noticed
    missed = total = 0
    for name, make in BUNDLES.items():
        made = make()
        mutants = drawn(made, random.Random(given.seed), given.count)
        unseen = [m for m in mutants if not is_noticed(made, m)]
        total, missed = total + len(mutants), missed + len(unseen)
        print(f"{name}: {len(mutants) - len(unseen)} of {len(mutants)} noticed", flush=True)
        for mutant in unseen:
            print(f"  {mutant}", flush=True)
    share = 100.0 * (total - missed) / total
    print(f"{share:.1f} % of {total} noticed")
    return 0 if share >= given.least else 1


if __name__ == "__main__":
    sys.exit(main())
