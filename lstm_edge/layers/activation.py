"""Elementwise and vector activations as layers of their own: y = f(x)."""

from lstm_edge.ir.expr import Cell, Expr, input_vector, log_softmax, softmax

ELEMENTWISE = ("sigmoid", "tanh", "relu")


def activation(function: str) -> Cell:
    """One of `ELEMENTWISE`, applied to every unit."""
    return Cell(function, {"y": Expr("apply", (input_vector("x"),), name=function)})


def softmax_layer() -> Cell:
    """Softmax over the features."""
    return Cell("softmax", {"y": softmax(input_vector("x"))})


def log_softmax_layer() -> Cell:
    """Logarithm of softmax over the features."""
    return Cell("log_softmax", {"y": log_softmax(input_vector("x"))})
