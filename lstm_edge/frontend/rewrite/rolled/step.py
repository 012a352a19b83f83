"""One step of a cell, whatever nodes it was found in."""

from __future__ import annotations

from dataclasses import dataclass

from onnx import NodeProto

from lstm_edge.frontend.rewrite.rolled.gate import Function
from lstm_edge.frontend.rewrite.rolled.linear import Form


@dataclass(frozen=True)
class Step:
    """One step. forms: pre-activations by gate, in ONNX's order; those of a GRU have "q", too,
    where the reset gate acts after the product: what it acts on. A first step from zeros may lack
    gates that have no effect then.

    op: LSTM, GRU or RNN. functions: as ONNX lists them. h, c: states before the step where the
    nodes tell; h_next, c_next: after it. after: linear_before_reset.
    """

    op: str
    forms: dict[str, Form]
    functions: tuple[Function, ...]
    h_next: str
    h: str | None = None
    c: str | None = None
    c_next: str | None = None
    after: bool = False
    leaves: frozenset[str] = frozenset()

    @property
    def from_zeros(self) -> bool:
        """True for what can be a first step only: the state before it does not occur."""
        return {"LSTM": self.c is None, "GRU": self.h is None, "RNN": False}[self.op]


def both_ways(node: NodeProto) -> tuple[tuple[str, str], tuple[str, str]]:
    """The two inputs of a node in either order."""
    left, right = node.input
    return (left, right), (right, left)
