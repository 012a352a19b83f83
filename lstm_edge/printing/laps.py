"""The seconds of each pass of a compilation."""

from __future__ import annotations

from lstm_edge.stopwatch import Stopwatch


def laps(stopwatch: Stopwatch) -> str:
    """A table: a line for each pass, and one for all of them."""
    found = stopwatch.laps
    rows = [(name, str(each.runs), each.wall, each.cpu) for name, each in found.items()]
    wall, cpu = (sum(numbers) for numbers in zip(*((r[2], r[3]) for r in rows), strict=True))
    width = max(len(name) for name in ("pass", *found))
    lines = [f"{'pass':{width}}  {'runs':>5}  {'wall s':>8}  {'CPU s':>8}"]
    for name, runs, *seconds in (*rows, ("total", "", wall, cpu)):
        numbers = "  ".join(f"{s:8.2f}" for s in seconds)
        lines.append(f"{name:{width}}  {runs:>5}  {numbers}")
    return "\n".join(lines)
