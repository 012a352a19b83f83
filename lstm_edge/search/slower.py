"""Which of the options that were given make a network slower than it would be without them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from lstm_edge.data import steps_of
from lstm_edge.ir.program import Program
from lstm_edge.passes.costs import Cost, cost_of_step
from lstm_edge.passes.options import Options
from lstm_edge.passes.select import select
from lstm_edge.search.program import Calibrated, Code
from lstm_edge.targets import Target

NOTICEABLE = 1.02
"""Estimates that differ by less say nothing."""


USUAL, USUAL_CODE = Options(), Code()


def slower(
    calibrated: Calibrated,
    program: Program,
    options: Options | None,
    code: Code,
    cost: Cost,
    target: Target,
    auto: Collection[str] = (),
) -> list[str]:
    """A warning for each option without which a step takes fewer instructions. program, cost: with
    all.

    options: None of widths that were chosen for what they bring, which are not warned about. auto:
    `weights`, `activations` or both, which were asked for as such.
    """
    found = []
    for given, usual, other in _without(calibrated, options, code, program, auto):
        instructions = _cost(calibrated, *other, target).instructions
        if instructions and cost.instructions and cost.instructions > instructions * NOTICEABLE:
            found.append(
                f"{given} makes this network slower on {target.name}: a step takes about "
                f"{cost.instructions:,.0f} instructions, with {usual} about {instructions:,.0f}; "
                "leave it out where speed matters most"
            )
    return found


def slower_than_integers(calibrated: Calibrated, cost: Cost, target: Target) -> list[str]:
    """The same for float32."""
    instructions = _cost(calibrated, calibrated.quick(USUAL), USUAL_CODE, target).instructions
    if not instructions or not cost.instructions or cost.instructions <= instructions:
        return []
    return [
        f"--scheme float32 makes this network slower on {target.name}: a step takes about "
        f"{cost.instructions:,.0f} instructions, with --scheme int8 about {instructions:,.0f}; "
        "leave it out where speed matters most"
    ]


def _without(
    calibrated: Calibrated,
    options: Options | None,
    code: Code,
    program: Program,
    auto: Collection[str],
) -> Iterator[tuple[str, str, tuple[Program, Code]]]:
    """Each option that is not the usual one, the usual one, and the program with that."""
    if options is not None:
        yield from _other_widths(calibrated, options, code, auto)
    for name in ("unroll", "optimize"):
        if getattr(code, name) != getattr(USUAL_CODE, name):
            usual = getattr(USUAL_CODE, name)
            changed_code = replace(code, **{name: usual})
            text = f"--{name} {getattr(code, name)}"
            yield text, f"--{name} {usual}", (program, changed_code)


def _other_widths(
    calibrated: Calibrated, options: Options, code: Code, auto: Collection[str]
) -> Iterator[tuple[str, str, tuple[Program, Code]]]:
    given = {
        "weights": (f"--weights int{options.weights}", f"--weights int{USUAL.weights}"),
        "activations": (
            f"--activations {options.activations}",
            f"--activations {USUAL.activations}",
        ),
        "power_of_two": ("--scheme fixed", "--scheme int8"),
        "cell_state": (f"--cell-state {options.cell_state}", f"--cell-state {USUAL.cell_state}"),
    }
    for name, (text, usual) in given.items():
        if getattr(options, name) != getattr(USUAL, name):
            changed = replace(options, **{name: getattr(USUAL, name)})
            text = f"--{name} auto" if name in auto else text
            yield text, usual, (calibrated.quick(changed), code)


def _cost(calibrated: Calibrated, program: Program, code: Code, target: Target) -> Cost:
    selection = select(program, target, code.unroll, code.optimize, code.stack)
    return cost_of_step(program, selection, target, steps_of(program, calibrated.data))
