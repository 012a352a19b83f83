"""Every activation function of ONNX's recurrent operators, in terms of a few curved ones.

alpha and beta are those of the operator's attributes. Adding a function is adding a line to
`ACTIVATIONS`; a curve that nothing here gives needs a table in `passes/tables.py`, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lstm_edge.ir.expr import Expr, above, apply, larger, sigmoid, smaller, tanh

Function = Callable[[Expr], Expr]


def relu(x: Expr) -> Expr:
    """max(x, 0)."""
    return larger(x, 0.0)


def clamp(x: Expr, low: float, high: float) -> Expr:
    """The nearest number within [low, high]."""
    return smaller(larger(x, low), high)


def affine_function(x: Expr, alpha: float, beta: float) -> Expr:
    """alpha * x + beta."""
    return x if (alpha, beta) == (1.0, 0.0) else x * alpha + beta


def leaky_relu(x: Expr, alpha: float, _: float) -> Expr:
    """x, or alpha * x below 0."""
    return relu(x) + smaller(x, 0.0) * alpha


def thresholded_relu(x: Expr, alpha: float, _: float) -> Expr:
    """x where x > alpha, else 0."""
    return above(x, alpha)


def scaled_tanh(x: Expr, alpha: float, beta: float) -> Expr:
    """alpha * tanh(beta * x)."""
    return tanh(x * beta) * alpha


def hard_sigmoid(x: Expr, alpha: float, beta: float) -> Expr:
    """alpha * x + beta within [0, 1]."""
    return clamp(x * alpha + beta, 0.0, 1.0)


def elu(x: Expr, alpha: float, _: float) -> Expr:
    """x, or alpha * (exp(x) - 1) below 0."""
    return relu(x) + apply("elu_tail", x) * alpha


def softsign(x: Expr) -> Expr:
    """x / (1 + |x|)."""
    return apply("softsign", x)


def softplus(x: Expr) -> Expr:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    return relu(x) + apply("softplus_tail", x)


def exponential(x: Expr) -> Expr:
    """exp(x)."""
    return apply("exp", x)


@dataclass(frozen=True)
class Activation:
    """A function by its ONNX name: the defaults of alpha and beta, None where they must be given
    (`parameters` says how many it takes).
    """

    parameters: int
    alpha: float | None
    beta: float | None
    build: Callable[[Expr, float, float], Expr]


ACTIVATIONS: dict[str, Activation] = {
    "Relu": Activation(0, 0.0, 0.0, lambda x, _, __: relu(x)),
    "Tanh": Activation(0, 0.0, 0.0, lambda x, _, __: tanh(x)),
    "Sigmoid": Activation(0, 0.0, 0.0, lambda x, _, __: sigmoid(x)),
    "Affine": Activation(2, None, None, affine_function),
    "LeakyRelu": Activation(1, 0.01, 0.0, leaky_relu),
    "ThresholdedRelu": Activation(1, 1.0, 0.0, thresholded_relu),
    "ScaledTanh": Activation(2, None, None, scaled_tanh),
    "HardSigmoid": Activation(2, 0.2, 0.5, hard_sigmoid),
    "Elu": Activation(1, 1.0, 0.0, elu),
    "Softsign": Activation(0, 0.0, 0.0, lambda x, _, __: softsign(x)),
    "Softplus": Activation(0, 0.0, 0.0, lambda x, _, __: softplus(x)),
}
"""The eleven functions of the ONNX specification."""

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
"""Klambauer et al. 2017."""

MORE: dict[str, Activation] = {
    "Exp": Activation(0, 0.0, 0.0, lambda x, _, __: exponential(x)),
    "Selu": Activation(0, 0.0, 0.0, lambda x, _, __: elu(x, _SELU_ALPHA, 0.0) * _SELU_SCALE),
    "Celu": Activation(0, 0.0, 0.0, lambda x, _, __: elu(x, 1.0, 0.0)),
    "Swish": Activation(0, 0.0, 0.0, lambda x, _, __: x * sigmoid(x)),
    "HardSwish": Activation(0, 0.0, 0.0, lambda x, _, __: x * hard_sigmoid(x, 1.0 / 6.0, 0.5)),
    "Clip": Activation(2, None, None, clamp),
    "TanhShrink": Activation(0, 0.0, 0.0, lambda x, _, __: x - tanh(x)),
}
"""Functions of Keras, which its recurrent layers may have; those of ONNX' operators have not."""
