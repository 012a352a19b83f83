"""Embedding: a vector of its own for each of a number of ids."""

from lstm_edge.ir.expr import Cell, input_vector, lookup

MOST_ROWS = 2**20
"""Rows of a table."""


def embedding(column: int = 0) -> Cell:
    """Row `E[id]` of the table `E` [rows, units], where id is number `column` of the input."""
    return Cell("embedding", {"y": lookup("E", input_vector("x"), column)})
