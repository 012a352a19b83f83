"""What the C of a model is on each core that it is made for: kernels, sizes and costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lstm_edge.choices import Unroll
from lstm_edge.emit.merged import Merged
from lstm_edge.emit.render import Rendered
from lstm_edge.errors import BudgetError, FlashError
from lstm_edge.families import Cores
from lstm_edge.ir.program import Program
from lstm_edge.passes.costs import Cost, cost_of_step
from lstm_edge.sizes import Sizes, check_budgets, measure
from lstm_edge.targets import Target


@dataclass(frozen=True)
class Limits:
    """`--unroll`, which may need more flash than there is, and bytes, None for any number."""

    unroll: Unroll
    flash: int | None
    ram: int | None


@dataclass(frozen=True)
class Built:
    """The C for one target. cost: of a step, estimated."""

    target: Target
    rendered: Rendered
    sizes: Sizes
    cost: Cost


def check_straight(program: Program, cores: Cores, limits: Limits) -> None:
    """Refuse straight-line code that cannot fit on one of the cores, before it is written."""
    for target in cores.emulated:
        with naming(target, cores):
            check_budgets(program, target, limits.unroll, limits.flash)


def built_for(
    program: Program, cores: Cores, made: Merged, limits: Limits, steps: int
) -> tuple[Built, ...]:
    """For each target what it gets; BudgetError where one that is emulated gets too much.

    steps: of a sequence that costs are told for.
    """
    found = []
    for target in cores.targets:
        rendered = made.by_target[target.name]
        cost = cost_of_step(program, rendered.selection, target, steps)
        held = (limits.flash, limits.ram) if target in cores.emulated else (None, None)
        with naming(target, cores):
            sizes = measure(program, target, rendered, *held)
        found.append(Built(target, rendered, sizes, cost))
    return tuple(found)


@contextmanager
def naming(target: Target, cores: Cores) -> Iterator[None]:
    """Errors of budgets say on which of several cores."""
    try:
        yield
    except FlashError as error:
        raise FlashError(_named(error, target, cores), error.constants) from None
    except BudgetError as error:
        raise BudgetError(_named(error, target, cores)) from None


def _named(error: BudgetError, target: Target, cores: Cores) -> str:
    return f"{target.name}: {error}" if cores.several else str(error)
