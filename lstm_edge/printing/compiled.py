"""Summary of a compilation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lstm_edge.bundle import Bundle
from lstm_edge.cost import cost_of
from lstm_edge.manifest import AttemptEntry, StudyEntry, SymbolsEntry, of_core
from lstm_edge.printing.costs import cost_lines
from lstm_edge.printing.model import shape_text
from lstm_edge.search.widen import gain_text


def compiled(bundle: Bundle, errors: Sequence[str] = (), folder: Path | None = None) -> str:
    """errors: a line for the error of each output. folder: where it was written."""
    m = bundle.manifest
    place = f"{folder} " if folder else ""
    lines = [f"{m['name']}: {place}for {m['target']}, {m['options']}"]
    if "cores" in m:
        for name in m["cores"]:
            lines += [f"  {name}", *(f"  {line}" for line in cost_lines(cost_of(of_core(m, name))))]
    else:
        lines += cost_lines(cost_of(m))
    for kind, ports in (("input", m["inputs"]), ("output", m["outputs"])):
        for port in ports:
            once = "a sequence" if kind == "input" else "after the last step"
            per = "per step" if port["per_step"] else once
            per = f"every {port['every']} steps" if "every" in port else per
            numbers = f"{port['size']} x {port['type']} {per}, {port['format']}"
            lines.append(f"  {kind:6} {port['name']} {shape_text(port['shape'])}: {numbers}")
    lines += [_symbols(each) for each in m.get("symbols", [])]
    if m["proof"]:
        bits = m["proof"]["accumulator_bits"]
        lines.append(f"  proved nothing leaves int32 for any input; sums reach {bits} of 31 bits")
    lines += errors
    lines += [f"  wider  {gain_text(m['widened'])}"] if "widened" in m else []
    lines += tried(m["search"]) if "search" in m else []
    lines += [_study(m["study"])] if "study" in m else []
    return "\n".join(lines)


def _symbols(each: SymbolsEntry) -> str:
    """How many of an input's symbols calibration never saw."""
    return (
        f"  input  {each['input']}: {each['never_seen']:,} of {each['symbols']:,} symbols "
        f"({each['kind']}) never seen in calibration, with ranges as if they were"
    )


def _study(study: StudyEntry) -> str:
    """Which of its points this is."""
    front = [each for each in study["points"] if each["on_front"]]
    mine = next(each for each in study["points"] if each["chosen"])
    where = "one" if mine["on_front"] else "not one"
    return (
        f"  study  trial {mine['trial']}, {where} of {len(front)} on the front of "
        f"{study['tried']:,} points tried"
    )


def tried(attempts: Sequence[AttemptEntry]) -> list[str]:
    """A table of the widths that were tried; the chosen one is marked."""
    rows = [("constants", "instructions", "worst", "points lost", "weights, activations")]
    for each in attempts:
        lost = "-" if each["points_lost"] is None else f"{each['points_lost']:+.2f}"
        rows.append(
            (
                f"{each['flash']:,} B",
                f"{each['instructions']:,}",
                f"{each['sqnr_db']:.1f} dB",
                lost,
                _widths(each["options"]),
            )
        )
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]) - 1)]
    marks = ["tried", *("*" if each["chosen"] else "" for each in attempts)]
    return [
        "  ".join(
            [f"  {mark:5}", *(t.rjust(w) for t, w in zip(row, widths, strict=False)), row[-1]]
        )
        for mark, row in zip(marks, rows, strict=True)
    ]


def _widths(options: str) -> str:
    """`int8, 12 lstm:8` of `weights=int8 activations=12 lstm:activations=8`."""
    words = options.replace("weights=", "").replace("activations=", "").split()
    base = [word for word in words if ":" not in word]
    return " ".join([", ".join(base), *(word for word in words if ":" in word)])
