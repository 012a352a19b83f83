"""Scores on labels, and the samples that integers decide otherwise than float."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lstm_edge.accuracy.text import number
from lstm_edge.labels import Change, Score
from lstm_edge.report.tables import Table

SHOWN, LISTED = 10, 200
"""Samples that changed: at once, and where one asks for more."""
RIGHT = {"float": "right in float", "integers": "right in integers", "neither": "in neither"}


def scores_table(scores: Sequence[Score]) -> Table:
    """Each labelled output."""
    rows = []
    for each in scores:
        kind = "R2" if each.kind == "r2" else "right"
        rmse = "-"
        if each.kind == "r2":
            rmse = f"{number(each.float_rmse)}, {number(each.integer_rmse)}"
        changed = "-" if each.kind == "r2" else f"{len(each.changed):,}"
        rows.append(
            (
                each.name,
                kind,
                f"{each.float_percent:.2f} %",
                f"{each.integer_percent:.2f} %",
                f"{each.points:+.2f}",
                rmse,
                changed,
            )
        )
    head = ("output", "score", "float", "integers", "points", "rmse, both", "decided otherwise")
    told = [column for column in zip(head, *rows, strict=True) if set(column[1:]) != {"-"}]
    heads, *lines = zip(*told, strict=True)
    return Table("Scores on the labels", heads, tuple(lines))


@dataclass(frozen=True)
class Changes:
    """Of one output: the first few samples that changed, and more of them."""

    name: str
    summary: str
    few: Table
    many: Table | None


def changes_of(scores: Sequence[Score]) -> list[Changes]:
    """The samples that changed, output by output."""
    return [_changes(each) for each in scores if each.changed]


def _changes(score: Score) -> Changes:
    rows = tuple(
        (
            f"{c.sample:,}" if c.step is None else f"{c.sample:,}, step {c.step:,}",
            f"{c.label}",
            f"{c.float_class}",
            f"{c.integer_class}",
            _who(c),
        )
        for c in score.changed[:LISTED]
    )
    count = Counter(_who(c) for c in score.changed)
    told = ", ".join(f"{count[who]:,} {text}" for who, text in RIGHT.items())
    left = len(score.changed) - len(rows)
    note = f"and {left:,} more: `lstm-edge verify --json` lists all" if left else ""
    head = ("sample", "label", "float", "integers", "right")
    caption = f"{score.name}: decided otherwise"
    return Changes(
        score.name,
        f"{len(score.changed):,} decided otherwise: {told}.",
        Table(f"{caption}, the first {len(rows[:SHOWN])}", head, rows[:SHOWN]),
        Table(f"{caption}, {len(rows)}", head, rows, note) if len(rows) > SHOWN else None,
    )


def _who(change: Change) -> str:
    return {change.float_class: "float", change.integer_class: "integers"}.get(
        change.label, "neither"
    )
