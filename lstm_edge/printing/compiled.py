"""Summary of a compilation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lstm_edge.bundle import Bundle
from lstm_edge.manifest import AttemptEntry, Manifest, of_core
from lstm_edge.printing.model import shape_text


def compiled(bundle: Bundle, errors: Sequence[str] = (), folder: Path | None = None) -> str:
    """errors: a line for the error of each output. folder: where it was written."""
    m = bundle.manifest
    place = f"{folder} " if folder else ""
    lines = [f"{m['name']}: {place}for {m['target']}, {m['options']}"]
    if "cores" in m:
        for name in m["cores"]:
            lines += [f"  {name}", *(f"  {line}" for line in _costs(of_core(m, name)))]
    else:
        lines += _costs(m)
    for kind, ports in (("input", m["inputs"]), ("output", m["outputs"])):
        for port in ports:
            once = "a sequence" if kind == "input" else "after the last step"
            per = "per step" if port["per_step"] else once
            numbers = f"{port['size']} x {port['type']} {per}, {port['format']}"
            lines.append(f"  {kind:6} {port['name']} {shape_text(port['shape'])}: {numbers}")
    if m["proof"]:
        bits = m["proof"]["accumulator_bits"]
        lines.append(f"  proved nothing leaves int32 for any input; sums reach {bits} of 31 bits")
    lines += errors
    lines += tried(m["search"]) if "search" in m else []
    return "\n".join(lines)


def _costs(m: Manifest) -> list[str]:
    """Flash, RAM and a step on one core."""
    flash, ram = m["flash"], m["ram"]
    code = "unknown (compiler not installed)" if flash["code"] is None else f"{flash['code']:,} B"
    return [
        f"  flash  code {code}, weights {flash['weights']:,} B, tables {flash['tables']:,} B",
        f"  RAM    state {ram['state']:,} B, scratch {ram['scratch']:,} B",
        f"  step   {_work(m)}",
    ]


def _work(manifest: Manifest) -> str:
    """MACs of a step, and about how many instructions."""
    macs, instructions = manifest["macs"], manifest["instructions"]
    text = f"{macs:,.10g} MACs"
    if instructions is None:
        return f"{text}, instructions unknown: this core has no hardware for float32"
    per_mac = f", {instructions / macs:.2f} per MAC" if macs else ""
    return f"{text}, about {instructions:,} instructions{per_mac} (estimated at -O2)"


def tried(attempts: Sequence[AttemptEntry]) -> list[str]:
    """A table of the widths that were tried; the chosen one is marked."""
    rows = [("  tried  widths", "constants", "instructions", "worst output", "points lost")]
    for each in attempts:
        lost = "-" if each["points_lost"] is None else f"{each['points_lost']:+.2f}"
        rows.append(
            (
                f"  {'*' if each['chosen'] else ' '}      {each['options']}",
                f"{each['flash']:,} B",
                f"about {each['instructions']:,}",
                f"{each['sqnr_db']:.1f} dB",
                lost,
            )
        )
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(t.rjust(w) for t, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
