"""Functions that cells may be asked for by their names."""

from __future__ import annotations

from lstm_edge.errors import ModelError
from lstm_edge.functions import Function, gelu, relu, swish
from lstm_edge.ir.expr import Expr, sigmoid, tanh


def lecun_tanh(x: Expr) -> Expr:
    """1.7159 tanh(0.666 x) (LeCun et al. 1998), as CfC writes it."""
    return tanh(x * 0.666) * 1.7159


BY_NAME: dict[str, Function] = {
    "tanh": tanh,
    "relu": relu,
    "sigmoid": sigmoid,
    "silu": swish,
    "gelu": gelu,
    "lecun_tanh": lecun_tanh,
}


def activation(function: str | Function) -> Function:
    """A function, or the one of that name. Raises ModelError for a name that is unknown."""
    if callable(function):
        return function
    if function not in BY_NAME:
        raise ModelError(
            f"function {function!r}", f"is unknown; expected one of {', '.join(BY_NAME)}"
        )
    return BY_NAME[function]
