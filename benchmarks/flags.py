"""Which options of the compiler are best on each core: instructions of a step in each build."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from benchmarks.cases import MAIN_SHAPE, Case, cores
from benchmarks.markdown import MISSING, core, shape, table, whole
from benchmarks.measure import Figures, Generated, figures, generate
from benchmarks.networks import Network
from benchmarks.runner import first_line
from lstm_edge.errors import LstmEdgeError
from lstm_edge.toolchain.process import run_tool

OPTIMIZE = ("-O2", "-Os", "-O3")
NO_SCHEDULE = "-fno-schedule-insns"
CLANG = "clang"
KINDS = ("lstm", "gru")
TIMEOUT = 300.0

Found = Mapping[tuple[str, str, str], Figures | None]
"""By kind, core and flags; None where that build failed."""

TEXT = """## Flags of the compiler

Instructions of a step and, in parentheses, bytes of code, for layers of {shape} in the default
widths; then cycles of the model. The least of a row is in bold. `no` stands for
{no_schedule}. The C of clang is assembled and linked by gcc. `make bench` measures this,
`python -m benchmarks flags` this alone.
"""


def builds() -> list[str]:
    """The columns: what is tried."""
    gcc = [f"{o}{more}" for more in ("", f" {NO_SCHEDULE}") for o in OPTIMIZE]
    clang = [f"{CLANG} {o}" for o in OPTIMIZE] if shutil.which(CLANG) else []
    return gcc + clang


def measure_all(jobs: int) -> Found:
    """All kinds on all cores."""
    wanted = [(kind, target.name) for kind in KINDS for target in cores()]
    found: dict[tuple[str, str, str], Figures | None] = {}
    with ProcessPoolExecutor(jobs) as pool:
        for (kind, target), row in zip(wanted, pool.map(_measure, wanted), strict=True):
            print(f"flags {kind} {target}", flush=True)
            found |= {(kind, target, build): each for build, each in row.items()}
    return found


def _measure(wanted: tuple[str, str]) -> dict[str, Figures | None]:
    kind, target = wanted
    row: dict[str, Figures | None] = {}
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as folder:
        generated = generate(Case(Network(kind, *MAIN_SHAPE), target), Path(folder))
        for build in builds():
            first, *rest = build.split()
            try:
                if first == CLANG:
                    row[build] = figures(_by_clang(generated, rest[0]), "-O2")
                else:
                    row[build] = figures(generated, first, rest)
            except LstmEdgeError as error:
                print(f"flags {kind} {target} {build}: {first_line(error)}", flush=True)
                row[build] = None
    return row


def _by_clang(generated: Generated, optimize: str) -> Generated:
    """The same with the network's C compiled to assembly, for gcc to assemble and to link."""
    target = generated.target
    folder = generated.folder / f"clang{optimize}"
    folder.mkdir(exist_ok=True)
    made = []
    for source in generated.sources:
        assembly = folder / f"{source.stem}.s"
        command: list[str | Path] = [
            CLANG,
            "--target=arm-none-eabi",
            *target.flags,
            optimize,
            "-std=c99",
        ]
        command += ["-ffunction-sections", "-fdata-sections", f"-I{generated.folder}"]
        command += ["-fno-addrsig", "-isystem", _headers(target.compiler, folder)]
        run_tool([*command, "-S", source, "-o", assembly], working_dir=folder, timeout=TIMEOUT)
        # An assembler may know a core by its instruction set only, which gcc tells it.
        assembly.write_text(re.sub(r"(?m)^\s*\.cpu\b.*$", "", assembly.read_text()))
        made.append(assembly)
    return replace(generated, sources=tuple(made))


def _headers(compiler: str, folder: Path) -> Path:
    """Where the C library of gcc has its headers."""
    command = [compiler, "-print-file-name=libc.a"]
    library = run_tool(command, working_dir=folder, timeout=TIMEOUT).strip()
    return Path(library).resolve().parents[1] / "include"


def section(found: Found) -> str:
    """The table."""
    columns = list(dict.fromkeys(build for _, _, build in found))
    head = ["layer", "core", *(c.replace(NO_SCHEDULE, "no") for c in columns)]
    text = TEXT.format(shape=shape(*MAIN_SHAPE), no_schedule=f"`{NO_SCHEDULE}`")
    instructions = _rows(found, columns, lambda f: f.instructions, lambda f: f" ({whole(f.code)})")
    cycles = _rows(found, columns, lambda f: f.cycles, lambda _: "")
    return "\n".join([text, table(head, 2, instructions), "", table(head, 2, cycles), ""])


def _rows(
    found: Found,
    columns: Sequence[str],
    figure: Callable[[Figures], float],
    more: Callable[[Figures], str],
) -> Iterator[Sequence[str]]:
    for kind, target in dict.fromkeys((kind, target) for kind, target, _ in found):
        row = [found.get((kind, target, each)) for each in columns]
        least = min((figure(each) for each in row if each), default=0.0)
        cells = []
        for each in row:
            mark = "**" if each and figure(each) == least else ""
            number = f"{mark}{whole(figure(each))}{mark}{more(each)}" if each else MISSING
            cells.append(number)
        yield [kind.upper(), core(target), *cells]
