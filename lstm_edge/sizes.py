"""Flash and RAM of a generated program, and the budgets that a user may set."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lstm_edge.choices import Unroll
from lstm_edge.emit.constants import constant_bytes
from lstm_edge.emit.memory import Memory
from lstm_edge.emit.render import Rendered
from lstm_edge.errors import BudgetError, FlashError, ToolchainError
from lstm_edge.ir.program import Program
from lstm_edge.manifest import Ram
from lstm_edge.operations import OPERATIONS
from lstm_edge.profile.instructions import disassemble
from lstm_edge.profile.stack import stack_bound
from lstm_edge.profile.symbols import read_symbols
from lstm_edge.targets import Target
from lstm_edge.toolchain import gcc, process

STRAIGHT_BYTES_PER_WEIGHT = 6
"""Code of a multiply-accumulate with its weight as a literal, measured on Cortex-M4: 5 to 9."""
MOST_STRAIGHT = 16_384
"""Weights of straight-line code: a compiler takes a minute and more for a function of as many."""
STRAIGHT_BYTES_PER_OP = 8
"""Code of an elementwise operation in straight-line code."""


@dataclass(frozen=True)
class Sizes:
    """Bytes. code is None where the target's compiler is not installed. kept: those of scratch that
    keep all steps of a sequence for a later pass over them. stack: what any function of the C may
    take below its caller's, at -O2; None where that is not known.
    """

    code: int | None
    weights: int
    tables: int
    state: int
    scratch: int
    kept: int = 0
    stack: int | None = None

    @property
    def flash(self) -> int:
        """Code (where known), weights and tables."""
        return (self.code or 0) + self.weights + self.tables


def check_budgets(program: Program, target: Target, unroll: Unroll, max_flash: int | None) -> None:
    """Refuse straight-line code that cannot fit, before it is written."""
    if unroll != "full":
        return
    weights = operations = 0
    for block in program.blocks:
        for op in block.ops:
            if OPERATIONS[op.kind].multiplies:
                weights += sum(program.constants[m].size for m in op.matrices)
            operations += program.values[op.dest].length
    if weights > MOST_STRAIGHT:
        raise BudgetError(
            f"--unroll full would make straight-line code of {weights:,} weights, which takes a "
            f"compiler minutes; it is for at most {MOST_STRAIGHT:,}: use --unroll gates"
        )
    needed = weights * STRAIGHT_BYTES_PER_WEIGHT + operations * STRAIGHT_BYTES_PER_OP
    budget = target.default_flash_budget if max_flash is None else max_flash
    if needed > budget:
        raise BudgetError(
            f"--unroll full would take about {needed:,} bytes of flash for {weights:,} weights, "
            f"more than the budget of {budget:,}; use --unroll gates, or raise --max-flash"
        )


def measure(
    program: Program,
    target: Target,
    rendered: Rendered,
    max_flash: int | None,
    max_ram: int | None,
) -> Sizes:
    """Sizes of the rendered program; BudgetError where a budget is exceeded."""
    weights, tables = constant_bytes(rendered.constants)
    held = ram_of(rendered.memory)
    code = stack = None
    if has_compiler(target):
        with _compiled(program, target, rendered) as made:
            code, stack = _bytes(target, made), _stack(program, target, made)
    kept = rendered.memory.kept_bytes
    sizes = Sizes(code, weights, tables, held["state"], held["scratch"], kept, stack)
    parts = f"code {code}, weights {weights}, tables {tables}"
    try:
        _check("flash", "--max-flash", sizes.flash, max_flash, parts)
    except BudgetError as error:
        raise FlashError(str(error), (max_flash or 0) - (code or 0)) from None
    ram = sizes.state + sizes.scratch
    steps = f", of which {kept} keep all steps of a sequence" if kept else ""
    parts = f"state {sizes.state}, scratch {sizes.scratch}{steps}"
    _check("RAM", "--max-ram", ram, max_ram, parts)
    return sizes


def _check(what: str, option: str, found: int, budget: int | None, parts: str) -> None:
    if budget is not None and found > budget:
        raise BudgetError(
            f"the program takes {found:,} bytes of {what} ({parts}), more than {option} "
            f"{budget:,}; use a smaller model, narrower weights, --optimize size or a larger budget"
        )


def ram_of(memory: Memory) -> Ram:
    """Bytes of the state struct, with what it says of itself, and of scratch."""
    words = 4 * (1 + memory.counts_steps + len({m.suffix for m in memory.states} - {""}))
    return {"state": memory.state_bytes + words, "scratch": memory.scratch_bytes}


def has_compiler(target: Target) -> bool:
    """True where the target's compiler is installed."""
    try:
        process.find_tool(target.compiler)
    except ToolchainError:
        return False
    return True


def code_size(program: Program, target: Target, rendered: Rendered) -> int:
    """Bytes of instructions at -O2, from the target's own compiler."""
    with _compiled(program, target, rendered) as made:
        return _bytes(target, made)


@contextmanager
def _compiled(program: Program, target: Target, rendered: Rendered) -> Iterator[Path]:
    """The object of the code, without weights, at -O2."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in rendered.files.items():
            (Path(folder) / name).write_text(text)
        source = Path(folder) / f"{program.name}.c"
        yield gcc.compile_objects(target, [source], [Path(folder)], Path(folder))[0]


def _bytes(target: Target, made: Path) -> int:
    sections = gcc.section_sizes(target, made)
    return sections["text"] + sections["rodata"]


def _stack(program: Program, target: Target, made: Path) -> int | None:
    """The bound of the deepest function, with what it calls of the C library; None where there is
    no bound, or no library to link.
    """
    if target.board is None:
        return None
    try:
        linked = gcc.link_alone(target, made)
        code, symbols = disassemble(target, linked), read_symbols(target, linked)
    except ToolchainError:
        return None
    names = [f.name for f in symbols.functions if f.name.startswith(f"{program.name}_")]
    bounds = [stack_bound(code, symbols, name).bytes for name in names]
    known = [each for each in bounds if each is not None]
    return max(known, default=None) if len(known) == len(bounds) else None
