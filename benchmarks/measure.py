"""Compiles a case, runs its self-test under QEMU, and counts what one step executes.

The self-test compares the results with the compiler's, so what is counted is right to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lstm_edge
from benchmarks.cases import Case
from lstm_edge.profile.counting import Counted, Executable, build_program, count_calls
from lstm_edge.profile.cycles import block_costs, model_of
from lstm_edge.profile.instructions import disassemble
from lstm_edge.profile.stack import stack_bound
from lstm_edge.profile.symbols import read_symbols
from lstm_edge.targets import Target, load_target

NAME = "network"
OPTIMIZE = ("-O2", "-Os")


@dataclass(frozen=True)
class Figures:
    """Of one call: a step, or a whole sequence where the network does not run step by step.

    calls: how many the self-test makes for one sequence; instructions and cycles are their mean.
    code, flash, ram, stack in bytes: code is what is linked, flash has the weights and tables, too;
    stack is a bound, None where there is none.
    """

    optimize: str
    instructions: float
    cycles: float
    code: int
    flash: int
    ram: int
    stack: int | None
    calls: int = 1


@dataclass(frozen=True)
class Generated:
    """C files of a network, and a main() that calls its self-test."""

    target: Target
    sources: tuple[Path, ...]
    main: Path
    folder: Path
    manifest: dict[str, Any]

    @property
    def entry(self) -> str:
        """The function that is counted."""
        return f"{NAME}_step" if self.steps_alone else f"{NAME}_run"

    @property
    def steps_alone(self) -> bool:
        """True where there is a function for one step."""
        return f" {NAME}_step(" in (self.folder / f"{NAME}.h").read_text(encoding="utf-8")


def generate(case: Case, folder: Path) -> Generated:
    """Write the network of a case and compile it to C."""
    model, calibration = case.network.write(folder)
    widths = {"weights": case.weights, "activations": case.activations}
    return generate_from(
        model,
        case.target,
        calibration,
        folder / "c",
        scheme=case.scheme,
        **{} if case.scheme == "float32" else widths,
    )


def generate_from(
    model: Path, target: str, calibration: Path, folder: Path, **options: Any
) -> Generated:
    """The same for any model; options as of `lstm_edge.compile`."""
    network = lstm_edge.load(model, name=NAME)
    compiled = lstm_edge.compile(network, target=target, calibration=calibration, **options)
    compiled.save(folder)
    main = folder / "main.c"
    main.write_text(
        f"extern int {NAME}_selftest(void);\n\n"
        f"int main(void)\n{{\n    return {NAME}_selftest() != 0;\n}}\n",
        encoding="utf-8",
    )
    sources = tuple(folder / file for file in compiled.files if file.endswith((".c", ".S")))
    return Generated(load_target(target), sources, main, folder, dict(compiled.manifest))


def count(
    generated: Generated, optimize: str, extra_flags: Sequence[str] = ()
) -> tuple[Executable, Counted]:
    """Build, run, count."""
    executable = build_program(
        generated.target,
        [*generated.sources, generated.main],
        [generated.folder],
        generated.folder / f"built{optimize}",
        optimize=optimize,
        extra_flags=extra_flags,
    )
    return executable, count_calls(executable, generated.entry)


def figures(generated: Generated, optimize: str, extra_flags: Sequence[str] = ()) -> Figures:
    """The same, with cycles, stack and sizes."""
    executable, counted = count(generated, optimize, extra_flags)
    code = disassemble(generated.target, executable.path)
    costs = block_costs(model_of(generated.target.name), code, counted.blocks)
    bound = stack_bound(code, executable.symbols, generated.entry)
    functions, constants = sizes(executable, bound.reached, generated.sources)
    ram = generated.manifest["ram"]
    return Figures(
        " ".join([optimize, *extra_flags]),
        counted.mean,
        sum(each.cycles for each in costs) / len(counted.calls),
        functions,
        functions + constants,
        ram["state"] + ram["scratch"],
        bound.bytes,
        len(counted.calls),
    )


def better(found: Sequence[Figures]) -> Figures:
    """Of several builds the one that executes least."""
    return min(found, key=lambda each: each.instructions)


def sizes(
    executable: Executable, reached: Sequence[str], sources: Sequence[Path]
) -> tuple[int, int]:
    """Bytes of functions and of constants that `sources` and the library, of which `reached` are
    called, add to a program; what the linker dropped does not count, nor does the self-test.
    """
    own = set(reached)
    for source in sources:
        if not source.stem.endswith("_selftest"):
            made = read_symbols(executable.target, executable.folder / f"{source.stem}.o")
            own |= {symbol.name for symbol in made.all}
    linked = [symbol for symbol in executable.symbols.all if symbol.name in own]
    code = sum(symbol.size for symbol in linked if symbol.is_function)
    return code, sum(symbol.size for symbol in linked if not symbol.is_function)
