"""What a model takes on a core, in lines."""

from __future__ import annotations

from lstm_edge.cost import Cost


def cost_lines(cost: Cost) -> list[str]:
    """Flash, RAM and a step."""
    code = "unknown (compiler not installed)" if cost.code is None else f"{cost.code:,} B"
    kept = f", {cost.kept:,} B of it for all steps of sequences" if cost.kept else ""
    return [
        f"  flash  code {code}, weights {cost.weights:,} B, tables {cost.tables:,} B",
        f"  RAM    state {cost.state:,} B, scratch {cost.scratch:,} B{kept}",
        f"  step   {_work(cost)}",
    ]


def _work(cost: Cost) -> str:
    """MACs of a step, and about how many instructions."""
    text = f"{cost.macs:,.10g} MACs"
    if cost.instructions is None:
        return f"{text}, instructions unknown: this core has no hardware for float32"
    per_mac = f", {cost.instructions / cost.macs:.2f} per MAC" if cost.macs else ""
    return f"{text}, about {cost.instructions:,} instructions at -O2{per_mac}"


def estimated(cost: Cost) -> str:
    """The same, of a model that was not compiled yet."""
    head = f"  about, as int8 on {cost.target}, before calibration:"
    return "\n".join([head, *(f"  {line}" for line in cost_lines(cost))])
