"""Fully connected layer: y = W x + b."""

from lstm_edge.ir.expr import Cell, affine, input_vector


def dense() -> Cell:
    """Weights `W_y` [units, features] and `b_y` [units]."""
    return Cell("dense", {"y": affine("y", input_vector("x"))})
