"""A table, and a chart with its numbers as one."""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.report.charts import Chart


@dataclass(frozen=True)
class Table:
    """caption, headings, and rows of text; the first column names the row."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A chart with its numbers."""

    chart: Chart
    table: Table
    note: str = ""
