"""Elementwise and vector activations as layers of their own: y = f(x)."""

from lstm_edge.functions import ACTIVATIONS
from lstm_edge.ir.expr import Cell, argmax, input_vector, log_softmax, softmax

ELEMENTWISE = ("sigmoid", "tanh", "relu")
"""Functions without parameters, by the names of their layers."""


def activation(function: str, alpha: float = 0.0, beta: float = 0.0) -> Cell:
    """A function of `ACTIVATIONS`, applied to every unit; its name in any case."""
    known = {name.lower(): form for name, form in ACTIVATIONS.items()}
    build = known[function.lower()].build
    return Cell(function.lower(), {"y": build(input_vector("x"), alpha, beta)})


def softmax_layer() -> Cell:
    """Softmax over the features."""
    return Cell("softmax", {"y": softmax(input_vector("x"))})


def log_softmax_layer() -> Cell:
    """Logarithm of softmax over the features."""
    return Cell("log_softmax", {"y": log_softmax(input_vector("x"))})


def argmax_layer() -> Cell:
    """Index of the largest feature."""
    return Cell("argmax", {"y": argmax(input_vector("x"))})
