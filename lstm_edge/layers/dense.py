"""Fully connected layer: y = W x + b."""

from __future__ import annotations

from typing import TypeGuard

from lstm_edge.ir.expr import Cell, affine, input_vector
from lstm_edge.ir.model import Layer, Node, Work, is_a

DENSE = "dense"
"""The name of the cell."""


def dense() -> Cell:
    """Weights `W_y` [units, features] and `b_y` [units]."""
    return Cell(DENSE, {"y": affine("y", input_vector("x"))})


def is_dense(node: Node[Work] | None) -> TypeGuard[Node[Layer]]:
    """Whether a node, if there is one, is such a layer."""
    return node is not None and is_a(node, Layer) and node.op.cell.name == DENSE
