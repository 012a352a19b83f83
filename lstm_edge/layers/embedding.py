"""Embedding: a vector of its own for each of a number of ids."""

from __future__ import annotations

from typing import TypeGuard

from lstm_edge.ir.expr import Cell, input_vector, lookup
from lstm_edge.ir.model import Layer, Node, Work, is_a

EMBEDDING = "embedding"
"""The name of the cell."""

MOST_ROWS = 2**20
"""Rows of a table."""


def embedding(column: int = 0) -> Cell:
    """Row `E[id]` of the table `E` [rows, units], where id is number `column` of the input."""
    return Cell(EMBEDDING, {"y": lookup("E", input_vector("x"), column)})


def is_embedding(node: Node[Work] | None) -> TypeGuard[Node[Layer]]:
    """Whether a node, if there is one, is such a layer."""
    return node is not None and is_a(node, Layer) and node.op.cell.name == EMBEDDING
