"""Measure what generated C executes, beside other libraries.

python -m benchmarks run                 everything, into docs/benchmarks.md
python -m benchmarks one lstm 16 32      a step of one network
python -m benchmarks flags               the table of the compiler's flags
python -m benchmarks costs               what the compiler estimates with; --write renews its table
python -m benchmarks tiny                networks of MLPerf Tiny beside silicon
python -m benchmarks update              benchmarks/counts.json, which a test holds
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import costs, document, flags, gate, tiny
from benchmarks.cases import ACTIVATIONS, MAIN, WEIGHTS, Case, cores
from benchmarks.chosen import COLUMNS, Chosen
from benchmarks.markdown import table
from benchmarks.networks import GATES, Network
from benchmarks.runner import measure_case


def main() -> int:
    """The exit status: 1 where something was not measured that should have been."""
    options = _parser().parse_args()
    match options.command:
        case "run":
            start = time.monotonic()
            missing = document.write(options.shared, options.peer, options.jobs)
            print(f"{document.DOCUMENT.name}: {(time.monotonic() - start) / 60:.1f} minutes")
            return 1 if missing else 0
        case "one":
            print(_one(options))
        case "flags":
            print(flags.section(flags.measure_all(options.jobs)))
        case "costs":
            print(costs.run(options.jobs, options.core, write=options.write))
        case "tiny":
            print(tiny.section(tiny.measure_all(options.jobs)))
        case "update":
            gate.update(options.jobs)
    return 0


def _one(options: argparse.Namespace) -> str:
    network = Network(options.kind, options.inputs, options.units, options.head)
    case = Case(network, options.target, options.weights, options.activations, options.scheme)
    rows = [Chosen(network.macs, each).cells() for each in measure_case(case)]
    return table(COLUMNS, 0, rows)


def _parser() -> argparse.ArgumentParser:
    described = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("benchmarks", description=__doc__, formatter_class=described)
    parser.add_argument("--jobs", type=int, default=2, help="how much runs at a time")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("--shared", type=Path, default=document.SHARED, help="has models/")
    run.add_argument("--peer", type=Path, help="virtual environment that has emx-onnx-cgen")
    one = commands.add_parser("one")
    one.add_argument("kind", choices=list(GATES))
    one.add_argument("inputs", type=int)
    one.add_argument("units", type=int)
    one.add_argument("--head", type=int, default=0, help="outputs of a dense layer behind it")
    one.add_argument("--target", default=MAIN, choices=[each.name for each in cores()])
    one.add_argument("--weights", type=int, default=8, choices=WEIGHTS)
    one.add_argument("--activations", type=int, default=12, choices=ACTIVATIONS)
    one.add_argument("--scheme", default="int8", choices=("int8", "fixed", "float32"))
    estimated = commands.add_parser("costs")
    estimated.add_argument("--core", action="append", default=[], choices=list(costs.CORES))
    estimated.add_argument("--write", action="store_true", help="lstm_edge/passes/costs.toml anew")
    for name in ("flags", "tiny", "update"):
        commands.add_parser(name)
    return parser


if __name__ == "__main__":
    sys.exit(main())
