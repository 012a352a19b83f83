"""A compiled model in a few lines of HTML, for a notebook: from the manifest, nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lstm_edge.bundle import CORES
from lstm_edge.report.numbers import size, whole
from lstm_edge.report.template import template


def summary(manifest: Mapping[str, Any]) -> str:
    """A table of what was compiled, its size and its cost on each core, and its error."""
    cores = manifest.get(CORES) or {str(manifest["target"]): {}}
    outputs = manifest.get("accuracy", {}).get("outputs", {})
    return template("summary.html.j2").render(
        name=manifest["name"],
        options=manifest["options"],
        cores=[_core(name, {**manifest, **own}) for name, own in cores.items()],
        errors=[(name, _error(found)) for name, found in outputs.items()],
    )


def _core(name: str, m: Mapping[str, Any]) -> tuple[str, ...]:
    flash, ram, instructions = m["flash"], m["ram"], m["instructions"]
    code = "" if flash["code"] is not None else " and code"
    return (
        name,
        f"{size(sum(amount or 0 for amount in flash.values()))}{code}",
        size(sum(ram.values())),
        f"{m['macs']:,.10g}",
        "not known" if instructions is None else f"about {whole(instructions)}",
    )


def _error(found: Mapping[str, Any]) -> str:
    return "exact" if found["sqnr_db"] is None else f"{found['sqnr_db']:.1f} dB"
