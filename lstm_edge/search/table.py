"""The front of a study as text, no wider than 80 columns, and as plain values."""

from __future__ import annotations

import textwrap
from typing import Any

from lstm_edge.search.front import Tried, chosen, to_json
from lstm_edge.search.study import Found

WIDTH = 80
INDENT = " " * 9
NO_CODE = "flash: weights and tables, without code"
OWN_FLOAT = (
    "dB and points are against each model's own float result, and do not say which\n"
    "model is better; with --labels, --objectives missed,flash,... does"
)


def text(found: Found) -> str:
    """A line of figures for each point of the front, its model and options below; `*` is what is
    compiled where no trial is named.
    """
    front = found.front
    tried = f"{len(found.tried)}" + ("" if found.most is None else f" of {found.most}")
    lines = [f"{tried} points tried, {len(front)} on the Pareto front"]
    if not front:
        return "\n".join([*lines, "no point holds the limits; allow more, or search wider"])
    counted = any(each.result.cycles is not None for each in front)
    heads = f"{'trial':>6}  {'dB':>7}  {'points':>8}  {'flash':>10}  {'RAM':>9}  {'insn':>11}"
    lines.append(f"  {heads}" + (f"  {'cycles':>11}" if counted else ""))
    best = chosen(front, found.objectives, found.limits)
    for each in front:
        mark = "*" if each is best else " "
        lines += [_figures(each, mark), *_words(each, found.labels[each.point.model])]
    code = NO_CODE if found.compiler is None else f"flash: with code of {found.compiler}"
    lines += textwrap.wrap(code, WIDTH, subsequent_indent="  ")
    if len(found.labels) > 1 and "missed" not in found.objectives:
        lines.append(OWN_FLOAT)
    return "\n".join(lines)


def _figures(each: Tried, mark: str) -> str:
    r = each.result
    points = "-" if r.points is None else f"{r.points:+.2f}"
    insn = "-" if r.instructions is None else f"{r.instructions:,}"
    cycles = "" if r.cycles is None else f"  {r.cycles:>11,}"
    return (
        f"{mark} {each.number:>6}  {r.decibels:>7.2f}  {points:>8}  {r.flash:>10,}  "
        f"{r.ram:>9,}  {insn:>11}{cycles}"
    )


def _words(each: Tried, label: str) -> list[str]:
    words = f"{label}: {each.point.describe()}"
    return textwrap.wrap(words, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT + "  ")


def json_of(found: Found) -> dict[str, Any]:
    """The same as plain values."""
    front = found.front
    best = chosen(front, found.objectives, found.limits) if front else None
    return {
        "tried": len(found.tried),
        "most": found.most,
        "objectives": list(found.objectives),
        "compiler": found.compiler,
        "chosen": None if best is None else best.number,
        "front": [to_json(each, found.labels[each.point.model]) for each in front],
    }
