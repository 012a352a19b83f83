"""Budgets of what a compiled model may cost: instructions, cycles and stack."""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.bundle import Bundle
from lstm_edge.errors import BudgetError
from lstm_edge.profile.bundle_profile import Profile, core_of, profile_bundle
from lstm_edge.profile.timing import timing
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain.process import find_tool


@dataclass(frozen=True)
class Budgets:
    """The most that a step (or a run, where there is no step) may take; None for any number.

    instructions, cycles: of the longest call that is counted. stack: bytes, of the bound.
    """

    instructions: int | None = None
    cycles: int | None = None
    stack: int | None = None

    @property
    def any(self) -> bool:
        """True where there is one to check."""
        return (self.instructions, self.cycles, self.stack) != (None, None, None)


def check_tools(budgets: Budgets, target: Target) -> None:
    """What a check needs: ToolchainError says what to install, TargetError that it cannot be."""
    if not budgets.any:
        return
    core = core_of(target)
    if budgets.cycles is not None:
        timing(core)
    for tool in target.tools:
        find_tool(tool)
    if budgets.cycles is not None:
        find_tool(load_target("host").compiler)


def check_budgets(budgets: Budgets, made: Bundle) -> None:
    """Profile a bundle; BudgetError where it takes more."""
    if not budgets.any:
        return
    for target in made.emulated:
        _check_target(budgets, profile_bundle(made.on(target.name)), len(made.targets) > 1)


def _check_target(budgets: Budgets, profile: Profile, several: bool) -> None:
    head = f"{profile.target}: " if several else ""
    most = profile.main.most
    what = "step" if profile.step else "run"
    takes = f"{head}a {what} takes"
    _check(takes, most.instructions, "instructions", "--max-insn", budgets.instructions)
    if most.cycles is not None:
        band = "cycles (a model)"
        if profile.timing is not None:
            band = f"cycles (a model, +-{profile.timing.band:.0%})"
        _check(takes, most.cycles, band, "--max-cycles", budgets.cycles)
    _check_stack(head, profile, budgets.stack)


def _check_stack(head: str, profile: Profile, budget: int | None) -> None:
    if budget is None:
        return
    ram = profile.ram
    if ram.stack is None:
        raise BudgetError(
            f"{head}the stack has no bound ({ram.unbounded}), so --max-stack {budget:,} cannot be "
            "kept"
        )
    way = f"bytes of stack ({' > '.join(ram.path)})"
    _check(f"{head}the program takes", ram.stack, way, "--max-stack", budget)


def _check(head: str, found: float, what: str, option: str, budget: int | None) -> None:
    if budget is not None and found > budget:
        raise BudgetError(
            f"{head} {found:,.0f} {what}, {found - budget:,.0f} more than {option} {budget:,}; use "
            "a smaller model, another target or a larger budget"
        )
