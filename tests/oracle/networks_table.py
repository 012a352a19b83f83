"""Write the tables of docs/networks.md: what cells, layers and patterns take, and what they lose.

python -m tests.oracle.networks_table
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lstm_edge.cells import BY_NAME
from tests.oracle.networks import (
    FEATURES,
    SAMPLES,
    SEEDS,
    STEPS,
    UNITS,
    Case,
    Row,
    cases,
    measured,
    options_of,
    said_of,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "networks.md"
BEGIN = "<!-- What follows is written by `make networks`; do not edit. -->\n"
HEADS = {
    "cell": f"""## Cells by name

An npz file names one in `lstm_edge.cell`, with options in brackets, and has its arrays behind a
prefix ([cli.md](cli.md#what-a-state_dict-does-not-say)); shapes and equations are in
`lstm_edge/cells/`, a function each. [Your own](own-cells.md) are written like these.

Each line is one layer of {UNITS} units with random weights that reads {FEATURES} features ({UNITS}
where a cell takes as many), int8 with default options:

- MACs, products and curves are those of one step and unit: multiply-accumulates of matrices; other
  multiplications; tables, divisions and square roots. `other` are sums, shifts, limits and what
  else a program of integers does. Instructions are an estimate for Cortex-M4, all of the step.
- dB is the signal to noise ratio against float, on the mean of {SEEDS} networks, each on what is
  held back of {SAMPLES} drawn sequences of {STEPS} steps.
""",
    "layer": f"""## Layers

The same of {UNITS} features, each layer alone. What gives one number is counted by the features
that it reads.
""",
    "pattern": f"""## Patterns

The same of whole networks, counted by the {UNITS} units of a recurrent layer.
""",
}


def document(found: Iterable[tuple[Case, Row]]) -> str:
    """The tables."""
    rows = list(found)
    return "\n".join(_table(kind, [r for r in rows if r[0].kind == kind]) for kind in HEADS)


def _table(kind: str, rows: list[tuple[Case, Row]]) -> str:
    first = "| Cell | Arrays |" if kind == "cell" else f"| {kind.capitalize()} |"
    lines = [f"{first} MACs | Products | Curves | Other | Instructions | dB |"]
    lines.append(f"|{'---|' * (first.count('|') - 1)}{'--:|' * 6}")
    lines += [line(case, row) for case, row in rows]
    told = [HEADS[kind], *lines, ""]
    if kind == "cell":
        told += ["| Cell | What it is | Options |", "|---|---|---|", *map(about, BY_NAME), ""]
    return "\n".join(told)


def about(name: str) -> str:
    """A line of the table of options."""
    options = options_of(name)
    return f"| `{name}` | {said_of(name)} | {f'`{options}`' if options else ''} |"


def line(case: Case, row: Row) -> str:
    """A line of a table."""
    name = f"`{case.name}`" if case.kind == "cell" else case.name
    numbers = (row.macs, row.products, row.curves, row.others, row.instructions)
    shown = ["-" if n is None else f"{n:.0f}" if n >= 10 else f"{n:.1f}" for n in numbers]
    arrays = [f"`{case.arrays}`"] if case.kind == "cell" else []
    return f"| {' | '.join([name, *arrays, *shown, f'{row.decibels:.0f}'])} |"


def main() -> None:
    """Measure everything and write the page."""
    text, _, _ = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(text + BEGIN + "\n" + document((case, measured(case)) for case in cases()))


if __name__ == "__main__":
    main()
