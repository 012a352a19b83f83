"""A compiled model in a few lines of HTML, for a notebook: from the manifest, nothing is run."""

from __future__ import annotations

from lstm_edge.accuracy import text
from lstm_edge.manifest import ErrorEntry, Manifest, of_core
from lstm_edge.report.numbers import size, whole
from lstm_edge.report.template import template


def summary(manifest: Manifest) -> str:
    """A table of what was compiled, its size and its cost on each core, and its error."""
    cores = list(manifest["cores"]) if "cores" in manifest else [manifest["target"]]
    outputs = manifest["accuracy"]["outputs"] if "accuracy" in manifest else {}
    return template("summary.html.j2").render(
        name=manifest["name"],
        options=manifest["options"],
        cores=[_core(name, of_core(manifest, name)) for name in cores],
        errors=[(name, _error(found)) for name, found in outputs.items()],
    )


def _core(name: str, m: Manifest) -> tuple[str, ...]:
    flash, ram, instructions = m["flash"], m["ram"], m["instructions"]
    code = "" if flash["code"] is not None else " and code"
    total = (flash["code"] or 0) + flash["weights"] + flash["tables"]
    return (
        name,
        f"{size(total)}{code}",
        size(ram["state"] + ram["scratch"]),
        f"{m['macs']:,.10g}",
        "not known" if instructions is None else f"about {whole(instructions)}",
    )


def _error(found: ErrorEntry) -> str:
    decibels, varying = found["sqnr_db"], found["sqnr_db_without_mean"]
    if decibels is None:
        return "exact"
    return f"{decibels:.1f} dB{text.mean_note(decibels, varying)}"
