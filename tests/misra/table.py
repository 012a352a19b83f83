"""Write docs/misra.md from what tools say of the C of several models; `make misra` runs it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import lstm_edge
from tests.misra.rules import DATA, NEVER, breaches, tidy, unlisted

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "misra.md"
FIXTURES = "tests/fixtures"
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "LSTM, portable": (f"{FIXTURES}/head_last.legacy.onnx", "host", {}),
    "LSTM, float32, Cortex-M7": (
        f"{FIXTURES}/head_last.legacy.onnx",
        "cortex-m7",
        {"scheme": "float32"},
    ),
    "GRU, Cortex-M4": (f"{FIXTURES}/loops/gru_cell.legacy.onnx", "cortex-m4", {}),
    "convolution and GRU, portable": ("examples/activity/activity.onnx", "host", {}),
    "bidirectional, Cortex-M55": (
        f"{FIXTURES}/loops/rnn_module_bi.dynamo.onnx",
        "cortex-m55",
        {},
    ),
    "audio front end, Cortex-M4": ("examples/commands/commands.onnx", "cortex-m4", {}),
}
HEAD = """# MISRA C:2012

Written by `make misra`, with {tools}; do not edit. Deviations and their reasons are in
`tests/misra/deviations.toml`. The C of these models was looked at, self-tests included:

{models}

The descriptions are ours: the rules' own texts are the publisher's. The addon checks what can be
seen from the C; directives, and rules that it does not know, are not claimed, nor is assembly
looked at. A test in `make test` does the same for two small models, and fails where a rule without
a deviation is broken.

Without deviation, and found nowhere: no recursion (17.2), no array of variable length (18.8), no
heap (21.3). The stack of `_step` and `_run` has a bound, which [profile](profile.md) tells and
`--max-stack` holds.
"""


def main() -> None:
    """Compile the models, look at their C, write the table; status 1 where a rule is not listed."""
    rules: Counter[str] = Counter()
    checks: Counter[str] = Counter()
    new: list[str] = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # drawn calibration data are enough for the C
        for k, (name, (file, target, options)) in enumerate(MODELS.items()):
            at = Path(folder) / str(k)
            lstm_edge.compile(ROOT / file, target=target, **options).save(at)
            files = sorted(at.glob("*.c"))
            found = breaches(files, target)
            rules.update(b.rule for b in found)
            new += [f"{name}: {b.place}: {b.rule}" for b in unlisted(found)]
            if target == "host":
                checks.update(tidy(files))
    new += [f"clang-tidy: {check}" for check in checks if check not in DATA["tidy"]]
    if new:
        sys.exit("no deviation is listed for\n" + "\n".join(new))
    TABLE.write_text(page(rules, checks))


def page(rules: Counter[str], checks: Counter[str]) -> str:
    """The whole file."""
    tools = f"{version('cppcheck')} and clang-tidy of {version('clang-tidy')}"
    parts = [HEAD.format(tools=tools, models="\n".join(f"- {name}" for name in MODELS))]
    for kind in ("required", "advisory"):
        parts.append(f"## Deviations from {kind} rules\n")
        parts.append("| rule | places | asks for | why not |\n|---|--:|---|---|")
        for rule in sorted(DATA[kind], key=lambda text: [int(part) for part in text.split(".")]):
            entry = DATA[kind][rule]
            parts.append(f"| {rule} | {rules[rule]} | {entry['asks']} | {entry['reason']} |")
        parts.append("")
    parts.append("## clang-tidy, `bugprone-*` and `cert-*`, portable C\n")
    parts.append("| check | places | why |\n|---|--:|---|")
    parts += [f"| {n} | {checks[n]} | {e['reason']} |" for n, e in sorted(DATA["tidy"].items())]
    return "\n".join(parts) + "\n"


def version(tool: str) -> str:
    """The line with the tool's version."""
    text = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    return next(line.strip() for line in text.splitlines() if any(c.isdigit() for c in line))


if __name__ == "__main__":
    assert not set(NEVER) & {*DATA["required"], *DATA["advisory"]}
    main()
