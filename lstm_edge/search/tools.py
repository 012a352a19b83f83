"""What the target's own tools tell of a point: code, cycles, stack. Only where it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lstm_edge import bundle, sizes
from lstm_edge.archive import array_bytes
from lstm_edge.bundle import Bundle
from lstm_edge.data import Data
from lstm_edge.emit.constants import constant_bytes
from lstm_edge.emit.render import render
from lstm_edge.errors import DataError
from lstm_edge.ir.program import Program
from lstm_edge.manifest import Manifest
from lstm_edge.profile.budgets import Budgets, check_tools
from lstm_edge.profile.bundle_profile import profile_bundle
from lstm_edge.search.limits import Limits
from lstm_edge.search.program import Code
from lstm_edge.targets import Target
from lstm_edge.toolchain.process import run_tool

NO_COMPILER = "none"


@dataclass(frozen=True)
class Tools:
    """compiler: what it calls itself, NO_COMPILER where no code is compiled. counted: cycles and
    stack are wanted, too.
    """

    compiler: str = NO_COMPILER
    counted: bool = False

    @property
    def any(self) -> bool:
        """True where points are compiled."""
        return self.compiler != NO_COMPILER


NO_TOOLS = Tools()
"""Nothing is compiled."""


@dataclass(frozen=True)
class Figures:
    """flash: bytes of code, weights and tables. cycles: of the longest step that was counted, or
    run where there is no step; stack: the bound in bytes, None where there is none. Both None where
    they are not wanted.
    """

    flash: int
    cycles: int | None = None
    stack: int | None = None


def tools_for(
    target: Target, objectives: Sequence[str], limits: Limits, code: bool | None
) -> Tools:
    """The tools that a study needs. code: whether flash counts it, None where there is a compiler.

    ToolchainError for a tool that is missing and needed, TargetError where there are no cycles or
    no board to count on, DataError where they are wanted without code.
    """
    cycles = "cycles" in objectives or limits.cycles is not None
    counted = cycles or limits.stack is not None
    if counted and code is False:
        raise DataError("--no-code has no meaning with cycles and --max-stack; leave it out")
    if counted:
        check_tools(Budgets(cycles=0 if cycles else None, stack=0), target)
    if not counted and (code is False or (code is None and not sizes.has_compiler(target))):
        return NO_TOOLS
    return Tools(compiler_of(target), counted)


def compiler_of(target: Target) -> str:
    """The first line of its --version; ToolchainError where it is not installed."""
    told = run_tool([target.compiler, "--version"], working_dir=Path.cwd(), timeout=60.0)
    return told.partition("\n")[0].strip()


def figures_of(
    program: Program, reference: Program, target: Target, code: Code, data: Data, *, counted: bool
) -> Figures:
    """What the C of a program takes, as `compile` and `profile` tell it. reference: in float."""
    rendered = render(program, target, code.unroll, (program.name,), code.optimize, code.stack)
    flash = sizes.code_size(program, target, rendered) + sum(constant_bytes(rendered.constants))
    if not counted:
        return Figures(flash)
    found = sizes.ram_of(rendered.memory)
    files = {name: text.encode() for name, text in rendered.files.items()}
    files[bundle.HELD_BACK] = array_bytes(data.raw_held_back)
    manifest: dict[str, Any] = {"ram": found, "calibration": data.origin}
    made = Bundle(cast(Manifest, manifest), program, reference, (target,), files)
    profile = profile_bundle(made)
    cycles = profile.main.most.cycles
    return Figures(flash, None if cycles is None else round(cycles), profile.ram.stack)
