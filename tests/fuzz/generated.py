"""libFuzzer on generated C, under AddressSanitizer and UndefinedBehaviorSanitizer.

`python -m tests.fuzz.generated --seconds 60`. A program of steps, runs, conversions, setters and
resets is what the fuzzer writes: each byte says what is called next, and what follows is what the
call is given. Each array is a block of exactly its size. Findings are in build/fuzz/c.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lstm_edge
from lstm_edge.emit.testing import TestedModel, tested_model
from lstm_edge.resources import firmware_dir
from tests.fuzz.seeds import npz_files, onnx_files

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "fuzz" / "c"
FLAGS = (
    *("-g", "-O1", "-std=c99", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"),
    "-fsanitize=fuzzer,address,undefined",
)
MOST_STEPS = 8
"""Of a run, where any number will do."""

TAKEN = """
static const uint8_t *at;
static size_t left;

static void *taken(size_t count, size_t size)
{
    const size_t bytes = count * size, there = left < bytes ? left : bytes;
    uint8_t *block = malloc(bytes > 0 ? bytes : 1);

    memset(block, 0, bytes);
    memcpy(block, at, there);
    at += there;
    left -= there;
    return block;
}
"""


@dataclass(frozen=True)
class Built:
    """A network that is compiled in one way."""

    file: str
    target: str
    options: dict[str, Any]

    @property
    def name(self) -> str:
        """Of its folder."""
        words = [
            Path(self.file).name.replace(".", "_"),
            self.target,
            *map(str, self.options.values()),
        ]
        return "-".join(words)


NETWORKS = (
    *("lstm_open.legacy.onnx", "series.legacy.onnx", "two_layers.npz", "head_flat.legacy.onnx"),
    *("bare_stack.legacy.onnx", "rnn_module_bi.dynamo.onnx", "gru_cell.legacy.onnx", "conv.onnx"),
    *("pool.onnx", "mean.onnx", "reshape.onnx", "gru.npz"),
)
CASES = [
    *(Built(file, "portable", {}) for file in NETWORKS),
    *(Built(file, "cortex-m4", {}) for file in NETWORKS),
    *(Built(file, "cortex-m55", {}) for file in NETWORKS),
    *(Built(file, "cortex-m0", {"weights": 16}) for file in NETWORKS[:2]),
    *(Built(file, "portable", {"scheme": "float32"}) for file in NETWORKS),
    *(Built(file, "cortex-m4", {"scheme": "fixed", "unroll": "full"}) for file in NETWORKS[:2]),
]


def harness(model: TestedModel, header: str) -> str:
    """What libFuzzer calls."""
    name = model.name
    choices = [f"{name}_reset(state);"]
    if model.streams:
        choices += [_call(model, f"{name}_step", "1")]
        choices += [_kept(name, "set", s.name, s.type, s.length) for s in model.kept]
    choices += [_kept(name, "get", s.name, s.type, s.length) for s in model.kept]
    steps = str(model.steps) if model.steps else f"(*at % {MOST_STEPS + 1})"
    choices += [_call(model, f"{name}_run", steps)]
    choices += _conversions(model, header)
    cases = "\n".join(
        f"        case {k}: {{\n            {text}\n            break;\n        }}"
        for k, text in enumerate(choices)
    )
    return f"""#include <stdlib.h>
#include <string.h>
#include "{name}.h"
{TAKEN}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{{
    {name}_state *state = malloc(sizeof *state);

    memset(state, 0x5A, sizeof *state);
    {name}_init(state);
    at = data;
    left = size;
    while (left > 1) {{
        const unsigned next = *at++ % {len(choices)}u;

        left--;
        switch (next) {{
{cases}
        }}
    }}
    free(state);
    return 0;
}}
"""


def _call(model: TestedModel, function: str, steps: str) -> str:
    """A step or a run, with states as arguments where the program has them so."""
    run = function.endswith("_run")
    blocks, arguments = [f"const int32_t steps = {steps};"], ["state"]
    for side, ports in (("in", model.inputs), ("out", model.outputs)):
        if side == "out" and run:
            arguments += ["steps"]
        for port in ports:
            rows = "(size_t)steps" if port.per_step else "1"
            block = f"{side}_{port.name}"
            blocks.append(f"{port.type} *{block} = taken({rows} * {port.length}, sizeof *{block});")
            arguments.append(block)
        if model.explicit:
            arguments += ["NULL"] * len(model.kept)
    order = [a for a in arguments if a != "steps"]
    if run:
        inputs = 1 + len(model.inputs) + (len(model.kept) if model.explicit else 0)
        order = [*order[:inputs], "steps", *order[inputs:]]
    call = f"(void){function}({', '.join(order)});"
    freed = [f"free({a});" for a in arguments if a.startswith(("in_", "out_"))]
    lines = [*blocks, *(["(void)steps;"] if not run else []), call, *freed]
    return "\n            ".join(lines)


def _kept(name: str, what: str, state: str, ctype: str, length: int) -> str:
    lines = [
        f"{ctype} *values = taken({length}, sizeof *values);",
        f"{name}_{what}_{state}(state, values);",
        "free(values);",
    ]
    return "\n            ".join(lines)


def _conversions(model: TestedModel, header: str) -> list[str]:
    """Functions from one vector to another, of the ports that their names end in."""
    found = []
    pattern = rf"void {model.name}_(\w+)\(const (\w+) \*\w+, (\w+) \*\w+\);"
    for function, takes, gives in re.findall(pattern, header):
        port = next(
            (
                p
                for p in (*model.inputs, *model.outputs, *model.kept)
                if function.endswith(f"_{p.name}")
            ),
            None,
        )
        if port is None or function.startswith(("get_", "set_")):
            continue
        lines = [
            f"{takes} *given = taken({port.length}, sizeof *given);",
            f"{gives} *got = malloc({port.length} * sizeof *got);",
            f"{model.name}_{function}(given, got);",
            "free(given);",
            "free(got);",
        ]
        found.append("\n            ".join(lines))
    return found


def build(case: Built) -> Path:
    """The fuzzer of one network."""
    folder = WORK / case.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / case.file
    path.write_bytes({**onnx_files(), **npz_files()}[case.file])
    network = lstm_edge.load(path, name="net")
    made = lstm_edge.compile(network, target=case.target, **case.options)
    sources = made.bundle.unpack(folder)
    header = (folder / "net.h").read_text()
    source = folder / "fuzz.c"
    source.write_text(harness(tested_model(made.bundle.program), header))
    program = folder / "fuzz"
    includes = (f"-I{folder}", f"-I{firmware_dir() / 'host'}")
    command = [
        "clang",
        *FLAGS,
        *includes,
        str(source),
        *map(str, sources),
        "-lm",
        "-o",
        str(program),
    ]
    subprocess.run(command, check=True)
    return program


def main() -> int:
    """Fuzz each for its share of the time; status 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("names", nargs="*", help="parts of names; all without")
    asked = parser.parse_args()
    cases = [c for c in CASES if not asked.names or any(n in c.name for n in asked.names)]
    found = []
    for case in cases:
        program = build(case)
        corpus = program.parent / "corpus"
        corpus.mkdir(exist_ok=True)
        share = max(1, asked.seconds // len(cases))
        limits = [f"-max_total_time={share}", "-timeout=20", "-rss_limit_mb=1000", "-max_len=4096"]
        where = f"-artifact_prefix={program.parent}/"
        ended = subprocess.run(
            [str(program), str(corpus), *limits, where, "-seed=1"], capture_output=True, text=True
        )
        last = [line for line in ended.stderr.splitlines() if "DONE" in line or "ERROR" in line]
        errors = [line for line in ended.stderr.splitlines() if "runtime error" in line]
        print(f"{case.name:60} {(errors or last or ['?'])[-1]}", flush=True)
        if ended.returncode:
            found.append(case.name)
            (program.parent / "found.txt").write_text(ended.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
