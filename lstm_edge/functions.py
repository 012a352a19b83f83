"""Functions in terms of a few curved ones: all of ONNX's recurrent operators, and more.

alpha and beta are those of the operator's attributes. Adding one that recurrent operators have is
adding a line to `ACTIVATIONS`; a curve that nothing here gives needs a table in `passes/tables.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, pi, sqrt

from lstm_edge.ir.expr import (
    Expr,
    above,
    apply,
    constant,
    floor,
    larger,
    largest,
    select,
    sigmoid,
    smaller,
    take,
    tanh,
    total,
)

Function = Callable[[Expr], Expr]

MOST_FACTORS = 64
"""Whole powers up to this one are products."""


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


def logarithm(x: Expr) -> Expr:
    """log(x), x > 0."""
    return apply("log", x)


def root(x: Expr) -> Expr:
    """sqrt(x), 0 below 0."""
    return apply("sqrt", x)


def absolute(x: Expr) -> Expr:
    """|x|."""
    return larger(x, -x)


def ceiling(x: Expr) -> Expr:
    """The smallest whole number that is not below x."""
    return -floor(-x)


def truncated(x: Expr) -> Expr:
    """x without what is behind the point."""
    whole = floor(absolute(x))
    return select(constant(0.0), x, -whole, whole)


def floored_quotient(x: Expr, m: Expr, inverse: Expr | float) -> Expr:
    """floor(x / m) for m > 0 and its inverse. Where the product with that is rounded to the wrong
    side, as 49 * (1 / 49) is below 1, what is left over shows it.
    """
    whole = floor(x * inverse)
    left = x - whole * m
    return select(constant(0.0), left, whole - 1.0, select(m, left, whole, whole + 1.0))


def remainder(x: Expr, m: Expr, inverse: Expr | float) -> Expr:
    """x - m * floor(x / m) for m > 0 and its inverse: within [0, m), as long as the quotient, which
    may be rounded to the wrong side once, is exact to less than 1. Of an x that is far larger than
    m, what is left has as few digits as x has below m.
    """
    left = x - floor(x * inverse) * m
    return select(constant(0.0), left, left + m, select(m, left, left, left - m))


def signed_remainder(x: Expr, m: Expr, inverse: Expr | float) -> Expr:
    """x - m * trunc(x / m), as C's fmod: with the sign of x."""
    left = remainder(absolute(x), m, inverse)
    return select(constant(0.0), x, -left, left)


def square(x: Expr) -> Expr:
    """x * x."""
    return x * x


def reciprocal(x: Expr) -> Expr:
    """1 / x."""
    return 1.0 / x


def power(x: Expr, exponent: float) -> Expr:
    """x**exponent: whole numbers up to MOST_FACTORS by products, halves by a square root, others
    by exp(exponent * log(x)), which wants x > 0. Negative ones by a division.
    """
    if exponent < 0.0:
        return 1.0 / power(x, -exponent)
    whole, rest = divmod(exponent, 1.0)
    if rest not in (0.0, 0.5) or whole > MOST_FACTORS:
        return apply("exp", logarithm(x) * exponent)
    product = _product(x, int(whole))
    if not rest:
        return constant(1.0) if product is None else product
    return root(x) if product is None else product * root(x)


def _product(x: Expr, factors: int) -> Expr | None:
    """x multiplied by itself, with few products; None of no factors."""
    made: Expr | None = None
    while factors:
        if factors & 1:
            made = x if made is None else made * x
        factors >>= 1
        if factors:
            x = x * x
    return made


def power_of(base: float, x: Expr) -> Expr:
    """base**x, base > 0."""
    return apply("exp", x * log(base))


def gelu(x: Expr, tanh_form: bool = False) -> Expr:
    """x * P(normal variable < x), by erf or by the usual approximation of it."""
    if tanh_form:
        return x * (tanh((x + x * x * x * 0.044715) * sqrt(2.0 / pi)) * 0.5 + 0.5)
    return x * (apply("erf", x * sqrt(0.5)) * 0.5 + 0.5)


def selu(x: Expr, alpha: float = 1.6732632423543772, gamma: float = 1.0507009873554805) -> Expr:
    """gamma * elu(x)."""
    return elu(x, alpha, 0.0) * gamma


def celu(x: Expr, alpha: float = 1.0) -> Expr:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""
    return relu(x) + apply("elu_tail", x * (1.0 / alpha)) * alpha


def swish(x: Expr) -> Expr:
    """x * sigmoid(x)."""
    return x * sigmoid(x)


def hard_swish(x: Expr) -> Expr:
    """x * hard_sigmoid(x) with alpha = 1 / 6, beta = 1 / 2."""
    return x * hard_sigmoid(x, 1.0 / 6.0, 0.5)


def mish(x: Expr) -> Expr:
    """x * tanh(softplus(x))."""
    return x * tanh(softplus(x))


def prelu(x: Expr, slope: Expr) -> Expr:
    """x, or slope * x below 0; slope: a parameter with one entry per unit, or a constant."""
    return relu(x) + slope * smaller(x, 0.0)


def smallest(x: Expr) -> Expr:
    """The minimum over all units; one number."""
    return -largest(-x)


def mean(x: Expr, units: int) -> Expr:
    """The mean over all units, of which there are `units`; one number."""
    return total(x) * (1.0 / units)


def sum_of(parts: Sequence[Expr]) -> Expr:
    """The sum of one vector or more, in pairs, so that many of them nest a few sums only."""
    rest = list(parts)
    while len(rest) > 1:
        odd = rest[len(rest) & ~1 :]
        rest = [a + b for a, b in zip(rest[::2], rest[1::2], strict=False)] + odd
    return rest[0]


def sum_of_parts(x: Expr, count: int, units: int) -> Expr:
    """The sum of `count` vectors of `units` numbers that lie end to end in x."""
    return sum_of([take(x, range(k * units, (k + 1) * units)) for k in range(count)])


def l1_norm(x: Expr) -> Expr:
    """The sum of magnitudes over all units; one number."""
    return total(absolute(x))


def l2_norm(x: Expr) -> Expr:
    """The square root of the sum of squares over all units; one number."""
    return root(total(x * x))


def unit_vector(x: Expr, epsilon: float = 1e-12) -> Expr:
    """x / max(its L2 norm, epsilon)."""
    return x / larger(l2_norm(x), epsilon)


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

MORE: dict[str, Activation] = {
    "Exp": Activation(0, 0.0, 0.0, lambda x, _, __: exponential(x)),
    "Selu": Activation(0, 0.0, 0.0, lambda x, _, __: selu(x)),
    "Swish": Activation(0, 0.0, 0.0, lambda x, _, __: swish(x)),
    "HardSwish": Activation(0, 0.0, 0.0, lambda x, _, __: hard_swish(x)),
    "Gelu": Activation(0, 0.0, 0.0, lambda x, _, __: gelu(x)),
    "Mish": Activation(0, 0.0, 0.0, lambda x, _, __: mish(x)),
    "Clip": Activation(2, None, None, clamp),
    "TanhShrink": Activation(0, 0.0, 0.0, lambda x, _, __: x - tanh(x)),
}
"""Functions that recurrent layers of Keras may have, and those of ONNX have not."""
