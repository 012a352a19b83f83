"""Curves that outputs of a model show: their small results matter, those inside a layer do not."""

from __future__ import annotations

from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import DenseOverTime, Layer, Model, Node, is_a

LIMITS = ("larger", "smaller")
"""What only limits a number."""


def is_curve(node: Expr) -> bool:
    """A function whose results may be small and matter then."""
    return node.kind == "softmax" or (node.kind == "apply" and node.name == "sigmoid")


def shown_curves(model: Model) -> frozenset[tuple[str, Expr]]:
    """(layer, node) of each sigmoid and softmax whose result an output shows, moved and limited
    maybe. What its own cell reads otherwise, or keeps, is a gate.
    """
    shown = {port.tensor for port in model.outputs}
    found: set[tuple[str, Expr]] = set()
    for node in reversed(model.nodes):
        if is_a(node, DenseOverTime):
            continue
        if not is_a(node, Layer):
            shown.update(node.reads if node.outputs["y"] in shown else ())
        else:
            for result, tensor in node.outputs.items():
                if tensor in shown and result not in node.op.cell.states:
                    end = without_limits(node.op.cell.results[result])
                    if end.kind == "input":
                        shown.add(node.inputs[end.name])
                    elif is_curve(end) and not _is_gate(node, end):
                        found.add((node.name, end))
    return frozenset(found)


def without_limits(node: Expr) -> Expr:
    """What limits are put to."""
    while node.kind in LIMITS and node.args[1].kind == "constant":
        node = node.args[0]
    return node


def _is_gate(layer: Node[Layer], curve: Expr) -> bool:
    """True where the layer itself reads what the curve gives, or keeps it."""
    cell = layer.op.cell
    reads = [e for e in cell.nodes if curve in e.args]
    kept = any(without_limits(cell.results[state]) is curve for state in cell.states)
    return kept or any(e.kind not in LIMITS for e in reads)
