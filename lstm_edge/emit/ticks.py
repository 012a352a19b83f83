"""When the phases of a sweep run, as the templates print it: clocks, and phases that share one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

from lstm_edge.emit.clocks import length_text, step_text, suffix_of
from lstm_edge.emit.view import PhaseView
from lstm_edge.ir.clock import EVERY_TICK, Clock, Length
from lstm_edge.ir.program import Program
from lstm_edge.passes.schedule import Phase

MOST_STEPS = 2**30
"""Where the number of a step in a sequence of any length stops growing."""


@dataclass(frozen=True)
class ClockView:
    """condition: the C expression of whether tick `t` is one of the clock's, "" for every tick.
    step: that of the step's number. suffix: what the names of its variables end in.
    """

    suffix: str
    condition: str
    step: str


@dataclass(frozen=True)
class Group:
    """Phases in a row that run at the same ticks."""

    clock: ClockView
    phases: tuple[PhaseView, ...]


@dataclass(frozen=True)
class SweepView:
    """One pass over a sequence of `steps` (a C expression), `extra` ticks longer than that.

    clocks: those that decide when a state changes sides. name: "" where the sequence is that of
    the model, else that of the variable with its length. before: what runs once before it.
    """

    forward: bool
    name: str
    steps: str
    extra: int
    clocks: tuple[ClockView, ...]
    groups: tuple[Group, ...]
    before: tuple[PhaseView, ...]


def sweep_views(
    program: Program, plan: tuple[Phase, ...], views: tuple[PhaseView, ...]
) -> tuple[SweepView, ...]:
    """One for each sweep."""
    return tuple(
        _sweep_view(program, sweep, [(p, v) for p, v in zip(plan, views, strict=True)])
        for sweep in range(len(program.sweeps))
    )


def _sweep_view(program: Program, sweep: int, pairs: list[tuple[Phase, PhaseView]]) -> SweepView:
    own = [(phase, view) for phase, view in pairs if phase.sweep == sweep]
    extra = max(0, *(phase.clock.extra for phase, _ in own), 0)
    length = program.lengths[sweep]
    name = "" if length == Length() else f"steps_{sweep}"
    steps = str(program.steps) if program.streams else name or "steps"

    def clock_view(clock: Clock) -> ClockView:
        condition = _condition(clock, steps, extra)
        return ClockView(suffix_of(program, sweep, clock), condition, step_text(clock))

    groups = [
        Group(clock_view(clock), tuple(view for _, view in run))
        for clock, run in groupby(own, key=lambda pair: pair[0].clock)
    ]
    clocks = tuple(clock_view(c) for c in dict.fromkeys(phase.clock for phase, _ in own))
    return SweepView(
        program.sweeps[sweep] == "forward",
        name,
        length_text(length, "steps"),
        extra,
        clocks,
        tuple(groups),
        tuple(view for phase, view in pairs if phase.before == sweep),
    )


def _condition(clock: Clock, steps: str, extra: int) -> str:
    parts = []
    if clock.first:
        parts.append(f"t >= {clock.first}")
    if clock.stride > 1:
        late = f"(t - {clock.first})" if clock.first else "t"
        parts.append(f"{late} % {clock.stride} == 0")
    if clock.extra < extra:
        late = f" {'-' if clock.extra < 0 else '+'} {abs(clock.extra)}" if clock.extra else ""
        parts.append(f"t < {steps}{late}")
    return " && ".join(parts)


def emits(program: Program) -> str:
    """Where outputs of a step come at some steps only: the C expression of whether they do, or of
    the bits of those that do.
    """
    clocks = output_clocks(program)
    if not program.streams or set(clocks.values()) <= {EVERY_TICK}:
        return ""
    texts = {c: _condition(c, str(program.steps), max(0, c.extra)) for c in clocks.values()}
    if len(texts) == 1:
        return next(iter(texts.values()))
    bits = output_bits(program)
    return " | ".join(
        f"({texts[c]} ? {bits[n]} : 0)" if texts[c] else str(bits[n]) for n, c in clocks.items()
    )


def output_clocks(program: Program) -> dict[str, Clock]:
    """When each output of a step is made, by its name."""
    known = program.clock_of
    return {p.name: known.get(p.value, (0, EVERY_TICK))[1] for p in program.outputs if p.per_step}


def output_bits(program: Program) -> dict[str, int]:
    """Of outputs at different rates the bit of each in what a step returns."""
    clocks = output_clocks(program)
    apart = program.streams and len(set(clocks.values())) > 1
    return {name: 1 << k for k, name in enumerate(clocks)} if apart else {}


def wrap(program: Program) -> tuple[int, int]:
    """(limit, period): a step's number that reaches the limit goes back by the period, which
    changes no clock.
    """
    period = math.lcm(*(block.clock.stride for block in program.blocks))
    return MOST_STEPS, period
