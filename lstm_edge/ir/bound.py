"""What an equation bounds by itself, whatever its operands are."""

from __future__ import annotations

from lstm_edge.ir.expr import Expr

OPEN_CURVES = ("exp", "log", "sqrt")
"""Functions without a bound; all others stay within 1."""


def proved_bound(node: Expr) -> float:
    """A bound from the equation alone: 1 for o * tanh(c), infinite where there is none."""
    if node.kind == "apply":
        return float("inf") if node.name in OPEN_CURVES else 1.0
    if node.kind == "constant":
        return abs(node.value)
    parts = [proved_bound(e) for e in node.args]
    if node.kind == "mul":
        return parts[0] * parts[1] if 0.0 not in parts else 0.0
    if node.kind in ("add", "sub"):
        return parts[0] + parts[1]
    if node.kind == "within":
        held = node.args[1].kind == "state"  # by an earlier step within the same bound
        return parts[0] if held else max(parts[:2])
    if node.kind in ("take", "largest"):
        return parts[0]
    if node.kind in ("floor", "nearest"):
        return parts[0] + 1.0
    if node.kind in ("join", "select"):
        return max(parts[-2:] if node.kind == "select" else parts)
    if node.kind == "smaller" and node.args[0].kind == "larger":
        return max(parts[1], proved_bound(node.args[0].args[1]))
    return float("inf")
