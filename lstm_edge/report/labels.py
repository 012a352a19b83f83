"""Scores on labels, and the samples that integers decide otherwise than float."""

from __future__ import annotations

from collections.abc import Sequence

from lstm_edge.accuracy.text import number
from lstm_edge.labels import Score
from lstm_edge.report.tables import Table

CHANGES_SHOWN = 200


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
    return Table("Scores on the labels", head, tuple(rows))


def changes_tables(scores: Sequence[Score]) -> list[Table]:
    """The samples that changed, output by output."""
    found = []
    for each in scores:
        if not each.changed:
            continue
        rows = tuple(
            (
                f"{c.sample:,}" if c.step is None else f"{c.sample:,}, step {c.step:,}",
                f"{c.label}",
                f"{c.float_class}",
                f"{c.integer_class}",
                _who(c.label, c.float_class, c.integer_class),
            )
            for c in each.changed[:CHANGES_SHOWN]
        )
        left = len(each.changed) - len(rows)
        note = f"and {left:,} more: `lstm-edge verify --json` lists all" if left else ""
        head = ("sample", "label", "float", "integers", "right")
        found.append(Table(f"{each.name}: decided otherwise", head, rows, note))
    return found


def _who(label: int, real: int, ours: int) -> str:
    return {real: "float", ours: "integers"}.get(label, "neither")
